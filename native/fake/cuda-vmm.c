// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: virtual memory management. Physical memory lives until its last handle and mapping are gone.
#define _GNU_SOURCE
#include <sys/mman.h>

#include "cuda.h"

#define VMM_GRAIN 0x200000ull
#define IS_GRAIN(value) ((value) % VMM_GRAIN == 0)

static uint64_t next_handle = 1;

FAKE_EXPORT CUresult cuMemGetAllocationGranularity(size_t *grain, const struct cuda_allocation_prop *prop, int option) {
  (void)option;
  CHECK_READY();
  CHECK_ARGUMENT(grain != NULL && prop != NULL);
  *grain = VMM_GRAIN;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size,
                                 const struct cuda_allocation_prop *prop, unsigned long long flags) {
  CHECK_READY();
  CHECK_ARGUMENT(handle != NULL && prop != NULL && flags == 0 && size > 0 && IS_GRAIN(size));
  CHECK_ARGUMENT(prop->type == CU_MEM_ALLOCATION_TYPE_PINNED);
  bool is_device = prop->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
  CHECK_ARGUMENT(!is_device || (prop->location.id >= 0 && (uint32_t)prop->location.id < fake_cuda.world.count));
  uint32_t device = is_device ? (uint32_t)prop->location.id : 0;
  if (is_device && !world_charge(&fake_cuda.world, cuda_gpu(device)->index, size, REGION_CLASS_VMM))
    return CUDA_ERROR_OUT_OF_MEMORY;
  struct ptrmap_entry entry = {.key = __atomic_fetch_add(&next_handle, 1, __ATOMIC_SEQ_CST),
                               .bytes = is_device ? size : 0,
                               .owner = size,
                               .refs = 1,
                               .kind = PTRMAP_HANDLE,
                               .device = (uint8_t)device};
  if (!ptrmap_put(&fake_cuda.map, &entry)) return CUDA_ERROR_OUT_OF_MEMORY;
  *handle = entry.key;
  return CUDA_SUCCESS;
}

static CUresult drop_reference(uint64_t handle) {
  struct ptrmap_entry entry;
  if (!ptrmap_count(&fake_cuda.map, handle, PTRMAP_HANDLE, -1, &entry)) return CUDA_ERROR_INVALID_VALUE;
  if (entry.refs == 0 && entry.bytes > 0)
    world_refund(&fake_cuda.world, cuda_gpu(entry.device)->index, entry.bytes, REGION_CLASS_VMM);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  CHECK_READY();
  return drop_reference(handle);
}

FAKE_EXPORT CUresult cuMemAddressReserve(CUdeviceptr *out, size_t size, size_t align, CUdeviceptr wish, unsigned long long flags) {
  (void)align, (void)wish;
  CHECK_READY();
  CHECK_ARGUMENT(out != NULL && size > 0 && IS_GRAIN(size) && flags == 0);
  *out = arena_take(size);
  return *out == 0 ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemAddressFree(CUdeviceptr pointer, size_t size) {
  CHECK_READY();
  CHECK_ARGUMENT(pointer != 0 && size > 0 && IS_GRAIN(size));
  madvise((void *)(uintptr_t)pointer, size, MADV_DONTNEED);
  arena_give(pointer, size);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemMap(CUdeviceptr pointer, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                              unsigned long long flags) {
  struct ptrmap_entry entry;
  CHECK_READY();
  CHECK_ARGUMENT(pointer != 0 && size > 0 && IS_GRAIN(size) && offset == 0 && flags == 0);
  CHECK_ARGUMENT(!ptrmap_get(&fake_cuda.map, pointer, PTRMAP_MAPPING, &entry));
  CHECK_ARGUMENT(ptrmap_get(&fake_cuda.map, handle, PTRMAP_HANDLE, &entry) && entry.owner >= size);
  CHECK_ARGUMENT(ptrmap_count(&fake_cuda.map, handle, PTRMAP_HANDLE, 1, &entry));
  struct ptrmap_entry mapping = {.key = pointer, .bytes = size, .owner = handle, .refs = 1, .kind = PTRMAP_MAPPING};
  return ptrmap_put(&fake_cuda.map, &mapping) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

/* The range must be whole mappings, one after the other. */
FAKE_EXPORT CUresult cuMemUnmap(CUdeviceptr pointer, size_t size) {
  struct ptrmap_entry mapping;
  CHECK_READY();
  CHECK_ARGUMENT(size > 0 && IS_GRAIN(size));
  for (uint64_t at = pointer; at < pointer + size; at += mapping.bytes)
    CHECK_ARGUMENT(ptrmap_get(&fake_cuda.map, at, PTRMAP_MAPPING, &mapping) && at + mapping.bytes <= pointer + size);
  for (uint64_t at = pointer; at < pointer + size; at += mapping.bytes) {
    CHECK_ARGUMENT(ptrmap_take(&fake_cuda.map, at, PTRMAP_MAPPING, &mapping));
    drop_reference(mapping.owner);
  }
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemSetAccess(CUdeviceptr pointer, size_t size, const void *access, size_t count) {
  struct ptrmap_entry mapping;
  CHECK_READY();
  CHECK_ARGUMENT(access != NULL && count > 0 && size > 0);
  CHECK_ARGUMENT(ptrmap_get(&fake_cuda.map, pointer, PTRMAP_MAPPING, &mapping));
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *address) {
  struct ptrmap_entry mapping, entry;
  CHECK_READY();
  CHECK_ARGUMENT(handle != NULL);
  CHECK_ARGUMENT(ptrmap_get(&fake_cuda.map, (uint64_t)(uintptr_t)address, PTRMAP_MAPPING, &mapping));
  CHECK_ARGUMENT(ptrmap_count(&fake_cuda.map, mapping.owner, PTRMAP_HANDLE, 1, &entry));
  *handle = mapping.owner;
  return CUDA_SUCCESS;
}
