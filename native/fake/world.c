// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "timeline.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_DIR "/run/kerf-fake"
#define PATH_BYTES 512
#define POOL_BLOCK_BYTES (32ull << 20)
/* Record locks beyond the file's end say who lives: byte SLOT_LOCKS + i belongs to the owner of slot i. The
 * kernel drops them at death, shows them across pid namespaces, and tells the owner's pid as the asker sees it. */
#define SLOT_LOCKS ((off_t)REGION_BYTES)
#define REAPER_LOCK (SLOT_LOCKS + REGION_SLOTS)
#define TIMELINE_LOCK (REAPER_LOCK + 1)
#define REAPER_TRIES 400u
#define REAPER_PAUSE_US 100
_Static_assert(TIMELINE_OFFSET + TIMELINE_BYTES <= FAKE_STATE_BYTES, "the state has room for the timeline");

static int state_fd = -1;
static uint32_t reaper_busy;
static bool is_joining; /* whatever bears our pid then is what this process was before it executed us */

static void path_of(char *path, const char *name) {
  const char *dir = getenv("KERF_FAKE_DIR");
  snprintf(path, PATH_BYTES, "%s/%s", dir != NULL ? dir : DEFAULT_DIR, name);
}

static bool has_device_node(const struct fake_gpu *gpu) {
  char path[PATH_BYTES];
  const char *dev = getenv("KERF_FAKE_DEV_DIR");
  const char *dir = getenv("KERF_FAKE_DIR");
  const char *name = gpu->parent < 0 ? "nvidia" : "nvidia-caps/nvidia-cap";
  uint32_t number = gpu->parent < 0 ? gpu->minor : gpu->cap;
  if (dev != NULL)
    snprintf(path, sizeof(path), "%s/%s%u", dev, name, number);
  else if (dir != NULL)
    snprintf(path, sizeof(path), "%s/dev/%s%u", dir, name, number);
  else
    snprintf(path, sizeof(path), "/dev/%s%u", name, number);
  return access(path, F_OK) == 0;
}

/* ---- DIR/gpus ---- */

static void read_text(char *out, size_t size, const char *value) { snprintf(out, size, "%s", value); }

/* nvlinks=<index>*<count> ...: as this GPU tells them; the other end has its own line. */
static void read_nvlinks(struct fake_gpu *gpu, const char *value) {
  unsigned int peer = 0, count = 0;
  int length = 0;
  for (; sscanf(value, " %u*%u%n", &peer, &count, &length) == 2; value += length)
    if (peer < FAKE_GPUS_MAX) gpu->nvlinks[peer] = count;
}

static bool read_gpu_text(struct fake_gpu *gpu, const char *key, const char *value) {
  if (strcmp(key, "uuid") == 0) read_text(gpu->uuid, sizeof(gpu->uuid), value);
  else if (strcmp(key, "model") == 0) read_text(gpu->model, sizeof(gpu->model), value);
  else if (strcmp(key, "pci_bus_id") == 0) read_text(gpu->pci_bus_id, sizeof(gpu->pci_bus_id), value);
  else if (strcmp(key, "nvlinks") == 0) read_nvlinks(gpu, value);
  else if (strcmp(key, "compute_capability") == 0) return sscanf(value, "%u.%u", &gpu->cc_major, &gpu->cc_minor) == 2;
  else return false;
  return true;
}

static void read_gpu_number(struct fake_gpu *gpu, const char *key, long long value) {
  if (strcmp(key, "minor") == 0) gpu->minor = (uint32_t)value;
  if (strcmp(key, "memory_mib") == 0) gpu->memory_bytes = (uint64_t)value << 20;
  if (strcmp(key, "context_mib") == 0) gpu->context_bytes = (uint64_t)value << 20;
  if (strcmp(key, "module_mib") == 0) gpu->module_bytes = (uint64_t)value << 20;
  if (strcmp(key, "pool_block_mib") == 0) gpu->pool_block_bytes = (uint64_t)value << 20;
  if (strcmp(key, "sm_count") == 0) gpu->sm_count = (uint32_t)value;
  if (strcmp(key, "max_threads_per_sm") == 0) gpu->max_threads_per_sm = (uint32_t)value;
  if (strcmp(key, "pci_device_id") == 0) gpu->pci_device_id = (uint32_t)value;
  if (strcmp(key, "numa_node") == 0) gpu->numa_node = (int32_t)value;
  if (strcmp(key, "pcie_switch") == 0) gpu->pcie_switch = (int32_t)value;
  if (strcmp(key, "nvswitch_links") == 0) gpu->nvswitch_links = (uint32_t)value;
  if (strcmp(key, "mig") == 0) gpu->is_mig = value != 0;
  if (strcmp(key, "parent") == 0) gpu->parent = (int32_t)value;
  if (strcmp(key, "slices") == 0) gpu->slices = (uint32_t)value;
  if (strcmp(key, "gpu_instance") == 0) gpu->gpu_instance = (uint32_t)value;
  if (strcmp(key, "cap") == 0) gpu->cap = (uint32_t)value;
}

static void read_pair(struct fake_world *world, const char *key, const char *value) {
  if (world->all_count > 0) {
    struct fake_gpu *gpu = &world->all[world->all_count - 1];
    if (!read_gpu_text(gpu, key, value)) read_gpu_number(gpu, key, strtoll(value, NULL, 0));
    return;
  }
  if (strcmp(key, "driver_version") == 0) read_text(world->driver_version, sizeof(world->driver_version), value);
  if (strcmp(key, "cuda_version") == 0) world->cuda_version = atoi(value);
}

static void read_line(struct fake_world *world, char *line) {
  line[strcspn(line, "\r\n")] = '\0';
  if (strcmp(line, "[gpu]") == 0 && world->all_count < FAKE_GPUS_MAX) {
    struct fake_gpu *gpu = &world->all[world->all_count];
    *gpu = (struct fake_gpu){.index = world->all_count, .minor = world->all_count, .numa_node = -1, .pcie_switch = -1, .parent = -1};
    gpu->pool_block_bytes = POOL_BLOCK_BYTES;
    world->all_count++;
    return;
  }
  char *equals = strchr(line, '=');
  if (line[0] == '#' || equals == NULL) return;
  *equals = '\0';
  read_pair(world, line, equals + 1);
}

static bool read_gpus(struct fake_world *world) {
  char line[PATH_BYTES];
  FILE *file = world_file("gpus");
  if (file == NULL) return false;
  while (fgets(line, sizeof(line), file) != NULL) read_line(world, line);
  fclose(file);
  for (uint32_t i = 0; i < world->all_count; i++)
    if (!world->all[i].is_mig && has_device_node(&world->all[i])) world->gpus[world->count++] = world->all[i];
  return true;
}

/* ---- DIR/state ---- */

static struct flock lock_at(off_t at, short type) {
  return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
}

static bool try_record_lock(off_t at) {
  struct flock lock = lock_at(at, F_WRLCK);
  return fcntl(state_fd, F_SETLK, &lock) == 0;
}

static void drop_record_lock(off_t at) {
  struct flock lock = lock_at(at, F_UNLCK);
  fcntl(state_fd, F_SETLK, &lock);
}

/* Pid that holds the slot's lock, 0 for nobody. A process does not see its own locks, so it is told by pid. */
static uint32_t holder_of(uint32_t index, const struct region_slot *slot) {
  struct flock lock = lock_at(SLOT_LOCKS + index, F_WRLCK);
  if (fcntl(state_fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
    return lock.l_pid > 0 ? (uint32_t)lock.l_pid : UINT32_MAX;
  bool is_own = slot->pid == (uint32_t)getpid() && slot->start_ticks == ledger_start_ticks(slot->pid);
  return is_own ? slot->pid : 0;
}

static bool slot_is_dead(void *context, uint32_t index, const struct region_slot *slot) {
  (void)context;
  uint32_t holder = holder_of(index, slot);
  return holder == 0 || (is_joining && holder == (uint32_t)getpid() && slot->pid == holder);
}

static bool slot_hold(void *context, uint32_t index) {
  (void)context;
  return try_record_lock(SLOT_LOCKS + index);
}

static void slot_drop(void *context, uint32_t index) {
  (void)context;
  drop_record_lock(SLOT_LOCKS + index);
}

static bool try_reaper_lock_once(void) {
  if (__atomic_exchange_n(&reaper_busy, 1u, __ATOMIC_ACQUIRE) != 0) return false;
  if (try_record_lock(REAPER_LOCK)) return true;
  __atomic_store_n(&reaper_busy, 0u, __ATOMIC_RELEASE);
  return false;
}

/* A driver has freed memory when its call returns or its process is dead, so these books wait for their turn; not for
 * ever, as whose turn it is may be stopped. */
static bool reaper_try_lock(void *context, struct region *region) {
  (void)context, (void)region;
  for (uint32_t i = 0; i < REAPER_TRIES; i++) {
    if (try_reaper_lock_once()) return true;
    usleep(REAPER_PAUSE_US);
  }
  return false;
}

static void reaper_unlock(void *context, struct region *region) {
  (void)context, (void)region;
  drop_record_lock(REAPER_LOCK);
  __atomic_store_n(&reaper_busy, 0u, __ATOMIC_RELEASE);
}

/* Locks on DIR/state would go with any descriptor of it that is closed: shares have a file of their own. */
static int open_shares(void) {
  char path[PATH_BYTES];
  path_of(path, "gpus");
  return open(path, O_RDONLY | O_CLOEXEC);
}

static struct share_desk desk = {NULL, NULL, -1, open_shares};

static uint64_t slot_left(void *context, uint32_t index, uint32_t device, bool is_dead) {
  (void)context;
  return share_left(&desk, index, device, is_dead);
}

const struct share_desk *world_desk(struct fake_world *world, struct ptrmap *map) {
  desk.ledger = &world->ledger;
  desk.map = map;
  if (desk.fd < 0) desk.fd = open_shares();
  return &desk;
}

static const struct ledger_liveness BY_RECORD_LOCK = {
    NULL, slot_is_dead, slot_hold, slot_drop, reaper_try_lock, reaper_unlock, slot_left,
};

/* The first process that opens a machine makes its timeline's lock; the others wait for it here. */
static void format_timeline(struct timeline_shared *shared) {
  struct flock lock = lock_at(TIMELINE_LOCK, F_WRLCK);
  if (__atomic_load_n(&shared->magic, __ATOMIC_ACQUIRE) == TIMELINE_MAGIC) return;
  fcntl(state_fd, F_SETLKW, &lock);
  if (shared->magic != TIMELINE_MAGIC) timeline_format(shared);
  drop_record_lock(TIMELINE_LOCK);
}

/* The descriptor stays open for the life of the process: closing any descriptor of the file drops the locks. */
static bool open_state(struct fake_world *world) {
  char path[PATH_BYTES];
  struct stat stat;
  path_of(path, "state");
  state_fd = open(path, O_RDWR | O_CLOEXEC);
  if (state_fd < 0 || fstat(state_fd, &stat) != 0 || stat.st_size != FAKE_STATE_BYTES) return false;
  unsigned char *bytes = mmap(NULL, FAKE_STATE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, state_fd, 0);
  if (bytes == MAP_FAILED) return false;
  world->ledger = (struct ledger){.region = (struct region *)bytes, .liveness = &BY_RECORD_LOCK};
  world->time = (struct timeline_shared *)(bytes + TIMELINE_OFFSET);
  format_timeline(world->time);
  return ledger_is_region(world->ledger.region);
}

bool world_open(struct fake_world *world) {
  memset(world, 0, sizeof(*world));
  return read_gpus(world) && open_state(world);
}

bool world_join(struct fake_world *world) {
  uint32_t pid = (uint32_t)getpid();
  is_joining = true;
  bool has_joined = ledger_attach(&world->ledger, pid, ledger_start_ticks(pid));
  is_joining = false;
  return has_joined;
}

static bool is_anybody_dead(const struct fake_world *world) {
  const struct region *region = world->ledger.region;
  for (uint32_t i = 0; i < REGION_SLOTS; i++)
    if (__atomic_load_n(&region->slots[i].pid, __ATOMIC_RELAXED) != 0 && holder_of(i, &region->slots[i]) == 0) return true;
  return false;
}

bool world_charge(struct fake_world *world, uint32_t gpu, uint64_t bytes, uint32_t memory_class) {
  struct ledger_charge charge = {gpu, memory_class, bytes};
  const struct region_device *device = &world->ledger.region->devices[gpu];
  uint64_t peak = __atomic_load_n(&device->peak_bytes, __ATOMIC_RELAXED);
  /* A driver frees a process's memory as it dies; our books wait for somebody to look. A peak is not told of the dead. */
  if (ledger_used(world->ledger.region, gpu) + bytes > peak && is_anybody_dead(world)) ledger_reap(&world->ledger);
  return ledger_reserve(&world->ledger, charge, world->all[gpu].memory_bytes) == LEDGER_OK;
}

void world_refund(struct fake_world *world, uint32_t gpu, uint64_t bytes, uint32_t memory_class) {
  ledger_refund(&world->ledger, (struct ledger_charge){gpu, memory_class, bytes});
}

uint64_t world_used(const struct fake_world *world, uint32_t gpu) {
  return ledger_living(world->ledger.region, gpu, &BY_RECORD_LOCK);
}

uint32_t world_owner(const struct fake_world *world, uint32_t slot) {
  return holder_of(slot, &world->ledger.region->slots[slot]);
}

/* ---- switches ---- */

FILE *world_file(const char *name) {
  char path[PATH_BYTES];
  path_of(path, name);
  return fopen(path, "re");
}

uint32_t world_fault(const struct fake_gpu *gpu) {
  char uuid[FAKE_TEXT_BYTES];
  unsigned int xid = 0;
  FILE *file = world_file("faults");
  if (file == NULL) return 0;
  bool is_marked = false;
  while (!is_marked && fscanf(file, "%95s %u", uuid, &xid) == 2) is_marked = strcmp(uuid, gpu->uuid) == 0;
  fclose(file);
  return is_marked ? xid : 0;
}

bool world_has_node(const struct fake_gpu *gpu) { return has_device_node(gpu); }

bool world_hangs(void) {
  char path[PATH_BYTES];
  path_of(path, "hang");
  return access(path, F_OK) == 0;
}
