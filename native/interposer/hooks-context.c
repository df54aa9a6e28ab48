// SPDX-License-Identifier: Apache-2.0
// Contexts: only on granted devices, and with a context goes the memory it owned.
#include "account.h"
#include "compute.h"
#include "hooks.h"
#include "pool.h"

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

HOOK_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device) {
  CHECK_GRANTED(device);
  CUresult result = REAL(cuDevicePrimaryCtxRetain)(out, device);
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
}

static CUresult after_release(CUresult result, CUdevice device) {
  unsigned int flags = 0;
  int is_active = 1;
  if (result != CUDA_SUCCESS) return result;
  if (DRIVER(cuDevicePrimaryCtxGetState)(device, &flags, &is_active) == CUDA_SUCCESS && is_active == 0)
    drop_primary(device);
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

HOOK_EXPORT CUresult cuCtxCreate(CUcontext *out, unsigned int flags, CUdevice device) {
  CHECK_GRANTED(device);
  return REAL(cuCtxCreate)(out, flags, device);
}

HOOK_EXPORT CUresult cuCtxCreate_v2(CUcontext *out, unsigned int flags, CUdevice device) {
  CHECK_GRANTED(device);
  return REAL(cuCtxCreate_v2)(out, flags, device);
}

HOOK_EXPORT CUresult cuCtxCreate_v3(CUcontext *out, void *params, int count, unsigned int flags, CUdevice device) {
  CHECK_GRANTED(device);
  return REAL(cuCtxCreate_v3)(out, params, count, flags, device);
}

HOOK_EXPORT CUresult cuCtxCreate_v4(CUcontext *out, void *params, unsigned int flags, CUdevice device) {
  CHECK_GRANTED(device);
  return REAL(cuCtxCreate_v4)(out, params, flags, device);
}

typedef CUresult (*destroy_fn)(CUcontext);

static CUresult destroy(destroy_fn real, CUcontext context) {
  uint64_t left = account_leave_context(context);
  compute_forget_context(context);
  CUresult result = real(context);
  if (result == CUDA_SUCCESS) account_drop_left(left);
  else account_come_back(left, context);
  return result;
}

HOOK_EXPORT CUresult cuCtxDestroy(CUcontext context) { return destroy(REAL(cuCtxDestroy), context); }

HOOK_EXPORT CUresult cuCtxDestroy_v2(CUcontext context) { return destroy(REAL(cuCtxDestroy_v2), context); }
