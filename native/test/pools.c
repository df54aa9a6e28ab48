// SPDX-License-Identifier: Apache-2.0
// Memory from a pool is its device's, whatever the stream's: run in a slice of two devices, the second the smaller.
// Ends with 0 if all hold, else says which does not.
#include "driver-calls.h"
#include "test.h"

#define MIB (1ull << 20)

static void fill_and_free(CUmemoryPool pool, size_t most) {
  CUdeviceptr all, more;
  CLAIM(cuMemAllocFromPoolAsync(&more, most + MIB, pool, NULL) == CUDA_ERROR_OUT_OF_MEMORY);
  CLAIM(cuMemAllocFromPoolAsync(&all, most, pool, NULL) == CUDA_SUCCESS);
  CLAIM(cuMemAllocFromPoolAsync(&more, 512, pool, NULL) == CUDA_ERROR_OUT_OF_MEMORY);
  CLAIM(cuMemFreeAsync(all, NULL) == CUDA_SUCCESS);
}

int main(void) {
  CUcontext context;
  CUmemoryPool pool;
  size_t first, second;
  CLAIM(cuInit(0) == CUDA_SUCCESS);
  CLAIM(cuDevicePrimaryCtxRetain(&context, 0) == CUDA_SUCCESS && cuCtxSetCurrent(context) == CUDA_SUCCESS);
  CLAIM(cuDeviceTotalMem_v2(&first, 0) == CUDA_SUCCESS && cuDeviceTotalMem_v2(&second, 1) == CUDA_SUCCESS);
  CLAIM(second < first);
  CLAIM(cuDeviceGetDefaultMemPool(NULL, 1) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuDeviceGetDefaultMemPool(&pool, 1) == CUDA_SUCCESS);
  fill_and_free(pool, second);
  CLAIM(cuDeviceGetMemPool(&pool, 1) == CUDA_SUCCESS);
  fill_and_free(pool, second);
  CLAIM(cuDeviceGetDefaultMemPool(&pool, 0) == CUDA_SUCCESS);
  fill_and_free(pool, first);
  printf("{\"held\":true}\n");
  return 0;
}
