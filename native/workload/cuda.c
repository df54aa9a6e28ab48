// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "cuda.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

struct cuda_functions cuda;
struct nvml_functions nvml;

static void resolve(void *library, void *out, const char *name) {
  void *found = dlsym(library, name);
  memcpy(out, &found, sizeof(found));
}

bool cuda_load(void) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return false;
  resolve(library, &cuda.init, "cuInit");
  resolve(library, &cuda.device_count, "cuDeviceGetCount");
  resolve(library, &cuda.device_get, "cuDeviceGet");
  resolve(library, &cuda.device_uuid, "cuDeviceGetUuid");
  resolve(library, &cuda.device_name, "cuDeviceGetName");
  resolve(library, &cuda.device_total, "cuDeviceTotalMem_v2");
  resolve(library, &cuda.context_retain, "cuDevicePrimaryCtxRetain");
  resolve(library, &cuda.context_set, "cuCtxSetCurrent");
  resolve(library, &cuda.memory_info, "cuMemGetInfo_v2");
  resolve(library, &cuda.alloc, "cuMemAlloc_v2");
  resolve(library, &cuda.release, "cuMemFree_v2");
  resolve(library, &cuda.alloc_managed, "cuMemAllocManaged");
  resolve(library, &cuda.alloc_async, "cuMemAllocAsync");
  resolve(library, &cuda.free_async, "cuMemFreeAsync");
  resolve(library, &cuda.vmm_create, "cuMemCreate");
  resolve(library, &cuda.vmm_release, "cuMemRelease");
  resolve(library, &cuda.error_name, "cuGetErrorName");
  return cuda.init != NULL;
}

bool nvml_load(void) {
  void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return false;
  resolve(library, &nvml.init, "nvmlInit_v2");
  resolve(library, &nvml.by_uuid, "nvmlDeviceGetHandleByUUID");
  resolve(library, &nvml.memory, "nvmlDeviceGetMemoryInfo");
  return nvml.init != NULL;
}

CUresult cuda_start(int ordinal) {
  CUdevice device;
  CUcontext context;
  CUresult result = cuda.init(0);
  if (result == CUDA_SUCCESS) result = cuda.device_get(&device, ordinal);
  if (result == CUDA_SUCCESS) result = cuda.context_retain(&context, device);
  if (result == CUDA_SUCCESS) result = cuda.context_set(context);
  return result;
}

const char *cuda_error(CUresult code) {
  const char *name = NULL;
  if (cuda.error_name == NULL || cuda.error_name(code, &name) != CUDA_SUCCESS || name == NULL)
    return code == CUDA_ERROR_NO_DEVICE ? "CUDA_ERROR_NO_DEVICE" : "unknown";
  return name;
}

void cuda_uuid_text(CUdevice device, char text[48]) {
  CUuuid uuid = {{0}};
  int at = 0;
  if (cuda.device_uuid(&uuid, device) != CUDA_SUCCESS) {
    text[0] = '\0';
    return;
  }
  at = sprintf(text, "GPU-");
  for (int i = 0; i < 16; i++) {
    bool has_dash = i == 4 || i == 6 || i == 8 || i == 10;
    at += sprintf(text + at, "%s%02x", has_dash ? "-" : "", uuid.bytes[i]);
  }
}

/* ---- ways of asking for memory ---- */

static CUresult take_malloc(uint64_t *key, uint64_t bytes) { return cuda.alloc(key, bytes); }
static CUresult give_malloc(uint64_t key) { return cuda.release(key); }
static CUresult take_managed(uint64_t *key, uint64_t bytes) { return cuda.alloc_managed(key, bytes, 1); }
static CUresult take_async(uint64_t *key, uint64_t bytes) { return cuda.alloc_async(key, bytes, NULL); }
static CUresult give_async(uint64_t key) { return cuda.free_async(key, NULL); }

static CUresult take_vmm(uint64_t *key, uint64_t bytes) {
  struct cuda_allocation_prop prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                      .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  return cuda.vmm_create(key, (bytes + 2 * MIB - 1) / (2 * MIB) * (2 * MIB), &prop, 0);
}

static CUresult give_vmm(uint64_t key) { return cuda.vmm_release(key); }

static const struct memory_api APIS[] = {
    {"malloc", take_malloc, give_malloc},
    {"managed", take_managed, give_malloc},
    {"async", take_async, give_async},
    {"vmm", take_vmm, give_vmm},
};

const struct memory_api *memory_api(const char *name) {
  for (size_t i = 0; i < sizeof(APIS) / sizeof(APIS[0]); i++)
    if (strcmp(APIS[i].name, name) == 0) return &APIS[i];
  return NULL;
}
