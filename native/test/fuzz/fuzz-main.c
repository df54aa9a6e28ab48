// SPDX-License-Identifier: Apache-2.0
// fuzz [SECONDS] [SEED]: mutates a few well-formed inputs, as libFuzzer would with no knowledge of coverage; the same seed, the
// same inputs. Prints how many were tried.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "region.h"

#define INPUT_MOST 8192u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t input[INPUT_MOST];
static uint64_t state;

static uint64_t dice(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static size_t seed_limits(uint8_t *to) {
  struct limits_page page = {.magic = LIMITS_MAGIC, .version = LIMITS_VERSION, .size_bytes = LIMITS_BYTES, .device_count = 2};
  strcpy(page.devices[0].uuid, "GPU-3f7a8bcd-0000-0000-0000-000000000000");
  page.devices[0].memory_limit_bytes = 1u << 30;
  page.devices[0].core_permille = 300;
  memcpy(to, &page, sizeof(page));
  return sizeof(page);
}

/* A head of 48 bytes, entries of 24, texts. */
static size_t seed_cache(uint8_t *to) {
  uint32_t count = 3, offset = 48 + 3 * 24;
  memcpy(to, "glibc-ld.so.cache1.1", 20);
  memcpy(to + 20, &count, 4);
  for (uint32_t i = 0; i < count; i++) {
    memcpy(to + 48 + i * 24 + 4, &offset, 4);
    memcpy(to + 48 + i * 24 + 8, &offset, 4);
  }
  memcpy(to + offset, "libcuda.so.1", 13);
  return offset + 13;
}

static size_t seed_noise(uint8_t *to) {
  size_t size = dice() % 600;
  for (size_t i = 0; i < size; i++) to[i] = (uint8_t)dice();
  return size;
}

static void mutate(size_t *size) {
  static const uint64_t ODD[] = {0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 1ull << 47, 1ull << 48, ~0ull, ~0ull >> 1};
  for (uint64_t times = 1 + dice() % 8; times > 0 && *size > 9; times--) {
    uint64_t value = dice() % 3 == 0 ? dice() : ODD[dice() % (sizeof(ODD) / sizeof(ODD[0]))];
    size_t width = (size_t)1 << dice() % 4;
    memcpy(input + 1 + dice() % (*size - width), &value, width);
  }
  if (dice() % 16 == 0) *size = dice() % (*size + 1);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  static size_t (*const SEEDS[])(uint8_t *) = {seed_noise, seed_limits, seed_cache, seed_noise};
  double end = seconds() + (argc > 1 ? atof(argv[1]) : 3);
  uint64_t tried = 0;
  state = argc > 2 ? strtoull(argv[2], NULL, 0) | 1 : 20261121;
  for (; tried % 64 != 0 || seconds() < end; tried++) {
    size_t target = dice() % 4;
    memset(input, 0, sizeof(input));
    input[0] = (uint8_t)target;
    size_t size = SEEDS[target](input + 1);
    mutate(&size);
    LLVMFuzzerTestOneInput(input, size + 1);
  }
  printf("{\"tried\":%llu}\n", (unsigned long long)tried);
  return 0;
}
