// SPDX-License-Identifier: Apache-2.0
// Virtual memory management. Physical memory is charged at cuMemCreate to the device in the properties, and lives
// until its last handle and its last mapping are gone, in whatever order.
#include "account.h"
#include "hooks.h"

#define GRANULE 0x200000ull

HOOK_EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle);

/* One that the driver grants, if it has the memory. Of others it shall say itself what is wrong. */
static bool is_ordinary(size_t size, const struct cuda_allocation_prop *prop, unsigned long long flags) {
  bool is_known = account_index(prop->location.id) >= 0 || account_is_stranger(prop->location.id);
  return is_known && size % GRANULE == 0 && flags == 0 && prop->type == CU_MEM_ALLOCATION_TYPE_PINNED;
}

HOOK_EXPORT CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size,
                                 const struct cuda_allocation_prop *prop, unsigned long long flags) {
  struct account_charge charge = {.ledger = {.memory_class = REGION_CLASS_VMM}};
  bool is_device = handle != NULL && prop != NULL && prop->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
  if (!is_device || size == 0) return REAL(cuMemCreate)(handle, size, prop, flags);
  CUresult charged = account_charge_device(&charge, prop->location.id, size);
  if (charged != CUDA_SUCCESS && (charged != CUDA_ERROR_OUT_OF_MEMORY || is_ordinary(size, prop, flags)))
    return charged;
  CUresult result = REAL(cuMemCreate)(handle, size, prop, flags);
  if (charged == CUDA_SUCCESS) return account_settle(&charge, result, *handle, PTRMAP_HANDLE);
  if (result != CUDA_SUCCESS) return result;
  REAL(cuMemRelease)(*handle);
  return charged;
}

HOOK_EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  struct ptrmap_entry entry;
  bool is_ours = account_let_go(handle, PTRMAP_HANDLE, &entry);
  CUresult result = REAL(cuMemRelease)(handle);
  return is_ours ? account_has_let_go(&entry, result) : result;
}

/* How large a stranger's memory is nobody told; what is mapped of it tells. Holds the handle from now on. */
static CUresult hold_handle(CUmemGenericAllocationHandle handle, size_t size) {
  struct ptrmap_entry entry;
  struct account_charge charge = {.ledger = {.memory_class = REGION_CLASS_IMPORT}};
  struct ptrmap *map = account_map();
  if (map == NULL || !ptrmap_count(map, handle, PTRMAP_HANDLE, 1, &entry)) return CUDA_SUCCESS;
  bool is_known = entry.memory_class != REGION_CLASS_IMPORT || (entry.flags & PTRMAP_HOLDS) != 0 || entry.bytes >= size;
  if (is_known) return CUDA_SUCCESS;
  CUresult result = account_charge_index(&charge, entry.device, size - entry.bytes);
  if (result != CUDA_SUCCESS) {
    account_count(handle, PTRMAP_HANDLE, -1);
    return result;
  }
  /* Another thread may have mapped it meanwhile, and charged the same. */
  charge.ledger.bytes -= ptrmap_grow(map, handle, PTRMAP_HANDLE, size);
  if (charge.ledger.bytes > 0) ledger_refund(account_desk()->ledger, charge.ledger);
  return CUDA_SUCCESS;
}

HOOK_EXPORT CUresult cuMemMap(CUdeviceptr pointer, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                              unsigned long long flags) {
  struct ptrmap_entry mapping = {.key = pointer, .bytes = size, .owner = handle, .refs = 1, .kind = PTRMAP_MAPPING};
  CUresult held = hold_handle(handle, size);
  if (held != CUDA_SUCCESS) return held;
  CUresult result = REAL(cuMemMap)(pointer, size, offset, handle, flags);
  if (result != CUDA_SUCCESS) account_count(handle, PTRMAP_HANDLE, -1);
  else if (account_map() != NULL) account_keep(&mapping);
  return result;
}

/* Every mapping of the range, from its start on; a stretch we do not know ends it, as the driver takes whole mappings
 * only, one after the other. */
static void turn(struct ptrmap *map, CUdeviceptr from, CUdeviceptr to, enum ptrmap_kind old, enum ptrmap_kind next) {
  struct ptrmap_entry mapping;
  for (uint64_t at = from; at < to && ptrmap_take(map, at, old, &mapping); at += mapping.bytes) {
    mapping.kind = next;
    ptrmap_put(map, &mapping);
    if (mapping.bytes == 0) return;
  }
}

static void let_go_of_handles(struct ptrmap *map, CUdeviceptr from, CUdeviceptr to) {
  struct ptrmap_entry mapping;
  for (uint64_t at = from; at < to && ptrmap_take(map, at, PTRMAP_UNMAPPING, &mapping); at += mapping.bytes) {
    account_count(mapping.owner, PTRMAP_HANDLE, -1);
    if (mapping.bytes == 0) return;
  }
}

/* Set aside before the driver is asked: once it has unmapped, another thread may map something else there. */
HOOK_EXPORT CUresult cuMemUnmap(CUdeviceptr pointer, size_t size) {
  struct ptrmap *map = account_map();
  CUdeviceptr end = pointer + size < pointer ? pointer : pointer + size;
  if (map != NULL) turn(map, pointer, end, PTRMAP_MAPPING, PTRMAP_UNMAPPING);
  CUresult result = REAL(cuMemUnmap)(pointer, size);
  if (map == NULL) return result;
  if (result == CUDA_SUCCESS) let_go_of_handles(map, pointer, end);
  else turn(map, pointer, end, PTRMAP_UNMAPPING, PTRMAP_MAPPING);
  return result;
}

/* The driver may give it a new number, which stands for the same memory then. */
HOOK_EXPORT CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *address) {
  struct ptrmap_entry mapping;
  CUresult result = REAL(cuMemRetainAllocationHandle)(handle, address);
  struct ptrmap *map = result == CUDA_SUCCESS ? account_map() : NULL;
  if (map == NULL || account_count(*handle, PTRMAP_HANDLE, 1)) return result;
  if (!ptrmap_get(map, (uintptr_t)address, PTRMAP_MAPPING, &mapping)) return result;
  if (!account_count(mapping.owner, PTRMAP_HANDLE, 1)) return result;
  struct ptrmap_entry alias = {.key = *handle,
                               .bytes = mapping.owner,
                               .refs = 1,
                               .kind = PTRMAP_HANDLE,
                               .memory_class = PTRMAP_HANDLE,
                               .flags = PTRMAP_PART};
  ptrmap_put(map, &alias);
  return result;
}
