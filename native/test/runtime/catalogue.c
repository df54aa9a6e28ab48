// SPDX-License-Identifier: Apache-2.0
// A driver that has every symbol of native/symbols/cuda.tsv and does nothing (catalogue.sh writes functions that answer
// CUDA_ERROR_NOT_SUPPORTED). It answers cuGetProcAddress, and writes down what was asked: CATALOGUE_LOG.
// CATALOGUE_VERSION makes it an older driver, to which younger functions are unknown.
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda-abi.h"

#define EXPORT __attribute__((visibility("default")))
#define NEWEST 13050

struct row {
  const char *symbol;
  const char *name;
  void (*address)(void);
  int since;
  uint64_t stream;
};

/* Only addresses are taken here, so every row may be declared as the same kind of function. */
#define ROW(symbol, name, since, stream) extern void catalogue_##symbol(void) __asm__(#symbol);
#include "catalogue-rows.h"
#undef ROW

#define ROW(symbol, name, since, stream) {#symbol, name, catalogue_##symbol, since, stream},
static const struct row ROWS[] = {
#include "catalogue-rows.h"
};
#undef ROW

static int newest(void) {
  const char *wanted = getenv("CATALOGUE_VERSION");
  return wanted != NULL ? atoi(wanted) : NEWEST;
}

static void write_down(const char *name, int version, uint64_t flags) {
  const char *path = getenv("CATALOGUE_LOG");
  char line[256];
  if (path == NULL) return;
  int length = snprintf(line, sizeof(line), "%d %llu %s\n", version, (unsigned long long)flags, name);
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
  if (write(fd, line, (size_t)length) != length) abort();
  close(fd);
}

/* A per-thread form before a plain one where it is asked for; then the newest. */
static const struct row *find(const char *name, int version, uint64_t flags, bool *is_known) {
  const struct row *best = NULL;
  for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
    const struct row *row = &ROWS[i];
    if (strcmp(row->name, name) != 0 || row->since > newest()) continue;
    *is_known = true;
    if (row->since > version || (row->stream != 0 && flags != row->stream)) continue;
    if (best == NULL || row->stream > best->stream || (row->stream == best->stream && row->since > best->since)) best = row;
  }
  return best;
}

EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *status) {
  bool is_known = false;
  if (symbol == NULL || out == NULL || flags > 2) return CUDA_ERROR_INVALID_VALUE;
  write_down(symbol, version, flags);
  const struct row *row = find(symbol, version, flags, &is_known);
  *out = row == NULL ? NULL : *(void *const *)&row->address;
  if (status != NULL)
    *status = row != NULL ? CU_PROC_FOUND : is_known ? CU_PROC_VERSION_NOT_SUFFICIENT : CU_PROC_SYMBOL_NOT_FOUND;
  return row != NULL ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

EXPORT CUresult cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags) {
  return cuGetProcAddress_v2(symbol, out, version, flags, NULL);
}

EXPORT CUresult cuInit(unsigned int flags) {
  (void)flags;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDriverGetVersion(int *version) {
  *version = newest();
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetCount(int *count) {
  *count = 0;
  return CUDA_SUCCESS;
}
