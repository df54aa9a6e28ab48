// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "account.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "announce.h"
#include "hooks.h"
#include "limits.h"
#include "pool.h"
#include "telemetry.h"

#define REGION_PATH KERF_PREFIX "/region"
#define GRAIN 512ull
#define ORDINALS 64
#define NOT_GRANTED (-1)
#define NOT_KNOWN (-2)

/* Lies on a page of its own that the kernel empties in a forked child: a child owns nothing of its parent's. */
struct open_state {
  uint32_t is_open;
  uint32_t lock;
  uint32_t pid; /* set where the kernel cannot empty pages: compared at every use */
};

static struct open_state *open_state;
static struct region *region;
static int region_fd = -1;
/* Which file that descriptor is of, and who opened it: a tenant may have closed it and got its number for another. */
static struct stat region_file;
static uint32_t region_opener;
/* Threads of this process take turns at reaping; between processes the region and a lock on its file decide. */
static uint32_t is_reaping;
static int reaper_cancel; /* of the thread whose turn it is */
static struct ledger ledger;
static struct ptrmap map;
static uint64_t own_namespace;
/* Index on the page + 1 by device ordinal; 0 not asked yet, -1 not granted. */
static int8_t index_of_ordinal[ORDINALS];

/* ---- who is dead in this container ---- */

static bool is_same_file(int fd) {
  struct stat file;
  return syscall(SYS_fstat, fd, &file) == 0 && file.st_dev == region_file.st_dev && file.st_ino == region_file.st_ino;
}

/* Only then do locks tell the truth. */
static bool has_own_file(void) { return region_opener == (uint32_t)getpid() && is_same_file(region_fd); }

/* A pid of another namespace tells nothing here; nor does one whose owner has not said yet, or
 * died before he could. Without /proc nobody is known to be dead. */
static bool slot_is_dead(void *context, uint32_t index, const struct region_slot *slot) {
  (void)context;
  uint64_t namespace = __atomic_load_n(&slot->pid_namespace, __ATOMIC_RELAXED);
  if (own_namespace == 0) return false;
  if (namespace != own_namespace) return has_own_file() && !ledger_slot_is_locked(region_fd, index);
  /* Our own pid in somebody else's slot: what this process was before it executed us. */
  if (slot->pid == (uint32_t)getpid()) return slot != ledger.slot;
  if (!ledger_pid_is_dead(slot->pid, slot->start_ticks)) return false;
  /* Start times differ between time namespaces as well as between lives: then the lock decides. */
  return ledger_pid_is_dead(slot->pid, 0) || (has_own_file() && !ledger_slot_is_locked(region_fd, index));
}

/* A lock left by an earlier owner's children is not ours to live under: that slot is passed by. */
static bool slot_hold(void *context, uint32_t index) {
  (void)context;
  return ledger_lock(region_fd, index) != LEDGER_HELD_BY_OTHERS;
}

static void slot_drop(void *context, uint32_t index) {
  (void)context;
  ledger_unlock(region_fd, index);
}

/* Of a holder in another namespace only the lock tells, which we have by now if he died. */
static bool reaper_is_gone(uint64_t holder, bool has_lock) {
  if (holder >> 32 != own_namespace) return has_lock;
  return (uint32_t)holder == (uint32_t)getpid() || ledger_pid_is_dead((uint32_t)holder, 0);
}

static bool take_reaping(struct region *of) {
  uint64_t holder = 0;
  uint64_t self = own_namespace << 32 | (uint32_t)getpid();
  enum ledger_lock lock = has_own_file() ? ledger_lock(region_fd, LEDGER_REAPER_LOCK) : LEDGER_CANNOT_LOCK;
  if (lock == LEDGER_HELD_BY_OTHERS) return false;
  if (__atomic_compare_exchange_n(&of->reaper_pid, &holder, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return true;
  if (reaper_is_gone(holder, lock == LEDGER_LOCKED) &&
      __atomic_compare_exchange_n(&of->reaper_pid, &holder, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return true;
  if (lock == LEDGER_LOCKED) ledger_unlock(region_fd, LEDGER_REAPER_LOCK);
  return false;
}

static bool reaper_try_lock(void *context, struct region *of) {
  (void)context;
  int cancel = cancel_hold();
  bool is_ours = __atomic_exchange_n(&is_reaping, 1u, __ATOMIC_ACQUIRE) == 0;
  if (is_ours && take_reaping(of)) {
    reaper_cancel = cancel;
    return true;
  }
  if (is_ours) __atomic_store_n(&is_reaping, 0u, __ATOMIC_RELEASE);
  cancel_allow(cancel);
  return false;
}

/* The word first: whoever holds it has the lock. */
static void reaper_unlock(void *context, struct region *of) {
  (void)context;
  __atomic_store_n(&of->reaper_pid, 0, __ATOMIC_SEQ_CST);
  if (has_own_file()) ledger_unlock(region_fd, LEDGER_REAPER_LOCK);
  int cancel = reaper_cancel;
  __atomic_store_n(&is_reaping, 0u, __ATOMIC_RELEASE);
  cancel_allow(cancel);
}

static int open_again(void) {
  int fd = (int)syscall(SYS_openat, AT_FDCWD, REGION_PATH, O_RDONLY | O_CLOEXEC);
  if (fd >= 0 && is_same_file(fd)) return fd;
  if (fd >= 0) syscall(SYS_close, fd);
  return -1;
}

static struct share_desk desk = {&ledger, &map, -1, open_again};

static uint64_t slot_left(void *context, uint32_t index, uint32_t device, bool is_dead) {
  (void)context;
  return share_left(&desk, index, device, is_dead);
}

static const struct ledger_liveness BY_PID = {NULL,      slot_is_dead,    slot_hold,
                                              slot_drop, reaper_try_lock, reaper_unlock, slot_left};

const struct share_desk *account_desk(void) {
  desk.fd = has_own_file() ? region_fd : -1;
  return &desk;
}

uint32_t account_family(void) {
  uint64_t word = (uint64_t)region_file.st_dev << 32 ^ (uint64_t)region_file.st_ino;
  return (uint32_t)((word * 0x9e3779b97f4a7c15ull) >> 33);
}

/* ---- opening ---- */

static struct open_state *state_page(void) {
  struct open_state *page = __atomic_load_n(&open_state, __ATOMIC_ACQUIRE);
  if (page != NULL) return page;
  page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return NULL;
  if (madvise(page, 4096, MADV_WIPEONFORK) != 0) page->pid = (uint32_t)getpid();
  struct open_state *nothing = NULL;
  if (__atomic_compare_exchange_n(&open_state, &nothing, page, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return page;
  munmap(page, 4096);
  return nothing;
}

static bool is_open(const struct open_state *page) {
  if (page == NULL || __atomic_load_n(&page->is_open, __ATOMIC_ACQUIRE) == 0) return false;
  return page->pid == 0 || page->pid == (uint32_t)getpid();
}

static bool map_region(void) {
  struct stat file;
  if (region != NULL) return true;
  int fd = open(REGION_PATH, O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  void *bytes = MAP_FAILED;
  if (syscall(SYS_fstat, fd, &file) == 0 && file.st_size == REGION_BYTES)
    bytes = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) {
    close(fd);
    return false;
  }
  region_fd = fd;
  region_file = file;
  region_opener = (uint32_t)getpid();
  region = bytes;
  return true;
}

/* A child's own description in the place of the one it shares with its parent, whose locks it would not see. */
static bool open_own_file(void) {
  if (has_own_file()) return true;
  int fd = open(REGION_PATH, O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  if (!is_same_file(fd)) {
    close(fd);
    return false;
  }
  if (is_same_file(region_fd)) {
    dup3(fd, region_fd, O_CLOEXEC);
    close(fd);
  } else {
    region_fd = fd;
  }
  region_opener = (uint32_t)getpid();
  return true;
}

static bool open_account(void) {
  uint32_t pid = (uint32_t)getpid();
  if (!map_region() || !ledger_is_region(region) || !open_own_file()) return false;
  ptrmap_abandon(&map);
  pool_abandon();
  is_reaping = 0;
  ledger = (struct ledger){region, NULL, &BY_PID};
  own_namespace = ledger_pid_namespace();
  if (!ledger_attach(&ledger, pid, ledger_start_ticks(pid))) return false;
  __atomic_store_n(&ledger.slot->pid_namespace, own_namespace, __ATOMIC_SEQ_CST);
  announce_process();
  return true;
}

static bool open_once(struct open_state *page) {
  int cancel = cancel_hold();
  while (__atomic_exchange_n(&page->lock, 1u, __ATOMIC_ACQUIRE) != 0) sched_yield();
  bool has_opened = is_open(page);
  if (!has_opened && open_account()) {
    if (page->pid != 0) page->pid = (uint32_t)getpid();
    __atomic_store_n(&page->is_open, 1u, __ATOMIC_RELEASE);
    has_opened = true;
  }
  __atomic_store_n(&page->lock, 0u, __ATOMIC_RELEASE);
  cancel_allow(cancel);
  return has_opened;
}

static bool is_ready(void) {
  struct open_state *page = __atomic_load_n(&open_state, __ATOMIC_ACQUIRE);
  if (is_open(page)) return true;
  page = state_page();
  return page != NULL && open_once(page);
}

CUresult account_check(void) {
  return limits_read() != NULL && map_region() && ledger_is_region(region) ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

/* ---- devices ---- */

static int find_index(const struct limits_page *page, CUdevice device) {
  CUuuid uuid;
  char text[KERF_UUID_BYTES];
  /* The second form tells a MIG slice's own UUID; older drivers have the first only. */
  if (DRIVER(cuDeviceGetUuid_v2)(&uuid, device) != CUDA_SUCCESS &&
      DRIVER(cuDeviceGetUuid)(&uuid, device) != CUDA_SUCCESS)
    return NOT_KNOWN;
  limits_format_uuid(uuid.bytes, text);
  return limits_find(page, text);
}

/* Ordinals keep their device for the life of the process, so the answer is kept, unless the driver gave none. */
static int ask_index(CUdevice device) {
  const struct limits_page *page = limits_read();
  if (page == NULL) return NOT_GRANTED;
  bool is_kept = device >= 0 && device < ORDINALS;
  int kept = is_kept ? __atomic_load_n(&index_of_ordinal[device], __ATOMIC_RELAXED) : 0;
  if (kept != 0) return kept > 0 ? kept - 1 : NOT_GRANTED;
  int index = find_index(page, device);
  if (is_kept && index != NOT_KNOWN)
    __atomic_store_n(&index_of_ordinal[device], (int8_t)(index >= 0 ? index + 1 : -1), __ATOMIC_RELAXED);
  return index;
}

int account_index(CUdevice device) {
  int index = ask_index(device);
  return index >= 0 ? index : NOT_GRANTED;
}

bool account_is_stranger(CUdevice device) { return ask_index(device) == NOT_GRANTED; }

bool account_limit(CUdevice device, uint64_t *limit_bytes) {
  int index = account_index(device);
  if (index < 0) return false;
  *limit_bytes = limits_memory(limits_read(), (uint32_t)index);
  return true;
}

bool account_growth(CUdevice device, uint64_t *limit_bytes) {
  int index = account_index(device);
  if (index < 0) return false;
  *limit_bytes = limits_growth(limits_read(), (uint32_t)index);
  return true;
}

uint64_t account_used(CUdevice device) {
  int index = account_index(device);
  if (own_namespace == 0) own_namespace = ledger_pid_namespace();
  return index >= 0 && map_region() ? ledger_living(region, (uint32_t)index, &BY_PID) : 0;
}

/* Device of a context, kept as one word: 48 bits of address, 16 of ordinal + 1. */
#define KEPT_CONTEXTS 16
static uint64_t kept_contexts[KEPT_CONTEXTS];

static uint64_t *kept_place(CUcontext context) {
  return &kept_contexts[((uint64_t)(uintptr_t)context >> 4) % KEPT_CONTEXTS];
}

static CUresult current_device(CUcontext *context, CUdevice *device) {
  CUresult result = DRIVER(cuCtxGetCurrent)(context);
  if (result != CUDA_SUCCESS) return result;
  if (*context == NULL) return CUDA_ERROR_INVALID_CONTEXT;
  uint64_t address = (uint64_t)(uintptr_t)*context & REGION_USED_MASK;
  uint64_t kept = __atomic_load_n(kept_place(*context), __ATOMIC_RELAXED);
  if ((kept & REGION_USED_MASK) == address) {
    *device = (CUdevice)(kept >> 48) - 1;
    return CUDA_SUCCESS;
  }
  result = DRIVER(cuCtxGetDevice)(device);
  if (result == CUDA_SUCCESS && *device >= 0 && *device < ORDINALS)
    __atomic_store_n(kept_place(*context), address | (uint64_t)(*device + 1) << 48, __ATOMIC_RELAXED);
  return result;
}

int account_current(CUcontext *context) {
  CUdevice device;
  return current_device(context, &device) == CUDA_SUCCESS ? account_index(device) : NOT_GRANTED;
}

struct region *account_look(void) { return map_region() && ledger_is_region(region) ? region : NULL; }

struct region *account_region(void) { return is_ready() ? region : NULL; }

/* ---- charges ---- */

uint64_t account_round(uint64_t bytes) {
  return bytes > REGION_USED_MASK ? bytes : (bytes + GRAIN - 1) / GRAIN * GRAIN;
}

CUresult account_try(const struct ledger_charge *charge) {
  const struct limits_page *page = limits_read();
  if (page == NULL || !is_ready()) return CUDA_ERROR_NO_DEVICE;
  uint64_t start_ns = telemetry_sample();
  bool fits = ledger_try(&ledger, *charge, limits_growth(page, charge->device)) == LEDGER_OK;
  telemetry_alloc(region, start_ns);
  return fits ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

void account_refuse(const struct ledger_charge *charge) {
  if (is_ready()) ledger_count_refusal(&ledger, *charge);
}

static bool has_account(void) { return is_open(__atomic_load_n(&open_state, __ATOMIC_ACQUIRE)); }

void account_refund(const struct ledger_charge *charge) {
  if (has_account()) ledger_refund(&ledger, *charge);
}

void account_force(const struct ledger_charge *charge) {
  if (has_account()) ledger_try(&ledger, *charge, REGION_USED_MASK);
}

uint64_t account_own_beside(uint32_t index, uint32_t memory_class) {
  uint64_t bytes = 0;
  if (!has_account()) return 0;
  for (uint32_t i = 0; i < REGION_CLASSES; i++)
    if (i != memory_class) bytes += __atomic_load_n(&ledger.slot->used[index][i], __ATOMIC_SEQ_CST);
  return bytes;
}

/* What our own pools keep unused is ours to take before we refuse. */
CUresult account_charge_device(struct account_charge *charge, CUdevice device, uint64_t bytes) {
  int index = account_index(device);
  if (limits_read() == NULL || !is_ready()) return CUDA_ERROR_NO_DEVICE;
  return index < 0 ? CUDA_ERROR_OUT_OF_MEMORY : account_charge_index(charge, (uint32_t)index, bytes);
}

CUresult account_charge_index(struct account_charge *charge, uint32_t index, uint64_t bytes) {
  charge->ledger.device = index;
  charge->ledger.bytes = bytes;
  charge->is_free_of_charge = false;
  CUresult result = account_try(&charge->ledger);
  if (result == CUDA_ERROR_OUT_OF_MEMORY && pool_give_back(index)) result = account_try(&charge->ledger);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) account_refuse(&charge->ledger);
  return result;
}

CUresult account_charge_current(struct account_charge *charge, uint64_t bytes, uint32_t memory_class) {
  CUcontext context;
  CUdevice device;
  CUresult result = current_device(&context, &device);
  if (result != CUDA_SUCCESS) return result;
  charge->owner = (uint64_t)(uintptr_t)context;
  charge->ledger.memory_class = memory_class;
  return account_charge_device(charge, device, bytes);
}

/* A stream of another context: step into it to ask its device. */
static CUresult foreign_device(CUcontext context, CUdevice *device) {
  CUcontext popped;
  CUresult result = DRIVER(cuCtxPushCurrent_v2)(context);
  if (result != CUDA_SUCCESS) return result;
  result = DRIVER(cuCtxGetDevice)(device);
  DRIVER(cuCtxPopCurrent_v2)(&popped);
  return result;
}

CUresult account_stream_device(CUstream stream, CUcontext *context, CUdevice *device) {
  CUcontext current = NULL;
  bool is_default = (uintptr_t)stream <= CU_STREAM_PER_THREAD_NUMBER;
  if (!is_default && DRIVER(cuStreamGetCtx)(stream, context) != CUDA_SUCCESS) is_default = true;
  if (is_default || (DRIVER(cuCtxGetCurrent)(&current) == CUDA_SUCCESS && current == *context))
    return current_device(context, device);
  return foreign_device(*context, device);
}

CUresult account_settle(const struct account_charge *charge, CUresult result, uint64_t key, uint8_t kind) {
  if (charge->is_free_of_charge) return result;
  if (result != CUDA_SUCCESS) {
    ledger_refund(&ledger, charge->ledger);
    return result;
  }
  struct ptrmap_entry entry = {key,  charge->ledger.bytes,           charge->owner,
                               1,    kind,                           (uint8_t)charge->ledger.device,
                               (uint8_t)charge->ledger.memory_class, 0};
  /* No memory for the entry: it stays charged until the process ends, which errs on the safe side. */
  ptrmap_put(&map, &entry);
  return result;
}

bool account_take(uint64_t key, uint8_t kind, struct ptrmap_entry *entry) {
  return is_open(__atomic_load_n(&open_state, __ATOMIC_ACQUIRE)) && ptrmap_take(&map, key, kind, entry);
}

void account_keep(const struct ptrmap_entry *entry) { ptrmap_put(&map, entry); }

/* Memory of a pool goes back to the pool; what is freed at once was waited for. */
void account_drop(const struct ptrmap_entry *entry) {
  if ((entry->flags & (PTRMAP_PART | PTRMAP_BOUND | PTRMAP_SHARED | PTRMAP_HOLDS)) != 0) {
    account_drop_special(entry);
    return;
  }
  if (entry->kind == PTRMAP_POINTER && entry->memory_class == REGION_CLASS_ASYNC) {
    pool_gave((struct pool *)(uintptr_t)entry->owner, entry->bytes, 0);
    pool_rested(0, 0);
    return;
  }
  ledger_refund(&ledger, (struct ledger_charge){entry->device, entry->memory_class, entry->bytes});
}

CUresult account_give_back(const struct ptrmap_entry *entry, CUresult result) {
  if (result == CUDA_SUCCESS) account_drop(entry);
  else account_keep(entry);
  return result;
}

struct ptrmap *account_map(void) { return is_ready() ? &map : NULL; }

static void drop_entry(const struct ptrmap_entry *entry, void *context) {
  (void)context;
  account_drop(entry);
}

/* What a context owns. */
static const uint8_t OWNED_KINDS[] = {PTRMAP_POINTER, PTRMAP_ARRAY, PTRMAP_EXTERNAL, PTRMAP_OPENED};

static void sweep_owned(uint64_t owner) {
  if (!is_open(__atomic_load_n(&open_state, __ATOMIC_ACQUIRE))) return;
  for (uint32_t i = 0; i < sizeof(OWNED_KINDS); i++) ptrmap_sweep(&map, owner, OWNED_KINDS[i], drop_entry, NULL);
}

static void reown(uint64_t owner, uint64_t next) {
  if (!is_open(__atomic_load_n(&open_state, __ATOMIC_ACQUIRE))) return;
  for (uint32_t i = 0; i < sizeof(OWNED_KINDS); i++) ptrmap_reown(&map, owner, next, OWNED_KINDS[i]);
}

void account_drop_context(CUcontext context) {
  __atomic_store_n(kept_place(context), 0, __ATOMIC_RELAXED);
  if (context != NULL) sweep_owned((uint64_t)(uintptr_t)context);
}

/* No address has the top bit. */
#define LEFT_CONTEXT 0x8000000000000000ull
static uint64_t left_contexts;

uint64_t account_leave_context(CUcontext context) {
  uint64_t left = LEFT_CONTEXT | __atomic_add_fetch(&left_contexts, 1, __ATOMIC_RELAXED);
  __atomic_store_n(kept_place(context), 0, __ATOMIC_RELAXED);
  if (context != NULL) reown((uint64_t)(uintptr_t)context, left);
  return left;
}

void account_drop_left(uint64_t left) { sweep_owned(left); }

void account_come_back(uint64_t left, CUcontext context) { reown(left, (uint64_t)(uintptr_t)context); }
