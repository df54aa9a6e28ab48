// SPDX-License-Identifier: Apache-2.0
// What the driver takes when code is loaded and when kernels' heaps are set: charged by overhead.h.
#include <string.h>

#include "account.h"
#include "hooks.h"
#include "overhead.h"

#define FATBIN_MAGIC 0xba55ed50u
#define WRAPPER_MAGIC 0x466243b1u
#define ELF_MAGIC 0x464c457fu

/* A program's list of images for several machines, and what the compiler wraps it in. */
struct fatbin {
  uint32_t magic;
  uint16_t version;
  uint16_t head_bytes;
  uint64_t bytes;
};

struct wrapper {
  uint32_t magic;
  uint32_t version;
  const void *fatbin;
};

/* A guess from above: all images of a fat binary. Text to be compiled tells nothing; what it takes is known after. */
static uint64_t guess(const void *image) {
  struct fatbin fat;
  struct wrapper wrapper;
  uint32_t magic = 0;
  if (image == NULL) return 0;
  memcpy(&magic, image, sizeof(magic));
  if (magic == WRAPPER_MAGIC) {
    memcpy(&wrapper, image, sizeof(wrapper));
    image = wrapper.fatbin;
    if (image == NULL) return 0;
    memcpy(&magic, image, sizeof(magic));
  }
  if (magic != FATBIN_MAGIC) return 0;
  memcpy(&fat, image, sizeof(fat));
  return fat.bytes <= 1ull << 32 ? fat.bytes : 0;
}

HOOK_EXPORT CUresult cuModuleUnload(CUmodule module);
HOOK_EXPORT CUresult cuLibraryUnload(CUlibrary library);

static CUresult after_module(struct pool_turn *turn, CUresult answered, CUmodule *module) {
  CUresult result = overhead_after(turn, answered);
  if (result == answered) return result;
  REAL(cuModuleUnload)(*module);
  overhead_changed_here();
  return result;
}

#define LOAD(bytes, call, after, out)                                 \
  do {                                                                \
    struct pool_turn turn;                                            \
    CUresult before = overhead_before(&turn, bytes, 0);               \
    return before != CUDA_SUCCESS ? before : after(&turn, call, out); \
  } while (0)

HOOK_EXPORT CUresult cuModuleLoad(CUmodule *module, const char *path) {
  LOAD(0, REAL(cuModuleLoad)(module, path), after_module, module);
}

HOOK_EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  LOAD(guess(image), REAL(cuModuleLoadData)(module, image), after_module, module);
}

HOOK_EXPORT CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int count, int *options,
                                        void **values) {
  LOAD(guess(image), REAL(cuModuleLoadDataEx)(module, image, count, options, values), after_module, module);
}

HOOK_EXPORT CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image) {
  LOAD(guess(image), REAL(cuModuleLoadFatBinary)(module, image), after_module, module);
}

HOOK_EXPORT CUresult cuModuleUnload(CUmodule module) {
  CUresult result = REAL(cuModuleUnload)(module);
  if (result == CUDA_SUCCESS) overhead_changed_here();
  return result;
}

static CUresult after_library(struct pool_turn *turn, CUresult answered, CUlibrary *library) {
  CUresult result = overhead_after(turn, answered);
  if (result == answered) return result;
  REAL(cuLibraryUnload)(*library);
  overhead_changed_here();
  return result;
}

HOOK_EXPORT CUresult cuLibraryLoadData(CUlibrary *library, const void *code, int *jit, void **jit_values,
                                       unsigned int jit_count, int *options, void **values, unsigned int count) {
  LOAD(guess(code),
       REAL(cuLibraryLoadData)(library, code, jit, jit_values, jit_count, options, values, count), after_library,
       library);
}

HOOK_EXPORT CUresult cuLibraryLoadFromFile(CUlibrary *library, const char *path, int *jit, void **jit_values,
                                           unsigned int jit_count, int *options, void **values, unsigned int count) {
  LOAD(0, REAL(cuLibraryLoadFromFile)(library, path, jit, jit_values, jit_count, options, values, count),
       after_library, library);
}

HOOK_EXPORT CUresult cuLibraryUnload(CUlibrary library) {
  CUresult result = REAL(cuLibraryUnload)(library);
  if (result == CUDA_SUCCESS) overhead_changed_here();
  return result;
}

/* ---- heaps and stacks ---- */

enum { LIMIT_STACK = 0, LIMIT_PRINTF = 1, LIMIT_HEAP = 2 };
enum { ATTRIBUTE_SM_COUNT = 16, ATTRIBUTE_THREADS_PER_SM = 39 };
#define STACK_MOST 0x80000ull /* a thread's local memory at most; of more the driver says itself that it cannot be */

/* A stack is every thread's that can be on the device at once. */
static uint64_t threads_at_once(void) {
  CUdevice device;
  int sms = 0, threads = 0;
  if (DRIVER(cuCtxGetDevice)(&device) != CUDA_SUCCESS) return 0;
  if (DRIVER(cuDeviceGetAttribute)(&sms, ATTRIBUTE_SM_COUNT, device) != CUDA_SUCCESS) return 0;
  if (DRIVER(cuDeviceGetAttribute)(&threads, ATTRIBUTE_THREADS_PER_SM, device) != CUDA_SUCCESS) return 0;
  return (uint64_t)sms * (uint64_t)threads;
}

/* Stacks change at once, and what they really took is measured after. Heaps the driver may take only when a kernel first
 * needs them, so they stay charged from now on. */
static CUresult charge_limit(struct pool_turn *turn, int limit, uint64_t more) {
  if (limit == LIMIT_STACK) return overhead_before(turn, more * threads_at_once(), 0);
  return overhead_before(turn, more, more);
}

HOOK_EXPORT CUresult cuCtxSetLimit(int limit, size_t value) {
  struct pool_turn turn;
  size_t old = 0;
  bool takes = limit == LIMIT_PRINTF || limit == LIMIT_HEAP || (limit == LIMIT_STACK && value <= STACK_MOST);
  if (!takes || DRIVER(cuCtxGetLimit)(&old, limit) != CUDA_SUCCESS) return REAL(cuCtxSetLimit)(limit, value);
  CUresult result = charge_limit(&turn, limit, value > old ? value - old : 0);
  if (result != CUDA_SUCCESS) return result;
  CUresult answered = REAL(cuCtxSetLimit)(limit, value);
  result = overhead_after(&turn, answered);
  if (result == answered) return result;
  REAL(cuCtxSetLimit)(limit, old);
  overhead_changed_here();
  return result;
}
