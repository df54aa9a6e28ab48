// SPDX-License-Identifier: Apache-2.0
// Virtual memory management. Physical memory is charged at cuMemCreate to the device in the properties, and lives
// until its last handle and its last mapping are gone, in whatever order. Handles from elsewhere (imports) are
// not in the map and pass through.
#include "account.h"
#include "hooks.h"

HOOK_EXPORT CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size,
                                 const struct cuda_allocation_prop *prop, unsigned long long flags) {
  struct account_charge charge = {.ledger = {.memory_class = REGION_CLASS_VMM}};
  bool is_device = handle != NULL && prop != NULL && prop->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
  if (!is_device || size == 0) return REAL(cuMemCreate)(handle, size, prop, flags);
  CUresult result = account_charge_device(&charge, prop->location.id, size);
  if (result != CUDA_SUCCESS) return result;
  result = REAL(cuMemCreate)(handle, size, prop, flags);
  return account_settle(&charge, result, *handle, PTRMAP_HANDLE);
}

static void count(uint64_t handle, int delta) {
  struct ptrmap_entry entry;
  struct ptrmap *map = account_map();
  if (map == NULL || !ptrmap_count(map, handle, PTRMAP_HANDLE, delta, &entry)) return;
  if (entry.refs == 0) account_drop(&entry);
}

/* Counted off first: a handle's number may come back as soon as the driver has let it go. */
HOOK_EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  struct ptrmap_entry entry = {0};
  struct ptrmap *map = account_map();
  bool is_ours = map != NULL && ptrmap_count(map, handle, PTRMAP_HANDLE, -1, &entry);
  CUresult result = REAL(cuMemRelease)(handle);
  if (!is_ours) return result;
  if (result == CUDA_SUCCESS && entry.refs == 0) account_drop(&entry);
  if (result != CUDA_SUCCESS && entry.refs > 0) count(handle, 1);
  if (result != CUDA_SUCCESS && entry.refs == 0) {
    entry.refs = 1;
    account_keep(&entry);
  }
  return result;
}

HOOK_EXPORT CUresult cuMemMap(CUdeviceptr pointer, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                              unsigned long long flags) {
  count(handle, 1);
  CUresult result = REAL(cuMemMap)(pointer, size, offset, handle, flags);
  struct ptrmap *map = account_map();
  if (result != CUDA_SUCCESS || map == NULL) {
    count(handle, -1);
    return result;
  }
  struct ptrmap_entry mapping = {.key = pointer, .bytes = size, .owner = handle, .refs = 1, .kind = PTRMAP_MAPPING};
  ptrmap_put(map, &mapping);
  return result;
}

/* The driver takes whole mappings only, one after the other; a stretch we do not know is skipped. */
HOOK_EXPORT CUresult cuMemUnmap(CUdeviceptr pointer, size_t size) {
  struct ptrmap_entry mapping;
  CUresult result = REAL(cuMemUnmap)(pointer, size);
  struct ptrmap *map = result == CUDA_SUCCESS ? account_map() : NULL;
  if (map == NULL) return result;
  uint64_t at = pointer;
  while (at < pointer + size && ptrmap_take(map, at, PTRMAP_MAPPING, &mapping) && mapping.bytes > 0) {
    count(mapping.owner, -1);
    at += mapping.bytes;
  }
  return result;
}

HOOK_EXPORT CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *address) {
  CUresult result = REAL(cuMemRetainAllocationHandle)(handle, address);
  if (result == CUDA_SUCCESS) count(*handle, 1);
  return result;
}
