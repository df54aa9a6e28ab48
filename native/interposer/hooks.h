// SPDX-License-Identifier: Apache-2.0
// What hook files share: their numbers, the driver's functions behind them, and how a hook is written.
#ifndef KERF_HOOKS_H
#define KERF_HOOKS_H

#include "cuda-abi.h"
#include "cuda-memory-abi.h"
#include "driver.h"

#define HOOK_EXPORT __attribute__((visibility("default")))

#define HOOK(symbol, name, since, flags, room, why) HOOK_##symbol,
enum hook_number {
#include "hooks.def"
  HOOK_COUNT
};
#undef HOOK

/* Functions we call without hooking them. */
#define CALLS(X)                                                                                          \
  X(cuArrayGetMemoryRequirements, (struct cuda_array_needs *, CUarray, CUdevice))                         \
  X(cuMipmappedArrayGetMemoryRequirements, (struct cuda_array_needs *, CUmipmappedArray, CUdevice))       \
  X(cuCtxGetCurrent, (CUcontext *))                                                                       \
  X(cuCtxGetLimit, (size_t *, int))                                                                       \
  X(cuCtxGetDevice, (CUdevice *))                                                                         \
  X(cuCtxPushCurrent_v2, (CUcontext))                                                                     \
  X(cuCtxPopCurrent_v2, (CUcontext *))                                                                    \
  X(cuFuncGetName, (const char **, CUfunction))                                                           \
  X(cuKernelGetName, (const char **, CUfunction))                                                         \
  X(cuEventCreate, (CUevent *, unsigned int))                                                             \
  X(cuEventRecord, (CUevent, CUstream))                                                                   \
  X(cuEventQuery, (CUevent))                                                                              \
  X(cuEventElapsedTime, (float *, CUevent, CUevent))                                                      \
  X(cuStreamQuery, (CUstream))                                                                            \
  X(cuStreamIsCapturing, (CUstream, int *))                                                               \
  X(cuThreadExchangeStreamCaptureMode, (int *))                                                           \
  X(cuMemGetAddressRange_v2, (CUdeviceptr *, size_t *, CUdeviceptr))                                      \
  X(cuMemGetAllocationPropertiesFromHandle, (struct cuda_allocation_prop *, CUmemGenericAllocationHandle)) \
  X(cuDeviceGetAttribute, (int *, int, CUdevice))                                                         \
  X(cuDeviceGetUuid, (CUuuid *, CUdevice))                                                                \
  X(cuDeviceGetUuid_v2, (CUuuid *, CUdevice))                                                             \
  X(cuDevicePrimaryCtxGetState, (CUdevice, unsigned int *, int *))                                        \
  X(cuStreamGetCtx, (CUstream, CUcontext *))                                                              \
  X(cuMemPoolGetAttribute, (CUmemoryPool, int, void *))                                                   \
  X(cuDeviceGetGraphMemAttribute, (CUdevice, int, void *))                                                \
  X(cuGraphGetNodes, (CUgraph, CUgraphNode *, size_t *))                                                  \
  X(cuGraphNodeGetType, (CUgraphNode, int *))                                                             \
  X(cuGraphChildGraphNodeGetGraph, (CUgraphNode, CUgraph *))                                              \
  X(cuGraphMemAllocNodeGetParams, (CUgraphNode, struct cuda_graph_alloc *))                               \
  X(cuStreamIsCapturing_ptsz, (CUstream, int *))

#define CALL_NUMBER(symbol, arguments) CALL_##symbol,
enum call_number { CALLS(CALL_NUMBER) CALL_COUNT };
#undef CALL_NUMBER

#define CALL_TYPE(symbol, arguments) typedef CUresult(*call_##symbol) arguments;
CALLS(CALL_TYPE)
#undef CALL_TYPE

extern void *hook_reals[HOOK_COUNT];
extern void *call_reals[CALL_COUNT];
void *hook_find_real(enum hook_number number);
void *hook_find_call(enum call_number number);
/* The hook's own address, by number. */
void *hook_address(enum hook_number number);

static inline void *hook_real(enum hook_number number) {
  void *real = __atomic_load_n(&hook_reals[number], __ATOMIC_RELAXED);
  return real != NULL ? real : hook_find_real(number);
}

static inline void *hook_call(enum call_number number) {
  void *real = __atomic_load_n(&call_reals[number], __ATOMIC_RELAXED);
  return real != NULL ? real : hook_find_call(number);
}

/* The driver's function behind a hook, with the hook's own type. */
#define REAL(symbol) ((__typeof__(&symbol))hook_real(HOOK_##symbol))
/* A driver's function that has no hook. */
#define DRIVER(symbol) ((call_##symbol)hook_call(CALL_##symbol))

#endif
