// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: copies and host memory. A copy is a memcpy: device addresses are real memory of the process (arena.c).
// It comes after what the legacy stream waits for.
#include <stdlib.h>
#include <string.h>

#include "graph.h"

FAKE_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size) {
  struct CUctx_st *context;
  CUresult result = cuda_current(&context);
  if (result == CUDA_SUCCESS) result = capture_check_unsafe();
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(to != 0 && from != NULL);
  stream_wait_legacy(context);
  memcpy((void *)(uintptr_t)to, from, size);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t size) {
  return cuMemcpyHtoD_v2((CUdeviceptr)(uintptr_t)to, (const void *)(uintptr_t)from, size);
}

FAKE_EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t size) {
  return cuMemcpyHtoD_v2(to, (const void *)(uintptr_t)from, size);
}

FAKE_EXPORT CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t size) {
  struct CUctx_st *context;
  CUresult result = cuda_current(&context);
  if (result == CUDA_SUCCESS) result = capture_check_unsafe();
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(to != 0);
  stream_wait_legacy(context);
  memset((void *)(uintptr_t)to, value, size);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemHostAlloc(void **out, size_t size, unsigned int flags) {
  (void)flags;
  CHECK_READY();
  CHECK_ARGUMENT(out != NULL && size > 0);
  *out = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
  return *out == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemAllocHost_v2(void **out, size_t size) { return cuMemHostAlloc(out, size, 0); }

FAKE_EXPORT CUresult cuMemFreeHost(void *pointer) {
  CHECK_READY();
  CHECK_ARGUMENT(pointer != NULL);
  free(pointer);
  return CUDA_SUCCESS;
}
