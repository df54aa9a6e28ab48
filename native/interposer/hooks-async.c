// SPDX-License-Identifier: Apache-2.0
// Stream-ordered memory and pools. What is charged is what was asked, not what a pool keeps in reserve.
#include "account.h"
#include "hooks.h"

typedef CUresult (*alloc_fn)(CUdeviceptr *, size_t, CUstream);
typedef CUresult (*pool_alloc_fn)(CUdeviceptr *, size_t, CUmemoryPool, CUstream);
typedef CUresult (*free_fn)(CUdeviceptr, CUstream);

static CUresult allocate(alloc_fn real, CUdeviceptr *out, size_t size, CUstream stream) {
  struct account_charge charge;
  if (out == NULL || size == 0) return real(out, size, stream);
  CUresult result = account_charge_stream(&charge, stream, account_round(size));
  if (result != CUDA_SUCCESS) return result;
  result = real(out, size, stream);
  return account_settle(&charge, result, *out, PTRMAP_POINTER);
}

HOOK_EXPORT CUresult cuMemAllocAsync(CUdeviceptr *out, size_t size, CUstream stream) {
  return allocate(REAL(cuMemAllocAsync), out, size, stream);
}

HOOK_EXPORT CUresult cuMemAllocAsync_ptsz(CUdeviceptr *out, size_t size, CUstream stream) {
  return allocate(REAL(cuMemAllocAsync_ptsz), out, size, stream);
}

/* The pool's own device, which need not be the stream's; one that nobody told us of is taken for the stream's. */
static CUresult charge_pool(struct account_charge *charge, CUmemoryPool pool, CUstream stream, uint64_t bytes) {
  struct ptrmap_entry entry;
  struct ptrmap *map = account_map();
  if (map == NULL) return CUDA_ERROR_NO_DEVICE;
  if (!ptrmap_get(map, (uint64_t)(uintptr_t)pool, PTRMAP_POOL, &entry))
    return account_charge_stream(charge, stream, bytes);
  charge->is_free_of_charge = entry.flags != 0;
  if (charge->is_free_of_charge) return CUDA_SUCCESS;
  charge->owner = 0;
  charge->ledger.memory_class = REGION_CLASS_ASYNC;
  return account_charge_device(charge, (CUdevice)entry.device, bytes);
}

static CUresult allocate_from(pool_alloc_fn real, struct account_charge *charge, CUresult charged, CUdeviceptr *out,
                              size_t size, CUmemoryPool pool, CUstream stream) {
  if (charged != CUDA_SUCCESS) return charged;
  CUresult result = real(out, size, pool, stream);
  return account_settle(charge, result, *out, PTRMAP_POINTER);
}

HOOK_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr *out, size_t size, CUmemoryPool pool, CUstream stream) {
  struct account_charge charge;
  if (out == NULL || size == 0) return REAL(cuMemAllocFromPoolAsync)(out, size, pool, stream);
  CUresult charged = charge_pool(&charge, pool, stream, account_round(size));
  return allocate_from(REAL(cuMemAllocFromPoolAsync), &charge, charged, out, size, pool, stream);
}

HOOK_EXPORT CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *out, size_t size, CUmemoryPool pool, CUstream stream) {
  struct account_charge charge;
  if (out == NULL || size == 0) return REAL(cuMemAllocFromPoolAsync_ptsz)(out, size, pool, stream);
  CUresult charged = charge_pool(&charge, pool, stream, account_round(size));
  return allocate_from(REAL(cuMemAllocFromPoolAsync_ptsz), &charge, charged, out, size, pool, stream);
}

/* Refunded when the free is queued, not when the stream reaches it: the driver reuses it in that order too. */
static CUresult release(free_fn real, CUdeviceptr pointer, CUstream stream) {
  struct ptrmap_entry entry;
  bool is_ours = account_take(pointer, PTRMAP_POINTER, &entry);
  CUresult result = real(pointer, stream);
  if (!is_ours) return result;
  if (result == CUDA_SUCCESS) account_drop(&entry);
  else account_keep(&entry);
  return result;
}

HOOK_EXPORT CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream) {
  return release(REAL(cuMemFreeAsync), pointer, stream);
}

HOOK_EXPORT CUresult cuMemFreeAsync_ptsz(CUdeviceptr pointer, CUstream stream) {
  return release(REAL(cuMemFreeAsync_ptsz), pointer, stream);
}

/* Told again and again; one that was made by the program is known already, with its flags. */
static CUresult learn_pool(CUresult result, const CUmemoryPool *pool, CUdevice device) {
  struct ptrmap_entry entry;
  struct ptrmap *map = result == CUDA_SUCCESS ? account_map() : NULL;
  if (map == NULL || ptrmap_get(map, (uint64_t)(uintptr_t)*pool, PTRMAP_POOL, &entry)) return result;
  entry = (struct ptrmap_entry){
      .key = (uint64_t)(uintptr_t)*pool, .refs = 1, .kind = PTRMAP_POOL, .device = (uint8_t)device};
  ptrmap_put(map, &entry);
  return result;
}

HOOK_EXPORT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device) {
  return learn_pool(REAL(cuDeviceGetDefaultMemPool)(pool, device), pool, device);
}

HOOK_EXPORT CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device) {
  return learn_pool(REAL(cuDeviceGetMemPool)(pool, device), pool, device);
}

/* A pool in host memory is free of charge. */
HOOK_EXPORT CUresult cuMemPoolCreate(CUmemoryPool *pool, const struct cuda_pool_props *props) {
  CUresult result = REAL(cuMemPoolCreate)(pool, props);
  struct ptrmap *map = result == CUDA_SUCCESS ? account_map() : NULL;
  if (map == NULL) return result;
  bool is_device = props->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
  struct ptrmap_entry entry = {.key = (uint64_t)(uintptr_t)*pool,
                               .refs = 1,
                               .kind = PTRMAP_POOL,
                               .device = is_device ? (uint8_t)props->location.id : 0,
                               .flags = is_device ? 0 : 1};
  ptrmap_put(map, &entry);
  return result;
}

HOOK_EXPORT CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  struct ptrmap_entry entry;
  bool is_known = account_take((uint64_t)(uintptr_t)pool, PTRMAP_POOL, &entry);
  CUresult result = REAL(cuMemPoolDestroy)(pool);
  if (is_known && result != CUDA_SUCCESS) account_keep(&entry);
  return result;
}
