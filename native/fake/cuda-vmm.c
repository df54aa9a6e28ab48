// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: virtual memory management. Physical memory lives until its last handle and mapping are gone.
#define _GNU_SOURCE
#include "cuda-vmm.h"

#include <sys/mman.h>

static uint64_t next_handle = 1;

bool vmm_find(uint64_t handle, struct ptrmap_entry *entry) {
  struct ptrmap_entry grip;
  return ptrmap_get(&fake_cuda.map, handle, PTRMAP_GRIP, &grip) &&
         ptrmap_get(&fake_cuda.map, handle, PTRMAP_HANDLE, entry);
}

CUresult vmm_add(const struct ptrmap_entry *memory, uint64_t *handle) {
  struct ptrmap_entry entry = *memory;
  entry.key = __atomic_fetch_add(&next_handle, 1, __ATOMIC_SEQ_CST);
  entry.refs = 1;
  entry.kind = PTRMAP_HANDLE;
  struct ptrmap_entry grip = {.key = entry.key, .refs = 1, .kind = PTRMAP_GRIP};
  if (!ptrmap_put(&fake_cuda.map, &entry) || !ptrmap_put(&fake_cuda.map, &grip)) return CUDA_ERROR_OUT_OF_MEMORY;
  *handle = entry.key;
  return CUDA_SUCCESS;
}

bool vmm_hold(uint64_t handle) {
  struct ptrmap_entry entry;
  return ptrmap_count(&fake_cuda.map, handle, PTRMAP_HANDLE, 1, &entry);
}

/* What others were given stays theirs; what others gave is theirs to refund. */
static void free_memory(const struct ptrmap_entry *entry) {
  struct ptrmap_entry given;
  const struct share_desk *desk = world_desk(&fake_cuda.world, &fake_cuda.map);
  struct ledger_charge charge = {cuda_gpu(entry->device)->index, REGION_CLASS_VMM, entry->bytes};
  if ((entry->flags & PTRMAP_HOLDS) != 0) share_drop(desk, entry->bytes);
  else if (ptrmap_take(&fake_cuda.map, entry->key, PTRMAP_HANDLE | PTRMAP_GIVEN, &given))
    share_leave(desk, given.owner, charge);
  else if (entry->bytes > 0) ledger_refund(desk->ledger, charge);
}

static void drop_binding(const struct ptrmap_entry *binding, void *context) {
  (void)context;
  vmm_drop(binding->bytes);
}

bool vmm_drop(uint64_t handle) {
  struct ptrmap_entry entry;
  if (!ptrmap_count(&fake_cuda.map, handle, PTRMAP_HANDLE, -1, &entry)) return false;
  if (entry.refs > 0) return true;
  if ((entry.flags & VMM_IS_MULTICAST) != 0)
    ptrmap_sweep(&fake_cuda.map, handle, PTRMAP_BINDING, drop_binding, NULL);
  free_memory(&entry);
  return true;
}

FAKE_EXPORT CUresult cuMemGetAllocationGranularity(size_t *grain, const struct cuda_allocation_prop *prop, int option) {
  (void)option;
  CHECK_READY();
  CHECK_ARGUMENT(grain != NULL && prop != NULL);
  *grain = VMM_GRAIN;
  return CUDA_SUCCESS;
}

/* Host memory is not the device's: kinds 2 to 4 of location. */
FAKE_EXPORT CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size,
                                 const struct cuda_allocation_prop *prop, unsigned long long flags) {
  CHECK_READY();
  CHECK_ARGUMENT(handle != NULL && prop != NULL && flags == 0 && size > 0 && IS_GRAIN(size));
  CHECK_ARGUMENT(prop->type == CU_MEM_ALLOCATION_TYPE_PINNED);
  CHECK_ARGUMENT(prop->location.type >= CU_MEM_LOCATION_TYPE_DEVICE && prop->location.type <= 4);
  bool is_device = prop->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
  CHECK_ARGUMENT(!is_device || (prop->location.id >= 0 && (uint32_t)prop->location.id < fake_cuda.world.count));
  uint32_t device = is_device ? (uint32_t)prop->location.id : 0;
  if (is_device && !world_charge(&fake_cuda.world, cuda_gpu(device)->index, size, REGION_CLASS_VMM))
    return CUDA_ERROR_OUT_OF_MEMORY;
  struct ptrmap_entry entry = {.bytes = is_device ? size : 0,
                               .owner = size,
                               .device = (uint8_t)device,
                               .flags = is_device ? 0 : VMM_IS_HOST};
  return vmm_add(&entry, handle);
}

FAKE_EXPORT CUresult cuMemGetAllocationPropertiesFromHandle(struct cuda_allocation_prop *prop,
                                                            CUmemGenericAllocationHandle handle) {
  struct ptrmap_entry entry;
  CHECK_READY();
  CHECK_ARGUMENT(prop != NULL && vmm_find(handle, &entry) && (entry.flags & VMM_IS_MULTICAST) == 0);
  bool is_host = (entry.flags & VMM_IS_HOST) != 0;
  *prop = (struct cuda_allocation_prop){.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                        .location = {is_host ? 2 : CU_MEM_LOCATION_TYPE_DEVICE, entry.device}};
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  struct ptrmap_entry grip;
  CHECK_READY();
  CHECK_ARGUMENT(ptrmap_count(&fake_cuda.map, handle, PTRMAP_GRIP, -1, &grip));
  vmm_drop(handle);
  return CUDA_SUCCESS;
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
  CHECK_ARGUMENT(vmm_find(handle, &entry) && entry.owner >= size && vmm_hold(handle));
  struct ptrmap_entry mapping = {.key = pointer, .bytes = size, .owner = handle, .refs = 1, .kind = PTRMAP_MAPPING};
  return ptrmap_put(&fake_cuda.map, &mapping) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

/* The range must be whole mappings, one after the other. */
FAKE_EXPORT CUresult cuMemUnmap(CUdeviceptr pointer, size_t size) {
  struct ptrmap_entry mapping;
  CHECK_READY();
  CHECK_ARGUMENT(size > 0 && IS_GRAIN(size) && pointer + size > pointer);
  for (uint64_t at = pointer; at < pointer + size; at += mapping.bytes)
    CHECK_ARGUMENT(ptrmap_get(&fake_cuda.map, at, PTRMAP_MAPPING, &mapping) && at + mapping.bytes <= pointer + size);
  for (uint64_t at = pointer; at < pointer + size; at += mapping.bytes) {
    CHECK_ARGUMENT(ptrmap_take(&fake_cuda.map, at, PTRMAP_MAPPING, &mapping));
    vmm_drop(mapping.owner);
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

/* One that was released comes back by its mapping. */
FAKE_EXPORT CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *address) {
  struct ptrmap_entry mapping, counted;
  CHECK_READY();
  CHECK_ARGUMENT(handle != NULL);
  CHECK_ARGUMENT(ptrmap_get(&fake_cuda.map, (uint64_t)(uintptr_t)address, PTRMAP_MAPPING, &mapping));
  CHECK_ARGUMENT(vmm_hold(mapping.owner));
  struct ptrmap_entry grip = {.key = mapping.owner, .refs = 1, .kind = PTRMAP_GRIP};
  if (!ptrmap_count(&fake_cuda.map, mapping.owner, PTRMAP_GRIP, 1, &counted)) ptrmap_put(&fake_cuda.map, &grip);
  *handle = mapping.owner;
  return CUDA_SUCCESS;
}
