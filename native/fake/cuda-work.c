// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: streams, events, modules, launches, copies. Work is done at once, so a launch is a no-op and a
// copy is a memcpy: device addresses are real memory of the process (arena.c).
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cuda.h"

#define STREAM_MAGIC 0x6d727473u

struct CUevent_st {
  uint64_t recorded_ns;
};

struct CUmod_st {
  uint32_t functions;
};

struct CUfunc_st {
  char name[64];
};

/* Callable with NULL and the two numbers that mean a default stream. */
CUresult cuda_stream_context(CUstream stream, struct CUctx_st **context) {
  CHECK_READY();
  if ((uintptr_t)stream <= CU_STREAM_PER_THREAD_NUMBER) return cuda_current(context);
  if (stream->magic != STREAM_MAGIC) return CUDA_ERROR_INVALID_HANDLE;
  *context = stream->context;
  return CUDA_SUCCESS;
}

static CUresult check_stream(CUstream stream) {
  struct CUctx_st *context;
  return cuda_stream_context(stream, &context);
}

FAKE_EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned int flags) {
  struct CUctx_st *context;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(stream != NULL && flags <= 1);
  *stream = malloc(sizeof(**stream));
  if (*stream == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  **stream = (struct CUstream_st){context, STREAM_MAGIC};
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
  CUresult result = check_stream(stream);
  if (result != CUDA_SUCCESS) return result;
  if ((uintptr_t)stream <= CU_STREAM_PER_THREAD_NUMBER) return CUDA_ERROR_INVALID_HANDLE;
  stream->magic = 0;
  free(stream);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuStreamGetCtx(CUstream stream, CUcontext *context) {
  CHECK_ARGUMENT(context != NULL);
  return cuda_stream_context(stream, context);
}

FAKE_EXPORT CUresult cuStreamSynchronize(CUstream stream) { return check_stream(stream); }
FAKE_EXPORT CUresult cuStreamSynchronize_ptsz(CUstream stream) { return check_stream(stream); }
FAKE_EXPORT CUresult cuStreamQuery(CUstream stream) { return check_stream(stream); }

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

FAKE_EXPORT CUresult cuEventCreate(CUevent *event, unsigned int flags) {
  (void)flags;
  CHECK_READY();
  CHECK_ARGUMENT(event != NULL);
  *event = calloc(1, sizeof(**event));
  return *event == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) {
  CHECK_ARGUMENT(event != NULL);
  CUresult result = check_stream(stream);
  if (result == CUDA_SUCCESS) event->recorded_ns = now_ns();
  return result;
}

FAKE_EXPORT CUresult cuEventSynchronize(CUevent event) {
  CHECK_READY();
  CHECK_ARGUMENT(event != NULL);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuEventQuery(CUevent event) { return cuEventSynchronize(event); }

FAKE_EXPORT CUresult cuEventElapsedTime(float *ms, CUevent start, CUevent end) {
  CHECK_READY();
  CHECK_ARGUMENT(ms != NULL && start != NULL && end != NULL);
  if (start->recorded_ns == 0 || end->recorded_ns == 0) return CUDA_ERROR_INVALID_HANDLE;
  *ms = (float)((double)(end->recorded_ns - start->recorded_ns) / 1e6);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuEventDestroy_v2(CUevent event) {
  CHECK_READY();
  CHECK_ARGUMENT(event != NULL);
  free(event);
  return CUDA_SUCCESS;
}

/* ---- modules and launches ---- */

FAKE_EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  struct CUctx_st *context;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(module != NULL && image != NULL);
  *module = calloc(1, sizeof(**module));
  return *module == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuModuleUnload(CUmodule module) {
  CHECK_READY();
  CHECK_ARGUMENT(module != NULL);
  free(module);
  return CUDA_SUCCESS;
}

/* Functions live as long as the process: the fake keeps no list of them. */
FAKE_EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  CHECK_READY();
  CHECK_ARGUMENT(function != NULL && module != NULL && name != NULL);
  *function = calloc(1, sizeof(**function));
  if (*function == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  strncpy((*function)->name, name, sizeof((*function)->name) - 1);
  return CUDA_SUCCESS;
}

struct launch_shape {
  unsigned int grid[3];
  unsigned int block[3];
};

static CUresult launch(CUfunction function, const struct launch_shape *shape, CUstream stream) {
  CUresult result = check_stream(stream);
  if (result != CUDA_SUCCESS) return result;
  if (function == NULL) return CUDA_ERROR_INVALID_HANDLE;
  for (int i = 0; i < 3; i++) CHECK_ARGUMENT(shape->grid[i] > 0 && shape->block[i] > 0);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned int gx, unsigned int gy, unsigned int gz,
                                    unsigned int bx, unsigned int by, unsigned int bz, unsigned int shared_bytes,
                                    CUstream stream, void **params, void **extra) {
  (void)shared_bytes, (void)params, (void)extra;
  return launch(function, &(struct launch_shape){{gx, gy, gz}, {bx, by, bz}}, stream);
}

FAKE_EXPORT CUresult cuLaunchKernel_ptsz(CUfunction function, unsigned int gx, unsigned int gy, unsigned int gz,
                                         unsigned int bx, unsigned int by, unsigned int bz,
                                         unsigned int shared_bytes, CUstream stream, void **params, void **extra) {
  (void)shared_bytes, (void)params, (void)extra;
  return launch(function, &(struct launch_shape){{gx, gy, gz}, {bx, by, bz}}, stream);
}

/* ---- copies and host memory ---- */

FAKE_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size) {
  struct CUctx_st *context;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(to != 0 && from != NULL);
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
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(to != 0);
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
