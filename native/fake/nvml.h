// SPDX-License-Identifier: Apache-2.0
// Inside of the fake libnvidia-ml: what its files share.
#ifndef KERF_FAKE_NVML_H
#define KERF_FAKE_NVML_H

#include "nvml-abi.h"
#include "world.h"

#define FAKE_EXPORT __attribute__((visibility("default")))

/* What every call begins with: the code to answer where it is not SUCCESS. */
struct nvml_inside {
  nvmlReturn_t result;
  struct fake_world *world;
  struct fake_gpu *gpu;
};

struct nvml_inside nvml_inside(nvmlDevice_t device);
/* The GPU of that index, and back; NULL and -1 where there is none. */
nvmlDevice_t nvml_at(uint32_t index);
/* The MIG instance of that number on the GPU; NULL where there is none. */
nvmlDevice_t nvml_instance(const struct fake_gpu *gpu, uint32_t number);
int nvml_index(nvmlDevice_t device);
bool nvml_is_lost(const struct fake_gpu *gpu);

/* Guards, first in a call. */
#define CHECK_ARGUMENT(claim)                             \
  do {                                                    \
    if (!(claim)) return NVML_ERROR_INVALID_ARGUMENT;     \
  } while (0)
#define BEGIN(device)                                          \
  struct nvml_inside in = nvml_inside(device);                 \
  if (in.result != NVML_SUCCESS) return in.result

#endif
