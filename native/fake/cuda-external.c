// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: memory of other APIs. There is no Vulkan here to have allocated it, so it is taken from the device at
// import; a file of at least its size stands for it. It is free when the import and all that was mapped are gone.
#define _GNU_SOURCE
#include <sys/stat.h>

#include "cuda-holdings.h"
#include "cuda-memory-abi.h"

#define FD CU_EXTERNAL_MEMORY_OPAQUE_FD

static bool is_imported(CUexternalMemory memory, struct ptrmap_entry *entry) {
  return ptrmap_get(&fake_cuda.map, (uintptr_t)memory, PTRMAP_EXTERNAL, entry);
}

FAKE_EXPORT CUresult cuImportExternalMemory(CUexternalMemory *out, const struct cuda_external_desc *desc) {
  struct CUctx_st *context;
  struct stat file;
  uint64_t handle;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(out != NULL && desc != NULL && desc->size > 0 && desc->flags <= 1);
  CHECK_ARGUMENT(desc->type >= FD && desc->type <= CU_EXTERNAL_MEMORY_LAST);
  if (desc->type != FD) return CUDA_ERROR_NOT_SUPPORTED;
  CHECK_ARGUMENT(fstat(desc->handle.fd, &file) == 0 && (uint64_t)file.st_size >= desc->size);
  uint64_t bytes = (desc->size + 511) / 512 * 512;
  struct holding holding = {PTRMAP_EXTERNAL, 0, context, REGION_CLASS_IMPORT, bytes};
  result = cuda_hold(&holding, &handle);
  if (result == CUDA_SUCCESS) *out = (CUexternalMemory)(uintptr_t)handle;
  return result;
}

/* Destroyed imports with mapped parts are kept as PTRMAP_EXTERNAL | PTRMAP_GIVEN: parts may hold them, no call. */
#define GHOST (PTRMAP_EXTERNAL | PTRMAP_GIVEN)
#define PARTS 0x1fu

static uint32_t parts_of(uint64_t memory) {
  struct ptrmap_entry parts;
  return ptrmap_get(&fake_cuda.map, memory, PARTS, &parts) ? parts.refs : 0;
}

static void add_part(uint64_t memory) {
  struct ptrmap_entry counted, first = {.key = memory, .refs = 1, .kind = PARTS};
  if (!ptrmap_count(&fake_cuda.map, memory, PARTS, 1, &counted)) ptrmap_put(&fake_cuda.map, &first);
}

/* Of a buffer or mipmapped array that is being freed. */
void cuda_drop_part(uint64_t memory) {
  struct ptrmap_entry counted, ghost;
  if (!ptrmap_count(&fake_cuda.map, memory, PARTS, -1, &counted) || counted.refs > 0) return;
  if (ptrmap_take(&fake_cuda.map, memory, GHOST, &ghost)) cuda_let_go(&ghost);
}

FAKE_EXPORT CUresult cuDestroyExternalMemory(CUexternalMemory memory) {
  struct CUctx_st *context;
  struct ptrmap_entry entry;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  if (!is_imported(memory, &entry)) return CUDA_ERROR_INVALID_HANDLE;
  if (entry.owner != (uintptr_t)context) return CUDA_ERROR_INVALID_CONTEXT;
  if (!ptrmap_take(&fake_cuda.map, entry.key, PTRMAP_EXTERNAL, &entry)) return CUDA_ERROR_INVALID_HANDLE;
  struct ptrmap_entry ghost = entry;
  ghost.kind = GHOST;
  if (parts_of(entry.key) > 0) ptrmap_put(&fake_cuda.map, &ghost);
  else cuda_let_go(&entry);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuExternalMemoryGetMappedBuffer(CUdeviceptr *out, CUexternalMemory memory,
                                                     const struct cuda_external_buffer *desc) {
  struct CUctx_st *context;
  struct ptrmap_entry entry;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  if (!is_imported(memory, &entry)) return CUDA_ERROR_INVALID_HANDLE;
  CHECK_ARGUMENT(out != NULL && desc != NULL && desc->flags == 0 && desc->size > 0);
  CHECK_ARGUMENT(desc->offset <= entry.bytes && desc->size <= entry.bytes - desc->offset);
  struct ptrmap_entry part = {.key = arena_take(desc->size),
                              .bytes = desc->size,
                              .owner = (uintptr_t)context,
                              .refs = 1,
                              .kind = PTRMAP_POINTER,
                              .device = entry.device,
                              .memory_class = REGION_CLASS_IMPORT,
                              .flags = PTRMAP_PART};
  struct ptrmap_entry whole = {.key = part.key, .owner = entry.key, .refs = 1, .kind = PTRMAP_BINDING};
  if (part.key == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  ptrmap_put(&fake_cuda.map, &whole);
  ptrmap_put(&fake_cuda.map, &part);
  add_part(entry.key);
  *out = part.key;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuExternalMemoryGetMappedMipmappedArray(CUmipmappedArray *out, CUexternalMemory memory,
                                                             const struct cuda_external_mipmap *desc) {
  struct CUctx_st *context;
  struct ptrmap_entry entry;
  uint64_t handle;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  if (!is_imported(memory, &entry)) return CUDA_ERROR_INVALID_HANDLE;
  CHECK_ARGUMENT(out != NULL && desc != NULL && desc->levels > 0);
  result = cuda_array_on(&desc->desc, desc->levels, entry.key, &handle);
  if (result != CUDA_SUCCESS) return result;
  add_part(entry.key);
  *out = (CUmipmappedArray)(uintptr_t)handle;
  return CUDA_SUCCESS;
}
