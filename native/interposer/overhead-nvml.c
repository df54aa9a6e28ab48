// SPDX-License-Identifier: Apache-2.0
// Asks the driver's own NVML, not the shim, what this process holds. Opened at the first context and kept.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "account.h"
#include "driver.h"
#include "limits.h"
#include "nvml-abi.h"
#include "overhead.h"

#define ORDINALS 64
#define ROWS 512u

typedef nvmlReturn_t (*init_fn)(void);
typedef nvmlReturn_t (*by_uuid_fn)(const char *, nvmlDevice_t *);
typedef nvmlReturn_t (*list_fn)(nvmlDevice_t, unsigned int *, struct nvml_process *);

enum { NVML_UNKNOWN, NVML_OPENING, NVML_OPEN, NVML_ABSENT };

static uint32_t state;
static by_uuid_fn find_device;
static list_fn list_processes;
static nvmlDevice_t devices[ORDINALS];
/* Who was there before us, and who we turned out to be. */
static uint32_t seen_before[ROWS];
static uint32_t seen_count;
static uint32_t has_looked;
static uint32_t other_name;

/* Version 3 has the rows of version 2. */
static bool open_nvml(void) {
  void *library = driver_open_other("libnvidia-ml.so.1", KERF_PREFIX "/libkerf-nvml.so");
  if (library == NULL) return false;
  void *init = loader_symbol(library, "nvmlInit_v2");
  void *find = loader_symbol(library, "nvmlDeviceGetHandleByUUID");
  void *list = loader_symbol(library, "nvmlDeviceGetComputeRunningProcesses_v3");
  if (list == NULL) list = loader_symbol(library, "nvmlDeviceGetComputeRunningProcesses_v2");
  if (init == NULL || find == NULL || list == NULL) return false;
  find_device = *(by_uuid_fn *)&find;
  list_processes = *(list_fn *)&list;
  return (*(init_fn *)&init)() == NVML_SUCCESS;
}

/* Who comes while another thread opens goes without: his call is measured by that thread's, or by the next. */
static bool is_open(void) {
  uint32_t unknown = NVML_UNKNOWN;
  if (__atomic_compare_exchange_n(&state, &unknown, NVML_OPENING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    __atomic_store_n(&state, open_nvml() ? NVML_OPEN : NVML_ABSENT, __ATOMIC_RELEASE);
  return __atomic_load_n(&state, __ATOMIC_ACQUIRE) == NVML_OPEN;
}

/* By the UUID on the limits page. */
static nvmlDevice_t device_of(CUdevice device) {
  const struct limits_page *page = limits_read();
  int index = account_index(device);
  if (device < 0 || device >= ORDINALS || page == NULL || index < 0) return NULL;
  nvmlDevice_t found = __atomic_load_n(&devices[device], __ATOMIC_ACQUIRE);
  if (found != NULL) return found;
  if (find_device(page->devices[index].uuid, &found) != NVML_SUCCESS) return NULL;
  __atomic_store_n(&devices[device], found, __ATOMIC_RELEASE);
  return found;
}

static bool list(CUdevice device, struct nvml_process *rows, unsigned int *count) {
  nvmlDevice_t asked = is_open() ? device_of(device) : NULL;
  *count = ROWS;
  return asked != NULL && list_processes(asked, count, rows) == NVML_SUCCESS;
}

void overhead_look_around(CUdevice device) {
  struct nvml_process rows[ROWS];
  unsigned int count;
  if (__atomic_exchange_n(&has_looked, 1u, __ATOMIC_ACQ_REL) != 0 || !list(device, rows, &count)) return;
  for (uint32_t i = 0; i < count; i++) seen_before[i] = rows[i].pid;
  __atomic_store_n(&seen_count, count + 1, __ATOMIC_RELEASE);
}

static bool was_there(uint32_t pid, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (seen_before[i] == pid) return true;
  return false;
}

/* A number that is somebody's here is his: NVML counts as we do, and we hold nothing yet. */
static bool may_be_us(uint32_t pid) { return pid <= INT32_MAX && kill((pid_t)pid, 0) != 0 && errno == ESRCH; }

/* The only one who is new; where several are, none of them can be told to be us. */
static uint32_t find_other_name(const struct nvml_process *rows, uint32_t count) {
  uint32_t before = __atomic_load_n(&seen_count, __ATOMIC_ACQUIRE);
  uint32_t name = 0;
  if (before == 0) return 0;
  for (uint32_t i = 0; i < count; i++) {
    if (was_there(rows[i].pid, before - 1)) continue;
    if (name != 0 || !may_be_us(rows[i].pid)) return 0;
    name = rows[i].pid;
  }
  return name;
}

static bool find_row(const struct nvml_process *rows, uint32_t count, uint32_t pid, uint64_t *bytes) {
  for (uint32_t i = 0; i < count && pid != 0; i++) {
    if (rows[i].pid != pid) continue;
    *bytes = rows[i].used_bytes;
    return true;
  }
  return false;
}

bool overhead_ask_nvml(CUdevice device, uint64_t *bytes) {
  struct nvml_process rows[ROWS];
  unsigned int count;
  if (!list(device, rows, &count)) return false;
  if (find_row(rows, count, (uint32_t)getpid(), bytes)) return true;
  uint32_t name = __atomic_load_n(&other_name, __ATOMIC_RELAXED);
  if (name == 0) name = find_other_name(rows, count);
  if (!find_row(rows, count, name, bytes)) return false;
  __atomic_store_n(&other_name, name, __ATOMIC_RELAXED);
  return true;
}
