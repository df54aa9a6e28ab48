// SPDX-License-Identifier: Apache-2.0
// Memory that another API allocated (Vulkan, OpenGL, DMA-BUF): charged while this process holds it through CUDA.
// Buffers and mipmapped arrays mapped from it hold it too, though the import itself may be destroyed before them.
#define _GNU_SOURCE
#include <fcntl.h>

#include "account.h"
#include "hooks.h"

HOOK_EXPORT CUresult cuDestroyExternalMemory(CUexternalMemory memory);
HOOK_EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device);

static bool is_file(int type) { return type == CU_EXTERNAL_MEMORY_OPAQUE_FD || type == CU_EXTERNAL_MEMORY_LAST; }

static bool fits_the_device(uint64_t bytes) {
  CUdevice device;
  size_t total = 0;
  if (DRIVER(cuCtxGetDevice)(&device) != CUDA_SUCCESS) return false;
  return REAL(cuDeviceTotalMem_v2)(&total, device) == CUDA_SUCCESS && bytes <= total;
}

/* One that the driver takes; of others it shall say itself what is wrong. */
static bool is_ordinary(const struct cuda_external_desc *desc) {
  bool is_type = desc->type >= CU_EXTERNAL_MEMORY_OPAQUE_FD && desc->type <= CU_EXTERNAL_MEMORY_LAST;
  bool is_open = !is_file(desc->type) || fcntl(desc->handle.fd, F_GETFD) >= 0;
  return is_type && is_open && fits_the_device(desc->size);
}

HOOK_EXPORT CUresult cuImportExternalMemory(CUexternalMemory *out, const struct cuda_external_desc *desc) {
  struct account_charge charge;
  if (out == NULL || desc == NULL || desc->size == 0) return REAL(cuImportExternalMemory)(out, desc);
  CUresult charged = account_charge_current(&charge, account_round(desc->size), REGION_CLASS_IMPORT);
  if (charged != CUDA_SUCCESS && (charged != CUDA_ERROR_OUT_OF_MEMORY || is_ordinary(desc))) return charged;
  CUresult result = REAL(cuImportExternalMemory)(out, desc);
  if (charged == CUDA_SUCCESS) return account_settle(&charge, result, (uintptr_t)*out, PTRMAP_EXTERNAL);
  if (result != CUDA_SUCCESS) return result;
  REAL(cuDestroyExternalMemory)(*out);
  return charged;
}

HOOK_EXPORT CUresult cuDestroyExternalMemory(CUexternalMemory memory) {
  struct ptrmap_entry entry;
  bool is_ours = account_let_go((uintptr_t)memory, PTRMAP_EXTERNAL, &entry);
  CUresult result = REAL(cuDestroyExternalMemory)(memory);
  return is_ours ? account_has_let_go(&entry, result) : result;
}

/* What is mapped is freed by its own call, and counted off there. */
static CUresult keep_part(CUexternalMemory memory, CUresult result, uint64_t key, uint8_t kind) {
  struct ptrmap_entry part = {.key = key,
                              .bytes = (uintptr_t)memory,
                              .refs = 1,
                              .kind = kind,
                              .memory_class = PTRMAP_EXTERNAL,
                              .flags = PTRMAP_PART};
  CUcontext context = NULL;
  if (result != CUDA_SUCCESS) {
    account_count((uintptr_t)memory, PTRMAP_EXTERNAL, -1);
    return result;
  }
  DRIVER(cuCtxGetCurrent)(&context);
  part.owner = (uintptr_t)context;
  account_keep(&part);
  return result;
}

HOOK_EXPORT CUresult cuExternalMemoryGetMappedBuffer(CUdeviceptr *out, CUexternalMemory memory,
                                                     const struct cuda_external_buffer *desc) {
  bool is_held = account_count((uintptr_t)memory, PTRMAP_EXTERNAL, 1);
  CUresult result = REAL(cuExternalMemoryGetMappedBuffer)(out, memory, desc);
  return is_held ? keep_part(memory, result, result == CUDA_SUCCESS ? *out : 0, PTRMAP_POINTER) : result;
}

HOOK_EXPORT CUresult cuExternalMemoryGetMappedMipmappedArray(CUmipmappedArray *out, CUexternalMemory memory,
                                                             const struct cuda_external_mipmap *desc) {
  bool is_held = account_count((uintptr_t)memory, PTRMAP_EXTERNAL, 1);
  CUresult result = REAL(cuExternalMemoryGetMappedMipmappedArray)(out, memory, desc);
  return is_held ? keep_part(memory, result, result == CUDA_SUCCESS ? (uintptr_t)*out : 0, PTRMAP_ARRAY) : result;
}
