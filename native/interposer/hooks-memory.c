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

HOOK_EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer);

/* It does not fit, but the driver would not have looked: then it says itself what is wrong. What it gives nevertheless
 * goes back. */
static CUresult refuse(CUresult result, CUdeviceptr pointer) {
  if (result != CUDA_SUCCESS) return result;
  REAL(cuMemFree_v2)(pointer);
  return CUDA_ERROR_OUT_OF_MEMORY;
}

enum { ATTACH_GLOBAL = 1, ATTACH_HOST = 2 };

HOOK_EXPORT CUresult cuMemAllocManaged(CUdeviceptr *out, size_t size, unsigned int flags) {
  struct account_charge charge;
  if (out == NULL || size == 0) return REAL(cuMemAllocManaged)(out, size, flags);
  CUresult result = account_charge_current(&charge, account_round(size), REGION_CLASS_MANAGED);
  if (result == CUDA_ERROR_OUT_OF_MEMORY && flags != ATTACH_GLOBAL && flags != ATTACH_HOST)
    return refuse(REAL(cuMemAllocManaged)(out, size, flags), *out);
  if (result != CUDA_SUCCESS) return result;
  result = REAL(cuMemAllocManaged)(out, size, flags);
  return account_settle(&charge, result, *out, PTRMAP_POINTER);
}

/* ---- pitched ---- */

/* The driver chooses the pitch. What it was padded to so far is what we expect of it; where it is more, the rest is
 * charged once it is known, and next time at once. */
#define PITCH_GRAIN 512u
static uint64_t pitch_grain = PITCH_GRAIN;

static uint64_t rows_bytes(uint64_t pitch, uint64_t height) {
  uint64_t bytes;
  return __builtin_mul_overflow(pitch, height, &bytes) ? UINT64_MAX : account_round(bytes);
}

static uint64_t expected_bytes(uint64_t width, uint64_t height) {
  uint64_t grain = __atomic_load_n(&pitch_grain, __ATOMIC_RELAXED);
  return width > REGION_USED_MASK ? UINT64_MAX : rows_bytes((width + grain - 1) / grain * grain, height);
}

/* The largest power of two up to 64 KiB that the pitch is a multiple of, if the width alone does not explain it. */
static void learn_pitch(uint64_t pitch, uint64_t width) {
  uint64_t grain = __atomic_load_n(&pitch_grain, __ATOMIC_RELAXED);
  uint64_t next = pitch & -pitch;
  if (pitch > (width + grain - 1) / grain * grain && next > grain && next <= 0x10000)
    __atomic_store_n(&pitch_grain, next, __ATOMIC_RELAXED);
}

/* Settles to what was taken: less goes back, more is charged, or the memory goes back. */
static CUresult settle_pitch(struct account_charge *charge, CUdeviceptr pointer, uint64_t bytes) {
  struct account_charge rest = *charge;
  uint64_t charged = charge->ledger.bytes;
  CUresult result = CUDA_SUCCESS;
  if (bytes > charged) result = account_charge_index(&rest, charge->ledger.device, bytes - charged);
  if (result != CUDA_SUCCESS) {
    REAL(cuMemFree_v2)(pointer);
    return account_settle(charge, result, 0, PTRMAP_POINTER);
  }
  rest.ledger.bytes = charged - bytes;
  if (bytes < charged) account_settle(&rest, CUDA_ERROR_OUT_OF_MEMORY, 0, PTRMAP_POINTER);
  charge->ledger.bytes = bytes;
  return account_settle(charge, CUDA_SUCCESS, pointer, PTRMAP_POINTER);
}

static bool is_element(unsigned int bytes) { return bytes == 4 || bytes == 8 || bytes == 16; }

HOOK_EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr *out, size_t *pitch, size_t width, size_t height,
                                        unsigned int element) {
  struct account_charge charge;
  if (out == NULL || pitch == NULL || width == 0 || height == 0)
    return REAL(cuMemAllocPitch_v2)(out, pitch, width, height, element);
  CUresult result = account_charge_current(&charge, expected_bytes(width, height), REGION_CLASS_PLAIN);
  if (result == CUDA_ERROR_OUT_OF_MEMORY && !is_element(element))
    return refuse(REAL(cuMemAllocPitch_v2)(out, pitch, width, height, element), *out);
  if (result != CUDA_SUCCESS) return result;
  result = REAL(cuMemAllocPitch_v2)(out, pitch, width, height, element);
  if (result != CUDA_SUCCESS) return account_settle(&charge, result, 0, PTRMAP_POINTER);
  learn_pitch(*pitch, width);
  return settle_pitch(&charge, *out, rows_bytes(*pitch, height));
}

HOOK_EXPORT CUresult cuMemAllocPitch(unsigned int *out, unsigned int *pitch, unsigned int width, unsigned int height,
                                     unsigned int element) {
  struct account_charge charge;
  if (out == NULL || pitch == NULL || width == 0 || height == 0)
    return REAL(cuMemAllocPitch)(out, pitch, width, height, element);
  CUresult result = account_charge_current(&charge, expected_bytes(width, height), REGION_CLASS_PLAIN);
  if (result == CUDA_ERROR_OUT_OF_MEMORY && !is_element(element))
    return refuse(REAL(cuMemAllocPitch)(out, pitch, width, height, element), *out);
  if (result != CUDA_SUCCESS) return result;
  result = REAL(cuMemAllocPitch)(out, pitch, width, height, element);
  if (result != CUDA_SUCCESS) return account_settle(&charge, result, 0, PTRMAP_POINTER);
  return settle_pitch(&charge, *out, rows_bytes(*pitch, height));
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
