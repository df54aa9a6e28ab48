// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "cuda.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

struct cuda_functions cuda;
struct nvml_functions nvml;

static void *cuda_library;

static void resolve(void *library, void *out, const char *name) {
  void *found = dlsym(library, name);
  memcpy(out, &found, sizeof(found));
}

bool cuda_load(void) {
  void *library = cuda_library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return false;
  resolve(library, &cuda.init, "cuInit");
  resolve(library, &cuda.device_count, "cuDeviceGetCount");
  resolve(library, &cuda.device_get, "cuDeviceGet");
  resolve(library, &cuda.device_uuid, "cuDeviceGetUuid");
  resolve(library, &cuda.device_name, "cuDeviceGetName");
  resolve(library, &cuda.device_total, "cuDeviceTotalMem_v2");
  resolve(library, &cuda.context_retain, "cuDevicePrimaryCtxRetain");
  resolve(library, &cuda.context_set, "cuCtxSetCurrent");
  resolve(library, &cuda.synchronize, "cuCtxSynchronize");
  resolve(library, &cuda.memory_info, "cuMemGetInfo_v2");
  resolve(library, &cuda.alloc, "cuMemAlloc_v2");
  resolve(library, &cuda.release, "cuMemFree_v2");
  resolve(library, &cuda.alloc_managed, "cuMemAllocManaged");
  resolve(library, &cuda.alloc_async, "cuMemAllocAsync");
  resolve(library, &cuda.free_async, "cuMemFreeAsync");
  resolve(library, &cuda.vmm_create, "cuMemCreate");
  resolve(library, &cuda.vmm_release, "cuMemRelease");
  resolve(library, &cuda.alloc_pitch, "cuMemAllocPitch_v2");
  resolve(library, &cuda.array_create, "cuArrayCreate_v2");
  resolve(library, &cuda.volume_create, "cuArray3DCreate_v2");
  resolve(library, &cuda.array_destroy, "cuArrayDestroy");
  resolve(library, &cuda.mipmap_create, "cuMipmappedArrayCreate");
  resolve(library, &cuda.mipmap_destroy, "cuMipmappedArrayDestroy");
  resolve(library, &cuda.address_reserve, "cuMemAddressReserve");
  resolve(library, &cuda.address_free, "cuMemAddressFree");
  resolve(library, &cuda.map, "cuMemMap");
  resolve(library, &cuda.unmap, "cuMemUnmap");
  resolve(library, &cuda.map_array, "cuMemMapArrayAsync");
  resolve(library, &cuda.vmm_export, "cuMemExportToShareableHandle");
  resolve(library, &cuda.vmm_import, "cuMemImportFromShareableHandle");
  resolve(library, &cuda.multicast_create, "cuMulticastCreate");
  resolve(library, &cuda.multicast_add_device, "cuMulticastAddDevice");
  resolve(library, &cuda.multicast_bind, "cuMulticastBindMem");
  resolve(library, &cuda.external_import, "cuImportExternalMemory");
  resolve(library, &cuda.external_buffer, "cuExternalMemoryGetMappedBuffer");
  resolve(library, &cuda.external_destroy, "cuDestroyExternalMemory");
  resolve(library, &cuda.ipc_get, "cuIpcGetMemHandle");
  resolve(library, &cuda.ipc_open, "cuIpcOpenMemHandle_v2");
  resolve(library, &cuda.ipc_close, "cuIpcCloseMemHandle");
  resolve(library, &cuda.error_name, "cuGetErrorName");
  return cuda.init != NULL;
}

void cuda_resolve(void *out, const char *name) { resolve(cuda_library, out, name); }

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
