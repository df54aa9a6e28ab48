// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: device memory. Physical memory is charged in the machine's state, so processes fill a device
// together; pointers are checked strictly, so that a wrong free shows.
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "cuda-holdings.h"
#include "graph-memory.h"
#include "pool.h"

#define GRAIN 512ull
#define VMM_GRAIN 0x200000ull
#define PITCH_GRAIN 512ull

static uint64_t round_up(uint64_t value, uint64_t grain) { return (value + grain - 1) / grain * grain; }

/* What this process's pools keep unused goes before a request is refused, as in the driver. */
static bool charge(uint32_t device, uint64_t bytes, uint32_t memory_class) {
  uint32_t gpu = cuda_gpu(device)->index;
  if (world_charge(&fake_cuda.world, gpu, bytes, memory_class)) return true;
  pool_shrink(device);
  return world_charge(&fake_cuda.world, gpu, bytes, memory_class);
}

static void refund(uint32_t device, uint64_t bytes, uint32_t memory_class) {
  world_refund(&fake_cuda.world, cuda_gpu(device)->index, bytes, memory_class);
}

static void give_address(uint64_t address, uint64_t bytes) {
  if (bytes >= VMM_GRAIN) madvise((void *)(uintptr_t)address, bytes, MADV_DONTNEED);
  arena_give(address, bytes);
}

static CUresult allocate(CUdeviceptr *out, size_t size, struct CUctx_st *context, uint8_t memory_class) {
  CHECK_ARGUMENT(out != NULL && size > 0);
  if (size > REGION_USED_MASK) return CUDA_ERROR_OUT_OF_MEMORY;
  uint64_t bytes = round_up(size, GRAIN);
  if (!charge(context->device, bytes, memory_class)) return CUDA_ERROR_OUT_OF_MEMORY;
  struct ptrmap_entry entry = {arena_take(bytes), bytes, (uint64_t)(uintptr_t)context, 1, PTRMAP_POINTER,
                               (uint8_t)context->device, memory_class, 0};
  if (entry.key == 0 || !ptrmap_put(&fake_cuda.map, &entry)) {
    refund(context->device, bytes, memory_class);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *out = entry.key;
  return CUDA_SUCCESS;
}

/* What others were given stays theirs, what others gave is theirs; what was mapped of external memory is the whole's. */
static void free_memory(const struct ptrmap_entry *entry) {
  struct ptrmap_entry other;
  struct ledger_charge charged = {cuda_gpu(entry->device)->index, entry->memory_class, entry->bytes};
  give_address(entry->key, entry->bytes);
  if ((entry->flags & PTRMAP_PART) != 0) cuda_drop_part_of(entry->key);
  else if ((entry->flags & PTRMAP_HOLDS) != 0 &&
           ptrmap_take(&fake_cuda.map, entry->key, PTRMAP_POINTER | PTRMAP_GIVEN, &other))
    share_drop(world_desk(&fake_cuda.world, &fake_cuda.map), other.owner);
  else if ((entry->flags & PTRMAP_SHARED) != 0 &&
           ptrmap_take(&fake_cuda.map, entry->key, PTRMAP_POINTER | PTRMAP_GIVEN, &other))
    share_leave(world_desk(&fake_cuda.world, &fake_cuda.map), other.owner, charged);
  else refund(entry->device, entry->bytes, entry->memory_class);
}

CUresult cuda_memory_free(CUdeviceptr pointer) {
  struct ptrmap_entry entry;
  if (graph_memory_free(pointer)) return CUDA_SUCCESS;
  if (!ptrmap_take(&fake_cuda.map, pointer, PTRMAP_POINTER, &entry)) return CUDA_ERROR_INVALID_VALUE;
  if (entry.memory_class == REGION_CLASS_ASYNC) pool_free_now(&entry);
  else free_memory(&entry);
  return CUDA_SUCCESS;
}

static void drop_one(const struct ptrmap_entry *entry, void *context) {
  (void)context;
  free_memory(entry);
}

void cuda_memory_drop(struct CUctx_st *context) {
  ptrmap_sweep(&fake_cuda.map, (uint64_t)(uintptr_t)context, PTRMAP_POINTER, drop_one, NULL);
  cuda_holdings_drop(context);
}

#define WITH_CURRENT(context)                             \
  struct CUctx_st *context;                               \
  do {                                                    \
    CUresult current = cuda_current(&context);            \
    if (current != CUDA_SUCCESS) return current;          \
  } while (0)

FAKE_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t size) {
  WITH_CURRENT(context);
  return allocate(out, size, context, REGION_CLASS_PLAIN);
}

FAKE_EXPORT CUresult cuMemAllocManaged(CUdeviceptr *out, size_t size, unsigned int flags) {
  WITH_CURRENT(context);
  CHECK_ARGUMENT(flags == 1 || flags == 2);
  return allocate(out, size, context, REGION_CLASS_MANAGED);
}

FAKE_EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr *out, size_t *pitch, size_t width, size_t height, unsigned int element) {
  WITH_CURRENT(context);
  CHECK_ARGUMENT(pitch != NULL && width > 0 && height > 0 && (element == 4 || element == 8 || element == 16));
  if (width > REGION_USED_MASK / height) return CUDA_ERROR_OUT_OF_MEMORY;
  *pitch = round_up(width, PITCH_GRAIN);
  return allocate(out, *pitch * height, context, REGION_CLASS_PLAIN);
}

FAKE_EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer) {
  WITH_CURRENT(context);
  (void)context;
  return cuda_memory_free(pointer);
}

/* The 32-bit forms of CUDA before 3.2 cannot name our addresses; they are there as symbols, as in the real one. */
FAKE_EXPORT CUresult cuMemAlloc(unsigned int *out, unsigned int size) {
  WITH_CURRENT(context);
  (void)context;
  CHECK_ARGUMENT(out != NULL && size > 0);
  return CUDA_ERROR_OUT_OF_MEMORY;
}

FAKE_EXPORT CUresult cuMemFree(unsigned int pointer) {
  WITH_CURRENT(context);
  (void)context, (void)pointer;
  return CUDA_ERROR_INVALID_VALUE;
}

FAKE_EXPORT CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes) {
  WITH_CURRENT(context);
  CHECK_ARGUMENT(free_bytes != NULL && total_bytes != NULL);
  const struct fake_gpu *gpu = cuda_gpu(context->device);
  uint64_t used = world_used(&fake_cuda.world, gpu->index);
  *total_bytes = gpu->memory_bytes;
  *free_bytes = used < gpu->memory_bytes ? gpu->memory_bytes - used : 0;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemGetInfo(unsigned int *free_bytes, unsigned int *total_bytes) {
  size_t free_size = 0, total_size = 0;
  CHECK_ARGUMENT(free_bytes != NULL && total_bytes != NULL);
  CUresult result = cuMemGetInfo_v2(&free_size, &total_size);
  if (result != CUDA_SUCCESS) return result;
  *free_bytes = free_size > UINT32_MAX ? UINT32_MAX : (unsigned int)free_size;
  *total_bytes = total_size > UINT32_MAX ? UINT32_MAX : (unsigned int)total_size;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr pointer) {
  WITH_CURRENT(context);
  (void)context;
  struct ptrmap_entry entry;
  if (!ptrmap_get(&fake_cuda.map, pointer, PTRMAP_POINTER, &entry) &&
      !ptrmap_get(&fake_cuda.map, pointer, PTRMAP_OPENED | PTRMAP_GIVEN, &entry))
    return CUDA_ERROR_NOT_FOUND;
  if (base != NULL) *base = entry.key;
  if (size != NULL) *size = entry.bytes;
  return CUDA_SUCCESS;
}
