// SPDX-License-Identifier: Apache-2.0
// Fake libnvidia-ml: events. What kerf-fake-gpus appends to DIR/events is told to every set that watches the device and
// was made before. A watched device that is lost ends each wait with GPU_IS_LOST, as the real library does.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nvml.h"

#define SETS 16u
#define TURN_MS 20u
#define WATCHABLE (NVML_EVENT_XID | NVML_EVENT_DOUBLE_BIT_ECC)

struct nvmlEventSet_st {
  unsigned long long types[FAKE_GPUS_MAX]; /* watched of each device */
  long read_to;                            /* in DIR/events */
  bool is_used;
};

static struct nvmlEventSet_st sets[SETS];

#define CHECK_INIT()                                      \
  do {                                                    \
    nvmlReturn_t checked = check_init();                  \
    if (checked != NVML_SUCCESS) return checked;          \
  } while (0)

/* Any device's answer tells whether the library is up; it also hangs while it is told to. */
static nvmlReturn_t check_init(void) {
  nvmlReturn_t result = nvml_inside(NULL).result;
  return result == NVML_ERROR_UNINITIALIZED ? result : NVML_SUCCESS;
}

static bool is_set(nvmlEventSet_t set) { return set >= sets && set < sets + SETS && set->is_used; }

static long events_end(void) {
  struct stat stat = {0};
  FILE *file = world_file("events");
  if (file == NULL) return 0;
  if (fstat(fileno(file), &stat) != 0) stat.st_size = 0;
  fclose(file);
  return (long)stat.st_size;
}

FAKE_EXPORT nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set) {
  CHECK_INIT();
  CHECK_ARGUMENT(set != NULL);
  for (uint32_t i = 0; i < SETS; i++) {
    if (__atomic_exchange_n(&sets[i].is_used, true, __ATOMIC_SEQ_CST)) continue;
    memset(sets[i].types, 0, sizeof(sets[i].types));
    sets[i].read_to = events_end();
    *set = &sets[i];
    return NVML_SUCCESS;
  }
  return NVML_ERROR_UNKNOWN;
}

FAKE_EXPORT nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
  CHECK_INIT();
  CHECK_ARGUMENT(is_set(set));
  __atomic_store_n(&set->is_used, false, __ATOMIC_SEQ_CST);
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *types) {
  struct nvml_inside in = nvml_inside(device);
  if (in.result != NVML_SUCCESS) return in.result;
  CHECK_ARGUMENT(types != NULL);
  *types = WATCHABLE;
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set) {
  struct nvml_inside in = nvml_inside(device);
  if (in.result != NVML_SUCCESS) return in.result;
  CHECK_ARGUMENT(is_set(set));
  if ((types & ~WATCHABLE) != 0) return NVML_ERROR_NOT_SUPPORTED;
  set->types[nvml_index(device)] |= types;
  return NVML_SUCCESS;
}

static nvmlDevice_t device_named(const char *uuid) {
  nvmlDevice_t device = NULL;
  for (uint32_t i = 0; (device = nvml_at(i)) != NULL; i++)
    if (strcmp(nvml_inside(device).gpu->uuid, uuid) == 0) return device;
  return NULL;
}

/* The next line of DIR/events that this set watches for. */
static bool next_event(nvmlEventSet_t set, struct nvml_event *event) {
  char uuid[FAKE_TEXT_BYTES], kind[8];
  unsigned long long number = 0;
  bool is_found = false;
  FILE *file = world_file("events");
  if (file == NULL) return false;
  fseek(file, set->read_to, SEEK_SET);
  while (!is_found && fscanf(file, "%95s %7s %llu ", uuid, kind, &number) == 3) {
    nvmlDevice_t device = device_named(uuid);
    unsigned long long type = strcmp(kind, "xid") == 0 ? NVML_EVENT_XID : NVML_EVENT_DOUBLE_BIT_ECC;
    is_found = device != NULL && (set->types[nvml_index(device)] & type) != 0;
    set->read_to = ftell(file);
    *event = (struct nvml_event){device, type, number, NVML_NO_INSTANCE, NVML_NO_INSTANCE};
  }
  fclose(file);
  return is_found;
}

static bool has_lost(nvmlEventSet_t set) {
  nvmlDevice_t device = NULL;
  for (uint32_t i = 0; (device = nvml_at(i)) != NULL; i++)
    if (set->types[i] != 0 && nvml_is_lost(nvml_inside(device).gpu)) return true;
  return false;
}

FAKE_EXPORT nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, struct nvml_event *event, unsigned int timeout_ms) {
  CHECK_INIT();
  CHECK_ARGUMENT(event != NULL && is_set(set));
  for (unsigned int waited_ms = 0;; waited_ms += TURN_MS) {
    CHECK_INIT();
    if (next_event(set, event)) return NVML_SUCCESS;
    if (has_lost(set)) return NVML_ERROR_GPU_IS_LOST;
    if (waited_ms >= timeout_ms) return NVML_ERROR_TIMEOUT;
    usleep(TURN_MS * 1000);
  }
}
