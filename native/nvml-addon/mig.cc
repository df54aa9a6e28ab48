// SPDX-License-Identifier: Apache-2.0
// MIG instances as they are; none is made or unmade here.
#include "functions.h"

namespace kerf {
namespace {

bool read_instance(nvmlDevice_t handle, Instance *instance) {
  char uuid[96] = "";
  struct nvml_memory memory = {};
  struct nvml_attributes attributes = {};
  if (call(nvml.uuid, handle, uuid, static_cast<unsigned int>(sizeof(uuid))) != NVML_SUCCESS) return false;
  if (call(nvml.attributes, handle, &attributes) != NVML_SUCCESS) return false;
  if (call(nvml.gpu_instance, handle, &instance->gpu_instance) != NVML_SUCCESS) return false;
  if (call(nvml.compute_instance, handle, &instance->compute_instance) != NVML_SUCCESS) return false;
  if (call(nvml.memory, handle, &memory) != NVML_SUCCESS) return false;
  instance->uuid = uuid;
  instance->gpu_slices = attributes.gpu_slices;
  instance->compute_slices = attributes.compute_slices;
  instance->memory_total_bytes = memory.total;
  instance->memory_used_bytes = memory.used;
  return true;
}

}  // namespace

void read_instances(nvmlDevice_t handle, Device *device) {
  unsigned int current = 0, pending = 0, most = 0;
  if (call(nvml.mig_mode, handle, &current, &pending) != NVML_SUCCESS || current != NVML_MIG_ON) return;
  device->is_mig = true;
  if (call(nvml.mig_most, handle, &most) != NVML_SUCCESS) return;
  for (unsigned int at = 0; at < most; at++) {
    Instance instance;
    nvmlDevice_t found = nullptr;
    if (call(nvml.mig_at, handle, at, &found) != NVML_SUCCESS) continue;
    if (read_instance(found, &instance)) device->instances.push_back(instance);
  }
}

}  // namespace kerf
