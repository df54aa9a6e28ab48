// SPDX-License-Identifier: Apache-2.0
// The NVML shim: memory of the slice instead of the device's. It only reads the page and the region.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "driver.h"
#include "ledger.h"
#include "limits.h"
#include "nvml-abi.h"

#define HOOK_EXPORT __attribute__((visibility("default")))
#define REGION_PATH KERF_PREFIX "/region"
#define NVML_ERROR_NO_PERMISSION 4
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

/* Index on the limits page; -1 where the device was not granted. */
static int index_of(nvmlDevice_t device) {
  char uuid[96] = "";
  const struct limits_page *page = limits_read();
  void *address = driver_function("nvmlDeviceGetUUID");
  if (page == NULL || (*(uuid_fn *)&address)(device, uuid, sizeof(uuid)) != NVML_SUCCESS) return -1;
  return limits_find(page, uuid + UUID_PREFIX_BYTES);
}

static unsigned long long least(unsigned long long a, unsigned long long b) { return a < b ? a : b; }

static nvmlReturn_t narrow(nvmlDevice_t device, struct nvml_memory *memory) {
  int index = index_of(device);
  const struct region *shared = read_region();
  unsigned long long physical_free = memory->free;
  if (index < 0 || shared == NULL) {
    *memory = (struct nvml_memory){0, 0, 0};
    return NVML_ERROR_NO_PERMISSION;
  }
  memory->total = least(limits_memory(limits_read(), (uint32_t)index), memory->total);
  memory->used = least(ledger_living(shared, (uint32_t)index, &BY_PID), memory->total);
  memory->free = least(memory->total - memory->used, physical_free);
  return NVML_SUCCESS;
}

typedef nvmlReturn_t (*memory_fn)(nvmlDevice_t, struct nvml_memory *);
typedef nvmlReturn_t (*memory_v2_fn)(nvmlDevice_t, struct nvml_memory_v2 *);

HOOK_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, struct nvml_memory *memory) {
  void *address = driver_function("nvmlDeviceGetMemoryInfo");
  nvmlReturn_t result = (*(memory_fn *)&address)(device, memory);
  return result == NVML_SUCCESS && memory != NULL ? narrow(device, memory) : result;
}

HOOK_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, struct nvml_memory_v2 *memory) {
  void *address = driver_function("nvmlDeviceGetMemoryInfo_v2");
  nvmlReturn_t result = (*(memory_v2_fn *)&address)(device, memory);
  if (result != NVML_SUCCESS || memory == NULL) return result;
  struct nvml_memory plain = {memory->total, memory->free, memory->used};
  result = narrow(device, &plain);
  memory->total = plain.total;
  memory->free = plain.free;
  memory->used = plain.used;
  memory->reserved = 0;
  return result;
}

typedef const char *(*text_fn)(nvmlReturn_t);

HOOK_EXPORT const char *nvmlErrorString(nvmlReturn_t code) {
  void *address = driver_symbol("nvmlErrorString");
  if (address != NULL) return (*(text_fn *)&address)(code);
  return code == NVML_ERROR_LIBRARY_NOT_FOUND ? "NVML Shared Library Not Found" : "Unknown Error";
}
