// SPDX-License-Identifier: Apache-2.0
// Contexts: only on granted devices, and with a context goes the memory it owned.
#include "account.h"
#include "compute.h"
#include "hooks.h"
#include "overhead.h"

#define ORDINALS 64

static CUcontext primary[ORDINALS];

#define CHECK_GRANTED(device)                                                     \
  do {                                                                            \
    if (driver_is_present() && account_is_stranger(device)) return refuse();      \
  } while (0)

/* As if it were not there: because it is not ours, or because nothing is while the limits cannot be read. */
static CUresult refuse(void) {
  return account_check() == CUDA_SUCCESS ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_NO_DEVICE;
}

static bool is_active(CUdevice device) {
  unsigned int flags = 0;
  int active = 1;
  return DRIVER(cuDevicePrimaryCtxGetState)(device, &flags, &active) != CUDA_SUCCESS || active != 0;
}

HOOK_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device);
HOOK_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device);

static CUresult retain(CUcontext *out, CUdevice device) {
  struct pool_turn turn;
  if (out == NULL || is_active(device)) return REAL(cuDevicePrimaryCtxRetain)(out, device);
  CUresult result = overhead_before_context(&turn, device);
  if (result != CUDA_SUCCESS) return result;
  CUresult answered = REAL(cuDevicePrimaryCtxRetain)(out, device);
  result = overhead_after_context(&turn, answered, answered == CUDA_SUCCESS ? *out : NULL, device);
  if (result == answered) return result;
  REAL(cuDevicePrimaryCtxRelease_v2)(device);
  overhead_closed(*out, device);
  return result;
}

HOOK_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device) {
  CHECK_GRANTED(device);
  CUresult result = retain(out, device);
  if (result == CUDA_SUCCESS && device >= 0 && device < ORDINALS)
    __atomic_store_n(&primary[device], *out, __ATOMIC_RELEASE);
  return result;
}

static void drop_primary(CUdevice device) {
  if (device < 0 || device >= ORDINALS) return;
  CUcontext context = __atomic_load_n(&primary[device], __ATOMIC_ACQUIRE);
  compute_forget_context(context);
  account_drop_context(context);
  pool_reset(device);
  if (is_active(device)) overhead_changed(device);
  else overhead_closed(context, device);
}

static CUresult after_release(CUresult result, CUdevice device) {
  if (result == CUDA_SUCCESS && !is_active(device)) drop_primary(device);
  return result;
}

HOOK_EXPORT CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  return after_release(REAL(cuDevicePrimaryCtxRelease)(device), device);
}

HOOK_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return after_release(REAL(cuDevicePrimaryCtxRelease_v2)(device), device);
}

static CUresult after_reset(CUresult result, CUdevice device) {
  if (result == CUDA_SUCCESS) drop_primary(device);
  return result;
}

HOOK_EXPORT CUresult cuDevicePrimaryCtxReset(CUdevice device) {
  return after_reset(REAL(cuDevicePrimaryCtxReset)(device), device);
}

HOOK_EXPORT CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return after_reset(REAL(cuDevicePrimaryCtxReset_v2)(device), device);
}

typedef CUresult (*destroy_fn)(CUcontext);

HOOK_EXPORT CUresult cuCtxDestroy_v2(CUcontext context);

/* A new context did not fit after all. */
static CUresult made(struct pool_turn *turn, CUresult answered, CUcontext context, CUdevice device) {
  CUresult result = overhead_after_context(turn, answered, context, device);
  if (result == answered) return result;
  REAL(cuCtxDestroy_v2)(context);
  overhead_closed(context, device);
  return result;
}

#define MAKE(call)                                                                        \
  do {                                                                                    \
    struct pool_turn turn;                                                                \
    CHECK_GRANTED(device);                                                                \
    CUresult before = overhead_before_context(&turn, device);                             \
    if (before != CUDA_SUCCESS) return before;                                            \
    CUresult answered = call;                                                             \
    return made(&turn, answered, answered == CUDA_SUCCESS ? *out : NULL, device);         \
  } while (0)

HOOK_EXPORT CUresult cuCtxCreate(CUcontext *out, unsigned int flags, CUdevice device) {
  MAKE(REAL(cuCtxCreate)(out, flags, device));
}

HOOK_EXPORT CUresult cuCtxCreate_v2(CUcontext *out, unsigned int flags, CUdevice device) {
  MAKE(REAL(cuCtxCreate_v2)(out, flags, device));
}

HOOK_EXPORT CUresult cuCtxCreate_v3(CUcontext *out, void *params, int count, unsigned int flags, CUdevice device) {
  MAKE(REAL(cuCtxCreate_v3)(out, params, count, flags, device));
}

HOOK_EXPORT CUresult cuCtxCreate_v4(CUcontext *out, void *params, unsigned int flags, CUdevice device) {
  MAKE(REAL(cuCtxCreate_v4)(out, params, flags, device));
}

/* The device of a context that need not be current; asked while it lives. */
static CUdevice device_of(CUcontext context) {
  CUcontext popped;
  CUdevice device = -1;
  if (DRIVER(cuCtxPushCurrent_v2)(context) != CUDA_SUCCESS) return device;
  if (DRIVER(cuCtxGetDevice)(&device) != CUDA_SUCCESS) device = -1;
  DRIVER(cuCtxPopCurrent_v2)(&popped);
  return device;
}

static CUresult destroy(destroy_fn real, CUcontext context) {
  CUdevice device = context != NULL ? device_of(context) : -1;
  uint64_t left = account_leave_context(context);
  compute_forget_context(context);
  CUresult result = real(context);
  if (result == CUDA_SUCCESS) account_drop_left(left);
  else account_come_back(left, context);
  if (result == CUDA_SUCCESS) overhead_closed(context, device);
  return result;
}

HOOK_EXPORT CUresult cuCtxDestroy(CUcontext context) { return destroy(REAL(cuCtxDestroy), context); }

HOOK_EXPORT CUresult cuCtxDestroy_v2(CUcontext context) { return destroy(REAL(cuCtxDestroy_v2), context); }
