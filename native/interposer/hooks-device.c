// SPDX-License-Identifier: Apache-2.0
// Starting, and what a program is shown of its device: the slice as if it were the whole.
#include "account.h"
#include "hooks.h"

HOOK_EXPORT CUresult cuInit(unsigned int flags) {
  CUresult result = driver_is_present() ? account_check() : CUDA_ERROR_NO_DEVICE;
  return result == CUDA_SUCCESS ? REAL(cuInit)(flags) : result;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Nothing of a device that was not granted. */
static uint64_t total_of(CUdevice device, uint64_t physical) {
  uint64_t limit;
  return account_limit(device, &limit) ? least(limit, physical) : 0;
}

HOOK_EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  CUresult result = REAL(cuDeviceTotalMem_v2)(bytes, device);
  if (result == CUDA_SUCCESS && bytes != NULL) *bytes = total_of(device, *bytes);
  return result;
}

HOOK_EXPORT CUresult cuDeviceTotalMem(unsigned int *bytes, CUdevice device) {
  CUresult result = REAL(cuDeviceTotalMem)(bytes, device);
  if (result == CUDA_SUCCESS && bytes != NULL) *bytes = (unsigned int)total_of(device, *bytes);
  return result;
}

struct view {
  uint64_t limit;
  uint64_t free;
};

/* Total is the ceiling, always; free is what can be had now (limits_growth). The driver's figures may be smaller than
 * ours: neighbours may have filled the device. */
static CUresult read_view(struct view *view) {
  CUdevice device;
  CUresult result = DRIVER(cuCtxGetDevice)(&device);
  if (result != CUDA_SUCCESS) return result;
  uint64_t growth = 0;
  if (!account_limit(device, &view->limit) || !account_growth(device, &growth)) view->limit = 0;
  uint64_t used = account_used(device);
  view->free = used < growth ? growth - used : 0;
  return CUDA_SUCCESS;
}

/* The driver sees the caller's own pointers, so whatever it says to NULL is what the caller hears. */
HOOK_EXPORT CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes) {
  struct view view;
  CUresult result = REAL(cuMemGetInfo_v2)(free_bytes, total_bytes);
  if (result == CUDA_SUCCESS) result = read_view(&view);
  if (result != CUDA_SUCCESS) return result;
  if (free_bytes != NULL) *free_bytes = least(*free_bytes, view.free);
  if (total_bytes != NULL) *total_bytes = least(*total_bytes, view.limit);
  return result;
}

HOOK_EXPORT CUresult cuMemGetInfo(unsigned int *free_bytes, unsigned int *total_bytes) {
  struct view view;
  CUresult result = REAL(cuMemGetInfo)(free_bytes, total_bytes);
  if (result == CUDA_SUCCESS) result = read_view(&view);
  if (result != CUDA_SUCCESS) return result;
  if (free_bytes != NULL) *free_bytes = (unsigned int)least(*free_bytes, view.free);
  if (total_bytes != NULL) *total_bytes = (unsigned int)least(*total_bytes, view.limit);
  return result;
}
