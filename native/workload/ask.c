// SPDX-License-Identifier: Apache-2.0
// kerf-workload ask: does what the lines on its input say, one JSON line each, so that somebody can change the world
// between two of them.
//
//   alloc MIB    {"code":…,"name":…,"held_mib":…}
//   free         gives the last one back
//   info         {"free_bytes":…,"total_bytes":…,"held_mib":…}
#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MOST 256

struct held {
  uint64_t key;
  uint64_t mib;
};

static struct held held[HELD_MOST];
static int held_count;

static unsigned long long held_mib(void) {
  unsigned long long mib = 0;
  for (int i = 0; i < held_count; i++) mib += held[i].mib;
  return mib;
}

static void say_code(CUresult code) {
  printf("{\"verb\":\"ask\",\"code\":%d,\"name\":\"%s\",\"held_mib\":%llu}\n", code, cuda_error(code), held_mib());
}

static void take(const struct memory_api *api, uint64_t mib) {
  struct held next = {0, mib};
  CUresult code = held_count < HELD_MOST ? api->take(&next.key, mib * MIB) : CUDA_ERROR_OUT_OF_MEMORY;
  if (code == CUDA_SUCCESS) held[held_count++] = next;
  say_code(code);
}

static void give(const struct memory_api *api) {
  CUresult code = held_count > 0 ? api->give(held[held_count - 1].key) : CUDA_ERROR_INVALID_VALUE;
  if (code == CUDA_SUCCESS) held_count--;
  say_code(code);
}

static void say_info(void) {
  size_t total = 0, free_bytes = 0;
  CUresult code = cuda.memory_info(&free_bytes, &total);
  printf("{\"verb\":\"ask\",\"code\":%d,\"free_bytes\":%zu,\"total_bytes\":%zu,\"held_mib\":%llu}\n", code, free_bytes,
         total, held_mib());
}

int ask_run(const struct memory_api *api, int device) {
  char line[128];
  CUresult code = cuda_start(device);
  say_code(code);
  fflush(stdout);
  if (code != CUDA_SUCCESS) return 1;
  while (fgets(line, sizeof(line), stdin) != NULL) {
    if (strncmp(line, "alloc ", 6) == 0) take(api, strtoull(line + 6, NULL, 10));
    else if (strncmp(line, "free", 4) == 0) give(api);
    else if (strncmp(line, "info", 4) == 0) say_info();
    else return 2;
    fflush(stdout);
  }
  return 0;
}
