// SPDX-License-Identifier: Apache-2.0
// A program linked with the driver (DT_NEEDED libcuda.so.1 and libnvidia-ml.so.1), as old ones are.
#include <stdio.h>

#include "cuda-abi.h"
#include "nvml-abi.h"

CUresult cuInit(unsigned int flags);
CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device);
nvmlReturn_t nvmlInit_v2(void);
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, struct nvml_memory *memory);
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, struct nvml_memory_v2 *memory);
const char *nvmlErrorString(nvmlReturn_t code);

int main(void) {
  size_t total = 0;
  nvmlDevice_t device;
  struct nvml_memory memory = {0};
  struct nvml_memory_v2 memory_v2 = {.version = NVML_MEMORY_V2};
  CUresult code = cuInit(0);
  if (code == CUDA_SUCCESS) code = cuDeviceTotalMem_v2(&total, 0);
  nvmlReturn_t nvml_code = nvmlInit_v2();
  if (nvml_code == NVML_SUCCESS) nvml_code = nvmlDeviceGetHandleByIndex_v2(0, &device);
  if (nvml_code == NVML_SUCCESS) nvml_code = nvmlDeviceGetMemoryInfo(device, &memory);
  if (nvml_code == NVML_SUCCESS) nvml_code = nvmlDeviceGetMemoryInfo_v2(device, &memory_v2);
  nvmlReturn_t null_code = nvml_code == NVML_SUCCESS ? nvmlDeviceGetMemoryInfo(device, NULL) : NVML_SUCCESS;
  printf("{\"mode\":\"needed\",\"code\":%d,\"total_bytes\":%zu,\"nvml_code\":%d,\"nvml_total_bytes\":%llu,"
         "\"nvml_v2_total_bytes\":%llu,\"null_code\":%d,\"nvml_text\":\"%s\"}\n",
         code, total, nvml_code, memory.total, memory_v2.total, null_code, nvmlErrorString(nvml_code));
  return 0;
}
