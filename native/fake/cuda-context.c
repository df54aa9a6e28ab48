// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: contexts, primary and made ones, and the stack of current contexts a thread has.
#include <sched.h>

#include "pool.h"
#include "work.h"

#define STACK_DEPTH 16u

static __thread struct CUctx_st *stack[STACK_DEPTH];
static __thread uint32_t depth;

static void lock(void) {
  while (__atomic_exchange_n(&fake_cuda.lock, 1u, __ATOMIC_ACQUIRE) != 0) sched_yield();
}

static void unlock(void) { __atomic_store_n(&fake_cuda.lock, 0u, __ATOMIC_RELEASE); }

static bool is_device(CUdevice device) { return device >= 0 && (uint32_t)device < fake_cuda.world.count; }

/* A handle is one of ours and not destroyed. */
static bool is_context(const struct CUctx_st *context) {
  bool is_primary = context >= fake_cuda.primary && context < fake_cuda.primary + FAKE_GPUS_MAX;
  bool is_made = context >= fake_cuda.contexts && context < fake_cuda.contexts + FAKE_CONTEXTS;
  return (is_primary || is_made) && context->refs > 0;
}

CUresult cuda_current(struct CUctx_st **context) {
  CHECK_READY();
  if (depth == 0 || !is_context(stack[depth - 1])) return CUDA_ERROR_INVALID_CONTEXT;
  *context = stack[depth - 1];
  return CUDA_SUCCESS;
}

static bool open_context(struct CUctx_st *context, uint32_t device) {
  const struct fake_gpu *gpu = cuda_gpu(device);
  if (gpu->context_bytes > 0 && !world_charge(&fake_cuda.world, gpu->index, gpu->context_bytes, REGION_CLASS_DRIVER))
    return false;
  context->device = device;
  context->refs = 1;
  return true;
}

static void close_context(struct CUctx_st *context) {
  const struct fake_gpu *gpu = cuda_gpu(context->device);
  stream_drop(context);
  cuda_memory_drop(context);
  if (context->is_primary) pool_reset(context->device);
  if (gpu->context_bytes > 0) world_refund(&fake_cuda.world, gpu->index, gpu->context_bytes, REGION_CLASS_DRIVER);
  context->refs = 0;
}

/* ---- primary ---- */

FAKE_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device) {
  CHECK_READY();
  CHECK_ARGUMENT(out != NULL);
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  struct CUctx_st *context = &fake_cuda.primary[device];
  lock();
  bool is_open = context->refs > 0;
  if (is_open) context->refs++;
  else is_open = open_context(context, (uint32_t)device);
  context->is_primary = true;
  unlock();
  *out = is_open ? context : NULL;
  return is_open ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

FAKE_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  CHECK_READY();
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  struct CUctx_st *context = &fake_cuda.primary[device];
  if (context->refs == 0) return CUDA_ERROR_INVALID_CONTEXT;
  lock();
  if (context->refs > 1) context->refs--;
  else close_context(context);
  unlock();
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDevicePrimaryCtxRelease(CUdevice device) { return cuDevicePrimaryCtxRelease_v2(device); }

/* The context stays open; what it owned is gone. */
FAKE_EXPORT CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  CHECK_READY();
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  if (fake_cuda.primary[device].refs == 0) return CUDA_SUCCESS;
  stream_drop(&fake_cuda.primary[device]);
  cuda_memory_drop(&fake_cuda.primary[device]);
  pool_reset((uint32_t)device);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDevicePrimaryCtxReset(CUdevice device) { return cuDevicePrimaryCtxReset_v2(device); }

FAKE_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned int *flags, int *is_active) {
  CHECK_READY();
  CHECK_ARGUMENT(flags != NULL && is_active != NULL);
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  *flags = 0;
  *is_active = fake_cuda.primary[device].refs > 0;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned int flags) {
  (void)flags;
  CHECK_READY();
  return is_device(device) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

/* ---- made by the program ---- */

static struct CUctx_st *make_context(uint32_t device) {
  struct CUctx_st *made = NULL;
  lock();
  for (uint32_t i = 0; i < FAKE_CONTEXTS && made == NULL; i++)
    if (fake_cuda.contexts[i].refs == 0) made = &fake_cuda.contexts[i];
  if (made != NULL && !open_context(made, device)) made = NULL;
  unlock();
  return made;
}

FAKE_EXPORT CUresult cuCtxCreate_v2(CUcontext *out, unsigned int flags, CUdevice device) {
  (void)flags;
  CHECK_READY();
  CHECK_ARGUMENT(out != NULL && depth < STACK_DEPTH);
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  *out = make_context((uint32_t)device);
  if (*out == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  stack[depth++] = *out;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxCreate(CUcontext *out, unsigned int flags, CUdevice device) {
  return cuCtxCreate_v2(out, flags, device);
}

FAKE_EXPORT CUresult cuCtxCreate_v3(CUcontext *out, void *params, int count, unsigned int flags, CUdevice device) {
  (void)params, (void)count;
  return cuCtxCreate_v2(out, flags, device);
}

FAKE_EXPORT CUresult cuCtxCreate_v4(CUcontext *out, void *params, unsigned int flags, CUdevice device) {
  (void)params;
  return cuCtxCreate_v2(out, flags, device);
}

FAKE_EXPORT CUresult cuCtxDestroy_v2(CUcontext context) {
  CHECK_READY();
  if (!is_context(context) || context->is_primary) return CUDA_ERROR_INVALID_CONTEXT;
  lock();
  close_context(context);
  unlock();
  if (depth > 0 && stack[depth - 1] == context) depth--;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxDestroy(CUcontext context) { return cuCtxDestroy_v2(context); }

/* ---- current ---- */

FAKE_EXPORT CUresult cuCtxPushCurrent_v2(CUcontext context) {
  CHECK_READY();
  if (!is_context(context)) return CUDA_ERROR_INVALID_CONTEXT;
  CHECK_ARGUMENT(depth < STACK_DEPTH);
  stack[depth++] = context;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  CHECK_READY();
  if (depth == 0) return CUDA_ERROR_INVALID_CONTEXT;
  depth--;
  if (context != NULL) *context = stack[depth];
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
  CHECK_READY();
  if (context != NULL && !is_context(context)) return CUDA_ERROR_INVALID_CONTEXT;
  if (depth > 0) depth--;
  if (context != NULL) stack[depth++] = context;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxGetCurrent(CUcontext *context) {
  CHECK_READY();
  CHECK_ARGUMENT(context != NULL);
  *context = depth > 0 ? stack[depth - 1] : NULL;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxGetDevice(CUdevice *device) {
  struct CUctx_st *context;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(device != NULL);
  *device = (CUdevice)context->device;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxGetApiVersion(CUcontext context, unsigned int *version) {
  CHECK_READY();
  CHECK_ARGUMENT(version != NULL);
  if (context != NULL && !is_context(context)) return CUDA_ERROR_INVALID_CONTEXT;
  *version = 3020;
  return CUDA_SUCCESS;
}
