// SPDX-License-Identifier: Apache-2.0
// The tables that hooks.def and CALLS stand for.
#include "hooks.h"

const char *const driver_soname = "libcuda.so.1";
const char *const driver_own_path = KERF_PREFIX "/libkerf.so";
const int driver_absent_code = CUDA_ERROR_NO_DEVICE;
/* The driver is older than the program. */
const int driver_missing_code = CUDA_ERROR_NOT_SUPPORTED;

void *hook_reals[HOOK_COUNT];
void *call_reals[CALL_COUNT];

#define HOOK(symbol, name, since, flags, room, why) #symbol,
static const char *const HOOK_NAMES[] = {
#include "hooks.def"
};
#undef HOOK

#define CALL_NAME(symbol, arguments) #symbol,
static const char *const CALL_NAMES[] = {CALLS(CALL_NAME)};
#undef CALL_NAME

/* Only addresses are taken here, so every hook may be declared as the same kind of function. */
#define HOOK(symbol, name, since, flags, room, why) \
  extern void hook_of_##symbol(void) __asm__(#symbol) __attribute__((visibility("protected")));
#include "hooks.def"
#undef HOOK

#define HOOK(symbol, name, since, flags, room, why) hook_of_##symbol,
static void (*const HOOK_ADDRESSES[])(void) = {
#include "hooks.def"
};
#undef HOOK

void *hook_address(enum hook_number number) { return *(void *const *)&HOOK_ADDRESSES[number]; }

void *hook_find_real(enum hook_number number) {
  void *real = driver_function(HOOK_NAMES[number]);
  __atomic_store_n(&hook_reals[number], real, __ATOMIC_RELAXED);
  return real;
}

void *hook_find_call(enum call_number number) {
  void *real = driver_function(CALL_NAMES[number]);
  __atomic_store_n(&call_reals[number], real, __ATOMIC_RELAXED);
  return real;
}
