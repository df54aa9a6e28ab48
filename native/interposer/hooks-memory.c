// SPDX-License-Identifier: Apache-2.0
// Plain, pitched and managed memory.
#include "account.h"
#include "hooks.h"

HOOK_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t size) {
  struct account_charge charge;
  if (out == NULL || size == 0) return REAL(cuMemAlloc_v2)(out, size);
  CUresult result = account_charge_current(&charge, account_round(size), REGION_CLASS_PLAIN);
  if (result != CUDA_SUCCESS) return result;
  result = REAL(cuMemAlloc_v2)(out, size);
  return account_settle(&charge, result, *out, PTRMAP_POINTER);
}

HOOK_EXPORT CUresult cuMemAlloc(unsigned int *out, unsigned int size) {
  struct account_charge charge;
  if (out == NULL || size == 0) return REAL(cuMemAlloc)(out, size);
  CUresult result = account_charge_current(&charge, account_round(size), REGION_CLASS_PLAIN);
  if (result != CUDA_SUCCESS) return result;
  result = REAL(cuMemAlloc)(out, size);
  return account_settle(&charge, result, *out, PTRMAP_POINTER);
}

HOOK_EXPORT CUresult cuMemAllocManaged(CUdeviceptr *out, size_t size, unsigned int flags) {
  struct account_charge charge;
  if (out == NULL || size == 0) return REAL(cuMemAllocManaged)(out, size, flags);
  CUresult result = account_charge_current(&charge, account_round(size), REGION_CLASS_MANAGED);
  if (result != CUDA_SUCCESS) return result;
  result = REAL(cuMemAllocManaged)(out, size, flags);
  return account_settle(&charge, result, *out, PTRMAP_POINTER);
}

static uint64_t rows_bytes(uint64_t pitch, uint64_t height) {
  uint64_t bytes;
  return __builtin_mul_overflow(pitch, height, &bytes) ? UINT64_MAX : bytes;
}

/* The pitch is the driver's choice: charge what it is at least, and the rest once it is known. */
static CUresult settle_pitch(struct account_charge *charge, CUdeviceptr pointer, uint64_t bytes) {
  struct account_charge rest = *charge;
  if (bytes <= charge->ledger.bytes) return account_settle(charge, CUDA_SUCCESS, pointer, PTRMAP_POINTER);
  if (account_charge_current(&rest, bytes - charge->ledger.bytes, REGION_CLASS_PLAIN) != CUDA_SUCCESS)
    return CUDA_ERROR_OUT_OF_MEMORY;
  charge->ledger.bytes = bytes;
  return account_settle(charge, CUDA_SUCCESS, pointer, PTRMAP_POINTER);
}

HOOK_EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer);

HOOK_EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr *out, size_t *pitch, size_t width, size_t height,
                                        unsigned int element) {
  struct account_charge charge;
  if (out == NULL || pitch == NULL || width == 0 || height == 0)
    return REAL(cuMemAllocPitch_v2)(out, pitch, width, height, element);
  uint64_t least = rows_bytes(account_round(width), height);
  CUresult result = account_charge_current(&charge, least, REGION_CLASS_PLAIN);
  if (result != CUDA_SUCCESS) return result;
  result = REAL(cuMemAllocPitch_v2)(out, pitch, width, height, element);
  if (result != CUDA_SUCCESS) return account_settle(&charge, result, 0, PTRMAP_POINTER);
  result = settle_pitch(&charge, *out, rows_bytes(*pitch, height));
  if (result == CUDA_SUCCESS) return result;
  REAL(cuMemFree_v2)(*out);
  return account_settle(&charge, result, 0, PTRMAP_POINTER);
}

HOOK_EXPORT CUresult cuMemAllocPitch(unsigned int *out, unsigned int *pitch, unsigned int width, unsigned int height,
                                     unsigned int element) {
  struct account_charge charge;
  if (out == NULL || pitch == NULL || width == 0 || height == 0)
    return REAL(cuMemAllocPitch)(out, pitch, width, height, element);
  CUresult result = account_charge_current(&charge, rows_bytes(account_round(width), height), REGION_CLASS_PLAIN);
  if (result != CUDA_SUCCESS) return result;
  result = REAL(cuMemAllocPitch)(out, pitch, width, height, element);
  return account_settle(&charge, result, *out, PTRMAP_POINTER);
}

/* A pointer that is not in the map (from an API not counted yet) is the driver's business alone. */
HOOK_EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer) {
  struct ptrmap_entry entry;
  bool is_ours = account_take(pointer, PTRMAP_POINTER, &entry);
  CUresult result = REAL(cuMemFree_v2)(pointer);
  if (!is_ours) return result;
  if (result == CUDA_SUCCESS) account_drop(&entry);
  else account_keep(&entry);
  return result;
}

HOOK_EXPORT CUresult cuMemFree(unsigned int pointer) {
  struct ptrmap_entry entry;
  bool is_ours = account_take(pointer, PTRMAP_POINTER, &entry);
  CUresult result = REAL(cuMemFree)(pointer);
  if (!is_ours) return result;
  if (result == CUDA_SUCCESS) account_drop(&entry);
  else account_keep(&entry);
  return result;
}
