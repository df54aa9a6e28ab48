// SPDX-License-Identifier: Apache-2.0
// The driver as a program that loads it at run time sees it.
#ifndef KERF_WORKLOAD_CUDA_H
#define KERF_WORKLOAD_CUDA_H

#include <stdbool.h>

#include "cuda-memory-abi.h"
#include "nvml-abi.h"

#define MIB (1024ull * 1024ull)

struct cuda_functions {
  CUresult (*init)(unsigned int);
  CUresult (*device_count)(int *);
  CUresult (*device_get)(CUdevice *, int);
  CUresult (*device_uuid)(CUuuid *, CUdevice);
  CUresult (*device_name)(char *, int, CUdevice);
  CUresult (*device_total)(size_t *, CUdevice);
  CUresult (*context_retain)(CUcontext *, CUdevice);
  CUresult (*context_set)(CUcontext);
  CUresult (*synchronize)(void);
  CUresult (*memory_info)(size_t *, size_t *);
  CUresult (*alloc)(CUdeviceptr *, size_t);
  CUresult (*release)(CUdeviceptr);
  CUresult (*alloc_managed)(CUdeviceptr *, size_t, unsigned int);
  CUresult (*alloc_async)(CUdeviceptr *, size_t, CUstream);
  CUresult (*free_async)(CUdeviceptr, CUstream);
  CUresult (*vmm_create)(CUmemGenericAllocationHandle *, size_t, const struct cuda_allocation_prop *,
                         unsigned long long);
  CUresult (*vmm_release)(CUmemGenericAllocationHandle);
  CUresult (*alloc_pitch)(CUdeviceptr *, size_t *, size_t, size_t, unsigned int);
  CUresult (*array_create)(CUarray *, const struct cuda_array_desc *);
  CUresult (*volume_create)(CUarray *, const struct cuda_array3d_desc *);
  CUresult (*array_destroy)(CUarray);
  CUresult (*mipmap_create)(CUmipmappedArray *, const struct cuda_array3d_desc *, unsigned int);
  CUresult (*mipmap_destroy)(CUmipmappedArray);
  CUresult (*address_reserve)(CUdeviceptr *, size_t, size_t, CUdeviceptr, unsigned long long);
  CUresult (*address_free)(CUdeviceptr, size_t);
  CUresult (*map)(CUdeviceptr, size_t, size_t, CUmemGenericAllocationHandle, unsigned long long);
  CUresult (*unmap)(CUdeviceptr, size_t);
  CUresult (*map_array)(struct cuda_array_map *, unsigned int, CUstream);
  CUresult (*vmm_export)(void *, CUmemGenericAllocationHandle, int, unsigned long long);
  CUresult (*vmm_import)(CUmemGenericAllocationHandle *, void *, int);
  CUresult (*multicast_create)(CUmemGenericAllocationHandle *, const struct cuda_multicast_prop *);
  CUresult (*multicast_add_device)(CUmemGenericAllocationHandle, CUdevice);
  CUresult (*multicast_bind)(CUmemGenericAllocationHandle, size_t, CUmemGenericAllocationHandle, size_t, size_t,
                             unsigned long long);
  CUresult (*external_import)(CUexternalMemory *, const struct cuda_external_desc *);
  CUresult (*external_buffer)(CUdeviceptr *, CUexternalMemory, const struct cuda_external_buffer *);
  CUresult (*external_destroy)(CUexternalMemory);
  CUresult (*ipc_get)(struct cuda_ipc_handle *, CUdeviceptr);
  CUresult (*ipc_open)(CUdeviceptr *, struct cuda_ipc_handle, unsigned int);
  CUresult (*ipc_close)(CUdeviceptr);
  CUresult (*error_name)(CUresult, const char **);
};

struct nvml_functions {
  nvmlReturn_t (*init)(void);
  nvmlReturn_t (*by_uuid)(const char *, nvmlDevice_t *);
  nvmlReturn_t (*memory)(nvmlDevice_t, struct nvml_memory *);
};

extern struct cuda_functions cuda;
extern struct nvml_functions nvml;

/* One way of asking for memory: what is given back by the matching release. */
struct memory_api {
  const char *name;
  CUresult (*take)(uint64_t *key, uint64_t bytes);
  CUresult (*give)(uint64_t key);
  /* Of multiples of this it takes neither less nor more than asked. */
  uint64_t grain_bytes;
};

/* Where processes of one program leave a handle for the others. */
struct memory_mailbox {
  uint32_t is_busy;
  bool is_full;
  struct cuda_ipc_handle handle;
};

/* Before they fork. */
void memory_share_mailbox(void);
/* False where the library is not to be had. */
bool cuda_load(void);
bool nvml_load(void);
/* Puts the address of one more function of the driver into the pointer at `out`; NULL where there is none. */
void cuda_resolve(void *out, const char *name);
/* cuInit and a current context on the device; the driver's code otherwise. */
CUresult cuda_start(int device);
const char *cuda_error(CUresult code);
void cuda_uuid_text(CUdevice device, char text[48]);
const struct memory_api *memory_api(const char *name);
/* Each of them comes round. */
const struct memory_api *memory_api_at(size_t index);

#endif
