// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: what a context holds beside its memory: code (the row's module_mib each), heaps for kernels, and stacks
// of all threads that the device can run at once, whose sizes cuCtxSetLimit sets. They are taken at once, and go with the context.
#include "cuda-holdings.h"

#define LIMITS 10u
#define LIMIT_STACK 0
#define LIMIT_PRINTF 1
#define LIMIT_HEAP 2
#define SMALLEST_STACK 1024u
#define LARGEST_STACK (512u << 10)
#define SMALLEST_PRINTF (1u << 20)
#define SMALLEST_HEAP (8u << 20)

static CUresult load(void **out, const void *image) {
  struct CUctx_st *context;
  uint64_t handle = 0;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(out != NULL && image != NULL);
  struct holding code = {.kind = PTRMAP_CODE,
                         .context = context,
                         .memory_class = REGION_CLASS_DRIVER,
                         .bytes = cuda_gpu(context->device)->module_bytes};
  result = code.bytes > 0 ? cuda_hold(&code, &handle) : cuda_hold_nothing(&code, &handle);
  if (result == CUDA_SUCCESS) *out = (void *)(uintptr_t)handle;
  return result;
}

static CUresult unload(const void *code) {
  struct ptrmap_entry entry;
  CHECK_READY();
  if (!ptrmap_take(&fake_cuda.map, (uint64_t)(uintptr_t)code, PTRMAP_CODE, &entry)) return CUDA_ERROR_INVALID_HANDLE;
  cuda_let_go(&entry);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image) { return load((void **)module, image); }
FAKE_EXPORT CUresult cuModuleLoad(CUmodule *module, const char *path) { return load((void **)module, path); }
FAKE_EXPORT CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image) { return load((void **)module, image); }

FAKE_EXPORT CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int count, int *options,
                                        void **values) {
  (void)count, (void)options, (void)values;
  return load((void **)module, image);
}

FAKE_EXPORT CUresult cuModuleUnload(CUmodule module) { return unload(module); }

FAKE_EXPORT CUresult cuLibraryLoadData(CUlibrary *library, const void *code, int *jit, void **jit_values,
                                       unsigned int jit_count, int *options, void **values, unsigned int count) {
  (void)jit, (void)jit_values, (void)jit_count, (void)options, (void)values, (void)count;
  return load((void **)library, code);
}

FAKE_EXPORT CUresult cuLibraryUnload(CUlibrary library) { return unload(library); }

/* ---- heaps ---- */

static uint64_t key_of(const struct CUctx_st *context, int limit) {
  return (uint64_t)(uintptr_t)context * LIMITS + (uint64_t)limit;
}

static uint64_t smallest(int limit) {
  return limit == LIMIT_PRINTF ? SMALLEST_PRINTF : limit == LIMIT_HEAP ? SMALLEST_HEAP : SMALLEST_STACK;
}

/* The entry by context and limit remembers which holding is its memory. */
static uint64_t size_of(const struct CUctx_st *context, int limit, uint64_t *handle) {
  struct ptrmap_entry place, held;
  *handle = 0;
  if (!ptrmap_get(&fake_cuda.map, key_of(context, limit), PTRMAP_MAPPING, &place)) return smallest(limit);
  if (!ptrmap_get(&fake_cuda.map, place.owner, PTRMAP_LIMIT, &held) || held.owner != (uintptr_t)context)
    return smallest(limit);
  *handle = place.owner;
  return place.bytes;
}

FAKE_EXPORT CUresult cuCtxGetLimit(size_t *value, int limit) {
  struct CUctx_st *context;
  uint64_t handle;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(value != NULL && limit >= 0 && (uint32_t)limit < LIMITS);
  *value = size_of(context, limit, &handle);
  return CUDA_SUCCESS;
}

static uint64_t memory_of(const struct CUctx_st *context, int limit, uint64_t bytes) {
  const struct fake_gpu *gpu = cuda_gpu(context->device);
  uint64_t more = bytes - smallest(limit);
  if (limit == LIMIT_STACK) return more * gpu->sm_count * gpu->max_threads_per_sm;
  return limit == LIMIT_PRINTF || limit == LIMIT_HEAP ? more : 0;
}

/* What a context has from the start is part of what it takes itself. */
FAKE_EXPORT CUresult cuCtxSetLimit(int limit, size_t value) {
  struct CUctx_st *context;
  struct ptrmap_entry old;
  uint64_t handle = 0, next = 0;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(limit >= 0 && (uint32_t)limit < LIMITS);
  CHECK_ARGUMENT(limit != LIMIT_STACK || value <= LARGEST_STACK);
  uint64_t bytes = value > smallest(limit) ? value : smallest(limit);
  size_of(context, limit, &handle);
  if (handle != 0 && ptrmap_take(&fake_cuda.map, handle, PTRMAP_LIMIT, &old)) cuda_let_go(&old);
  struct holding heap = {.kind = PTRMAP_LIMIT,
                         .context = context,
                         .memory_class = REGION_CLASS_DRIVER,
                         .bytes = memory_of(context, limit, bytes)};
  result = heap.bytes > 0 ? cuda_hold(&heap, &next) : cuda_hold_nothing(&heap, &next);
  if (result != CUDA_SUCCESS) return result;
  struct ptrmap_entry place = {
      .key = key_of(context, limit), .bytes = bytes, .owner = next, .refs = 1, .kind = PTRMAP_MAPPING};
  return ptrmap_put(&fake_cuda.map, &place) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}
