// SPDX-License-Identifier: Apache-2.0
// What the NVML shim knows of its container: the page, the region, and who of it lives. It only reads.
#ifndef KERF_NVML_VIEW_H
#define KERF_NVML_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "driver.h"
#include "ledger.h"
#include "limits.h"
#include "nvml-abi.h"

#define HOOK_EXPORT __attribute__((visibility("default")))

/* The driver's function of that name as one of this type; it answers FUNCTION_NOT_FOUND where it lacks it. */
#define NVML_REAL(type, name) (*(type *)&(void *){driver_function(name)})

/* A device of the slice: its index on the page, and the region. */
struct nvml_view {
  const struct region *region;
  uint32_t index;
};

/* NO_PERMISSION where the device was not granted or the container's files cannot be read. */
nvmlReturn_t nvml_view(nvmlDevice_t device, struct nvml_view *view);
uint64_t nvml_view_used(const struct nvml_view *view);
/* A process of the container as this process's namespace counts pids, and what it holds on the device. */
struct nvml_holder {
  uint32_t pid;
  uint64_t bytes;
};
/* The next living one that holds memory there; *at is 0 before the first. Those of other pid namespaces have no number
 * here and are left out. */
bool nvml_view_next(const struct nvml_view *view, uint32_t *at, struct nvml_holder *holder);
/* Is the process one of ours? Its bytes may be 0. */
bool nvml_view_find(const struct nvml_view *view, uint32_t pid, struct nvml_holder *holder);

#endif
