// SPDX-License-Identifier: Apache-2.0
// overhead | overhead small: what the driver takes for itself is charged exactly and comes back. On a device whose
// contexts take 500 MiB and modules 20 MiB: a slice of 1200 MiB, or one of 400. Ends with 0 if all hold.
#include <string.h>

#include "driver-calls.h"
#include "test.h"

#define MIB (1ull << 20)
#define CONTEXT (500 * MIB)
#define MODULE (20 * MIB)
#define LIMIT_STACK 0
#define LIMIT_HEAP 2
#define THREADS (132ull * 2048)

static CUcontext primary, other;

static size_t used(void) {
  size_t free_bytes = 0, total_bytes = 0;
  CLAIM(cuMemGetInfo_v2(&free_bytes, &total_bytes) == CUDA_SUCCESS);
  return total_bytes - free_bytes;
}

static void contexts_and_code(void) {
  CUmodule module;
  CUlibrary library;
  CUdeviceptr pointer;
  CLAIM(cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS && cuCtxSetCurrent(primary) == CUDA_SUCCESS);
  CLAIM(used() == CONTEXT);
  CLAIM(cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS && used() == CONTEXT);
  CLAIM(cuMemAlloc_v2(&pointer, 3 * MIB) == CUDA_SUCCESS && used() == CONTEXT + 3 * MIB);
  CLAIM(cuModuleLoadData(&module, "ptx") == CUDA_SUCCESS && used() == CONTEXT + MODULE + 3 * MIB);
  CLAIM(cuModuleLoadData(&module, NULL) == CUDA_ERROR_INVALID_VALUE && used() == CONTEXT + MODULE + 3 * MIB);
  CLAIM(cuModuleUnload(module) == CUDA_SUCCESS && used() == CONTEXT + 3 * MIB);
  CLAIM(cuLibraryLoadData(&library, "ptx", NULL, NULL, 0, NULL, NULL, 0) == CUDA_SUCCESS);
  CLAIM(used() == CONTEXT + MODULE + 3 * MIB);
  CLAIM(cuLibraryUnload(library) == CUDA_SUCCESS && cuMemFree_v2(pointer) == CUDA_SUCCESS && used() == CONTEXT);
  CLAIM(cuModuleLoadData(&module, "ptx") == CUDA_SUCCESS && cuDevicePrimaryCtxReset_v2(0) == CUDA_SUCCESS);
  CLAIM(used() == CONTEXT);
}

static void a_second_context(void) {
  CUmodule module;
  CLAIM(cuCtxCreate_v2(&other, 0, 0) == CUDA_SUCCESS && used() == 2 * CONTEXT);
  CLAIM(cuModuleLoadData(&module, "ptx") == CUDA_SUCCESS && used() == 2 * CONTEXT + MODULE);
  CLAIM(cuCtxSetLimit(LIMIT_HEAP, 64 * MIB) == CUDA_SUCCESS && used() == 2 * CONTEXT + MODULE + 56 * MIB);
  CLAIM(cuCtxSetLimit(LIMIT_HEAP, 512 * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
  CLAIM(used() == 2 * CONTEXT + MODULE + 56 * MIB);
  CLAIM(cuCtxDestroy_v2(other) == CUDA_SUCCESS && cuCtxSetCurrent(primary) == CUDA_SUCCESS && used() == CONTEXT);
}

/* For every thread that the device can run at once. */
static void stacks(void) {
  CLAIM(cuCtxSetLimit(LIMIT_STACK, 1024 + 2048) == CUDA_SUCCESS && used() == CONTEXT + 2048 * THREADS);
  CLAIM(cuCtxSetLimit(LIMIT_STACK, 4096) == CUDA_ERROR_OUT_OF_MEMORY && used() == CONTEXT + 2048 * THREADS);
  CLAIM(cuCtxSetLimit(LIMIT_STACK, (512 << 10) + 1) == CUDA_ERROR_INVALID_VALUE && used() == CONTEXT + 2048 * THREADS);
  CLAIM(cuCtxSetLimit(LIMIT_STACK, 1024 + 512) == CUDA_SUCCESS && used() == CONTEXT + 512 * THREADS);
  CLAIM(cuCtxSetLimit(LIMIT_STACK, 1024) == CUDA_SUCCESS && used() == CONTEXT);
}

/* 200 MiB are left: no context fits, nine modules do. */
static void what_does_not_fit_is_refused(void) {
  CUdeviceptr pointer;
  CUmodule modules[9], more;
  CLAIM(cuMemAlloc_v2(&pointer, 500 * MIB) == CUDA_SUCCESS && used() == 1000 * MIB);
  CLAIM(cuCtxCreate_v2(&other, 0, 0) == CUDA_ERROR_OUT_OF_MEMORY && used() == 1000 * MIB);
  CLAIM(cuMemFree_v2(pointer) == CUDA_SUCCESS && cuMemAlloc_v2(&pointer, 515 * MIB) == CUDA_SUCCESS);
  for (int i = 0; i < 9; i++) CLAIM(cuModuleLoadData(&modules[i], "ptx") == CUDA_SUCCESS);
  CLAIM(used() == 1195 * MIB);
  CLAIM(cuModuleLoadData(&more, "ptx") == CUDA_ERROR_OUT_OF_MEMORY && used() == 1195 * MIB);
  for (int i = 0; i < 9; i++) CLAIM(cuModuleUnload(modules[i]) == CUDA_SUCCESS);
  CLAIM(cuMemFree_v2(pointer) == CUDA_SUCCESS && used() == CONTEXT);
}

static void the_last_release_gives_all_back(void) {
  int is_active;
  unsigned int flags;
  CLAIM(cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS && used() == CONTEXT);
  CLAIM(cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS);
  CLAIM(cuDevicePrimaryCtxGetState(0, &flags, &is_active) == CUDA_SUCCESS && is_active == 0);
}

/* The first refusal learns from the driver; the second asks it no more. */
static void no_context_fits(void) {
  int is_active;
  unsigned int flags;
  for (int i = 0; i < 3; i++) {
    CLAIM(cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_ERROR_OUT_OF_MEMORY);
    CLAIM(cuCtxCreate_v2(&other, 0, 0) == CUDA_ERROR_OUT_OF_MEMORY);
    CLAIM(cuDevicePrimaryCtxGetState(0, &flags, &is_active) == CUDA_SUCCESS && is_active == 0);
  }
}

int main(int argc, char **argv) {
  CLAIM(cuInit(0) == CUDA_SUCCESS);
  if (argc > 1 && strcmp(argv[1], "small") == 0) {
    no_context_fits();
  } else {
    contexts_and_code();
    a_second_context();
    stacks();
    what_does_not_fit_is_refused();
    the_last_release_gives_all_back();
  }
  printf("{\"held\":true}\n");
  return 0;
}
