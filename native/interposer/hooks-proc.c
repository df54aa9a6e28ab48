// SPDX-License-Identifier: Apache-2.0
// cuGetProcAddress is where runtimes since CUDA 11.3 get everything. The driver is asked first, with the caller's
// own arguments, so name, version and stream flag are its business; only the pointer it found is exchanged, if
// it is one we hook. What it did not find stays not found.
#include <sched.h>
#include <unistd.h>

#include "account.h"
#include "hooks.h"

#define PLACES_BITS 11u
#define PLACES (1u << PLACES_BITS)

struct place {
  void *real;
  void *hook;
};

static struct place places[PLACES];
/* 0 not filled, FILLED, else the pid of the process that fills: a child forked meanwhile fills its own copy. */
#define FILLED UINT32_MAX
static uint32_t fill_state;

struct hook_row {
  const char *name;
  int since;
  uint64_t flags;
};

#define HOOK(symbol, name, since, flags, room, why) {name, since, flags},
static const struct hook_row ROWS[] = {
#include "hooks.def"
};
#undef HOOK

_Static_assert(HOOK_COUNT * 3 < PLACES, "each hook takes up to two places: the table is at most two thirds full");

static uint32_t home_of(const void *real) {
  return (uint32_t)(((uint64_t)(uintptr_t)real * 0x9e3779b97f4a7c15ull) >> (64u - PLACES_BITS));
}

/* The first to name an address keeps it. */
static void remember(void *real, void *hook) {
  uint32_t at = home_of(real);
  while (places[at].real != NULL && places[at].real != real) at = (at + 1) % PLACES;
  if (places[at].real == NULL) places[at] = (struct place){real, hook};
}

HOOK_EXPORT CUresult cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags);
HOOK_EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *status);

/* What the driver exports by this very name is this hook's for sure. */
static void remember_export(enum hook_number number, const void *missing) {
  void *exported = hook_real(number);
  if (exported != missing) remember(exported, hook_address(number));
}

/* The address a runtime is given need not be the exported one: ask as a runtime of that version would. */
static void remember_given(enum hook_number number, const void *missing) {
  const struct hook_row *row = &ROWS[number];
  void *found = NULL;
  if (hook_real(number) == missing) return;
  if (REAL(cuGetProcAddress)(row->name, &found, row->since, row->flags) == CUDA_SUCCESS && found != NULL)
    remember(found, hook_address(number));
}

static void fill_places(void) {
  const void *missing = driver_function("kerf has no such driver function");
  for (uint32_t i = 0; i < HOOK_COUNT; i++) remember_export((enum hook_number)i, missing);
  /* Newest rows first: a driver without an old form may answer with a newer one of another signature. */
  for (uint32_t i = HOOK_COUNT; i > 0; i--) remember_given((enum hook_number)(i - 1), missing);
}

static void fill(void) {
  uint32_t own = (uint32_t)getpid();
  uint32_t seen = __atomic_load_n(&fill_state, __ATOMIC_ACQUIRE);
  for (; seen != FILLED; seen = __atomic_load_n(&fill_state, __ATOMIC_ACQUIRE)) {
    if (seen == own) sched_yield();
    else if (__atomic_compare_exchange_n(&fill_state, &seen, own, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
      fill_places();
      __atomic_store_n(&fill_state, FILLED, __ATOMIC_RELEASE);
    }
  }
}

static void *hook_for(void *real) {
  if (__atomic_load_n(&fill_state, __ATOMIC_ACQUIRE) != FILLED) fill();
  for (uint32_t at = home_of(real); places[at].real != NULL; at = (at + 1) % PLACES)
    if (places[at].real == real) return places[at].hook;
  return real;
}

HOOK_EXPORT CUresult cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags) {
  CUresult result = REAL(cuGetProcAddress)(symbol, out, version, flags);
  if (result == CUDA_SUCCESS && out != NULL && *out != NULL) *out = hook_for(*out);
  return result;
}

HOOK_EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *status) {
  CUresult result = REAL(cuGetProcAddress_v2)(symbol, out, version, flags, status);
  if (result == CUDA_SUCCESS && out != NULL && *out != NULL) *out = hook_for(*out);
  return result;
}
