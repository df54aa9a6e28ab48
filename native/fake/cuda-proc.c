// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: cuGetProcAddress, by name, version and stream flag.
#include <string.h>

#include "cuda.h"

/* Only addresses are taken here, so every row may be declared as the same kind of function. */
#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"
#define FAKE(symbol, name, since, per_thread) extern void fake_address_##symbol(void) __asm__(#symbol);
#include "exports.def"
#undef FAKE

struct row {
  const char *name;
  void (*address)(void);
  int since;
  int per_thread;
};

#define FAKE(symbol, name, since, per_thread) {name, fake_address_##symbol, since, per_thread},
static const struct row ROWS[] = {
#include "exports.def"
    /* From CUDA 12 on, this name means the form with flags. */
    {"cuGraphInstantiate", fake_address_cuGraphInstantiateWithFlags, 12000, 0},
};
#undef FAKE

#define ROW_COUNT (sizeof(ROWS) / sizeof(ROWS[0]))

/* A per-thread form is better than a plain one where it is asked for; then the newer one is better. */
static bool is_better(const struct row *row, const struct row *best) {
  if (best == NULL) return true;
  if (row->per_thread != best->per_thread) return row->per_thread > best->per_thread;
  return row->since > best->since;
}

static const struct row *find(const char *name, int version, uint64_t flags, bool *is_known) {
  const struct row *best = NULL;
  for (size_t i = 0; i < ROW_COUNT; i++) {
    const struct row *row = &ROWS[i];
    if (strcmp(row->name, name) != 0) continue;
    *is_known = true;
    bool is_allowed = row->since <= version && (row->per_thread == 0 || (flags & CU_GET_PROC_ADDRESS_PER_THREAD) != 0);
    if (is_allowed && is_better(row, best)) best = row;
  }
  return best;
}

FAKE_EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *status) {
  bool is_known = false;
  CHECK_ARGUMENT(symbol != NULL && out != NULL && flags <= CU_GET_PROC_ADDRESS_PER_THREAD);
  const struct row *row = find(symbol, version, flags, &is_known);
  *out = row == NULL ? NULL : *(void *const *)&row->address;
  if (status != NULL)
    *status = row != NULL ? CU_PROC_FOUND : is_known ? CU_PROC_VERSION_NOT_SUFFICIENT : CU_PROC_SYMBOL_NOT_FOUND;
  return row != NULL ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

FAKE_EXPORT CUresult cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags) {
  return cuGetProcAddress_v2(symbol, out, version, flags, NULL);
}
