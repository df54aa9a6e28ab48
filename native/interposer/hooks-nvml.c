// SPDX-License-Identifier: Apache-2.0
// NVML's memory figures: the slice's instead of the device's, the same as cuMemGetInfo tells.
#include "nvml-view.h"

static unsigned long long least(unsigned long long a, unsigned long long b) { return a < b ? a : b; }

/* Free is what can be had now: where growth ends, the slice is not full, and neighbours may have filled the device. */
static nvmlReturn_t narrow(nvmlDevice_t device, struct nvml_memory *memory) {
  struct nvml_view view;
  nvmlReturn_t result = nvml_view(device, &view);
  unsigned long long physical_free = memory->free;
  if (result != NVML_SUCCESS) {
    *memory = (struct nvml_memory){0, 0, 0};
    return result;
  }
  unsigned long long growth = limits_growth(limits_read(), view.index);
  unsigned long long used = nvml_view_used(&view);
  memory->total = least(limits_memory(limits_read(), view.index), memory->total);
  memory->used = least(used, memory->total);
  memory->free = least(least(growth > used ? growth - used : 0, memory->total - memory->used), physical_free);
  return NVML_SUCCESS;
}

typedef nvmlReturn_t (*memory_fn)(nvmlDevice_t, struct nvml_memory *);
typedef nvmlReturn_t (*memory_v2_fn)(nvmlDevice_t, struct nvml_memory_v2 *);
typedef nvmlReturn_t (*bar1_fn)(nvmlDevice_t, struct nvml_bar1 *);

HOOK_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, struct nvml_memory *memory) {
  nvmlReturn_t result = NVML_REAL(memory_fn, "nvmlDeviceGetMemoryInfo")(device, memory);
  return result == NVML_SUCCESS && memory != NULL ? narrow(device, memory) : result;
}

/* What is neither used by us nor free for us now is told as reserved. */
HOOK_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, struct nvml_memory_v2 *memory) {
  nvmlReturn_t result = NVML_REAL(memory_v2_fn, "nvmlDeviceGetMemoryInfo_v2")(device, memory);
  if (result != NVML_SUCCESS || memory == NULL) return result;
  struct nvml_memory plain = {memory->total, memory->free, memory->used};
  result = narrow(device, &plain);
  memory->total = plain.total;
  memory->free = plain.free;
  memory->used = plain.used;
  memory->reserved = plain.total - plain.used - plain.free;
  return result;
}

/* The window through which the host sees the device: no more of it than there is memory, and no neighbour's use. */
HOOK_EXPORT nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, struct nvml_bar1 *bar1) {
  struct nvml_view view;
  nvmlReturn_t result = NVML_REAL(bar1_fn, "nvmlDeviceGetBAR1MemoryInfo")(device, bar1);
  if (result != NVML_SUCCESS || bar1 == NULL) return result;
  result = nvml_view(device, &view);
  unsigned long long total = result == NVML_SUCCESS ? limits_memory(limits_read(), view.index) : 0;
  unsigned long long used = result == NVML_SUCCESS ? least(nvml_view_used(&view), bar1->used) : 0;
  bar1->total = least(total, bar1->total);
  bar1->used = least(used, bar1->total);
  bar1->free = bar1->total - bar1->used;
  return result;
}

typedef const char *(*text_fn)(nvmlReturn_t);

HOOK_EXPORT const char *nvmlErrorString(nvmlReturn_t code) {
  void *address = driver_symbol("nvmlErrorString");
  if (address != NULL) return (*(text_fn *)&address)(code);
  return code == NVML_ERROR_LIBRARY_NOT_FOUND ? "NVML Shared Library Not Found" : "Unknown Error";
}
