// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "nvml-view.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REGION_PATH KERF_PREFIX "/region"
#define UUID_PREFIX_BYTES 4

const char *const driver_soname = "libnvidia-ml.so.1";
const char *const driver_own_path = KERF_PREFIX "/libkerf-nvml.so";
const int driver_absent_code = NVML_ERROR_LIBRARY_NOT_FOUND;
const int driver_missing_code = NVML_ERROR_FUNCTION_NOT_FOUND;

static const struct region *region;
static int region_fd = -1;
static uint64_t own_namespace;

/* As in account.c, but our own pid's slot is libkerf's in this very process, so it lives. */
static bool slot_is_dead(void *context, uint32_t index, const struct region_slot *slot) {
  (void)context;
  uint64_t namespace = __atomic_load_n(&slot->pid_namespace, __ATOMIC_RELAXED);
  if (namespace == 0) return false;
  if (namespace != own_namespace) return !ledger_slot_is_locked(region_fd, index);
  if (slot->pid == (uint32_t)getpid()) return false;
  if (!ledger_pid_is_dead(slot->pid, slot->start_ticks)) return false;
  return ledger_pid_is_dead(slot->pid, 0) || !ledger_slot_is_locked(region_fd, index);
}

static const struct ledger_liveness BY_PID = {.is_dead = slot_is_dead};

static const struct region *read_region(void) {
  struct stat file;
  const struct region *seen = __atomic_load_n(&region, __ATOMIC_ACQUIRE);
  if (seen != NULL) return seen;
  int fd = open(REGION_PATH, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  void *bytes = MAP_FAILED;
  if (syscall(SYS_fstat, fd, &file) == 0 && file.st_size == REGION_BYTES)
    bytes = mmap(NULL, REGION_BYTES, PROT_READ, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED || !ledger_is_region(bytes)) {
    if (bytes != MAP_FAILED) munmap(bytes, REGION_BYTES);
    close(fd);
    return NULL;
  }
  region_fd = fd;
  own_namespace = ledger_pid_namespace();
  __atomic_store_n(&region, bytes, __ATOMIC_RELEASE);
  return bytes;
}

typedef nvmlReturn_t (*uuid_fn)(nvmlDevice_t, char *, unsigned int);

nvmlReturn_t nvml_view(nvmlDevice_t device, struct nvml_view *view) {
  char uuid[96] = "";
  const struct limits_page *page = limits_read();
  if (page == NULL) return NVML_ERROR_NO_PERMISSION;
  nvmlReturn_t result = NVML_REAL(uuid_fn, "nvmlDeviceGetUUID")(device, uuid, sizeof(uuid));
  if (result != NVML_SUCCESS) return result;
  int index = limits_find(page, uuid + UUID_PREFIX_BYTES);
  view->region = read_region();
  view->index = (uint32_t)index;
  return index >= 0 && view->region != NULL ? NVML_SUCCESS : NVML_ERROR_NO_PERMISSION;
}

uint64_t nvml_view_used(const struct nvml_view *view) { return ledger_living(view->region, view->index, &BY_PID); }

static bool read_slot(const struct nvml_view *view, uint32_t at, struct nvml_holder *holder) {
  const struct region_slot *slot = &view->region->slots[at];
  holder->pid = __atomic_load_n(&slot->pid, __ATOMIC_SEQ_CST);
  if (holder->pid == 0 || __atomic_load_n(&slot->state, __ATOMIC_SEQ_CST) == REGION_SLOT_REAPING) return false;
  if (__atomic_load_n(&slot->pid_namespace, __ATOMIC_RELAXED) != own_namespace) return false;
  holder->bytes = ledger_slot_bytes(slot, view->index);
  return true;
}

bool nvml_view_next(const struct nvml_view *view, uint32_t *at, struct nvml_holder *holder) {
  while (*at < REGION_SLOTS) {
    uint32_t index = (*at)++;
    if (!read_slot(view, index, holder) || holder->bytes == 0) continue;
    if (!slot_is_dead(NULL, index, &view->region->slots[index])) return true;
  }
  return false;
}

bool nvml_view_find(const struct nvml_view *view, uint32_t pid, struct nvml_holder *holder) {
  for (uint32_t i = 0; i < REGION_SLOTS; i++)
    if (read_slot(view, i, holder) && holder->pid == pid && !slot_is_dead(NULL, i, &view->region->slots[i])) return true;
  return false;
}
