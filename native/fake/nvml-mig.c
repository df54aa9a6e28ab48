// SPDX-License-Identifier: Apache-2.0
// Fake libnvidia-ml: MIG instances, as kerf-fake-gpus mig cut them. Each has one compute instance, as large as itself.
#include "nvml.h"

#define INSTANCES_MAX 7u

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *current, unsigned int *pending) {
  BEGIN(device);
  CHECK_ARGUMENT(current != NULL && pending != NULL);
  *current = *pending = in.gpu->is_mig ? NVML_MIG_ON : 0;
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count) {
  BEGIN(device);
  CHECK_ARGUMENT(count != NULL);
  *count = INSTANCES_MAX;
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index, nvmlDevice_t *found) {
  BEGIN(device);
  CHECK_ARGUMENT(found != NULL && index < INSTANCES_MAX);
  *found = nvml_instance(in.gpu, index);
  return *found == NULL ? NVML_ERROR_NOT_FOUND : NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int *is_mig) {
  BEGIN(device);
  CHECK_ARGUMENT(is_mig != NULL);
  *is_mig = in.gpu->parent >= 0;
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id) {
  BEGIN(device);
  CHECK_ARGUMENT(id != NULL);
  if (in.gpu->parent < 0) return NVML_ERROR_NOT_SUPPORTED;
  *id = in.gpu->gpu_instance;
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned int *id) {
  BEGIN(device);
  CHECK_ARGUMENT(id != NULL);
  if (in.gpu->parent < 0) return NVML_ERROR_NOT_SUPPORTED;
  *id = 0;
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, struct nvml_attributes *attributes) {
  BEGIN(device);
  CHECK_ARGUMENT(attributes != NULL);
  if (in.gpu->parent < 0) return NVML_ERROR_NOT_SUPPORTED;
  *attributes = (struct nvml_attributes){
      .multiprocessors = in.gpu->sm_count,
      .gpu_slices = in.gpu->slices,
      .compute_slices = in.gpu->slices,
      .memory_mib = in.gpu->memory_bytes >> 20,
  };
  return NVML_SUCCESS;
}
