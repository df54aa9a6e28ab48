// SPDX-License-Identifier: Apache-2.0
// What programs that time the driver's calls share. `PROGRAM` is the name their complaints begin with.
#ifndef KERF_BENCH_DRIVER_H
#define KERF_BENCH_DRIVER_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cuda-abi.h"

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void check(CUresult code, const char *what) {
  if (code == CUDA_SUCCESS) return;
  fprintf(stderr, PROGRAM ": %s answered %d\n", what, code);
  exit(1);
}

static void resolve(void *library, void *out, const char *name) {
  void *found = dlsym(library, name);
  memcpy(out, &found, sizeof(found));
}

#endif
