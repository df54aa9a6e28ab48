// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "telemetry.h"

#include <stddef.h>
#include <time.h>

#define EVERY 64u

static uint32_t charges;

uint64_t telemetry_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void telemetry_add(uint64_t histogram[REGION_BUCKETS], uint64_t ns, uint64_t base_ns) {
  uint32_t bucket = 0;
  for (; bucket < REGION_BUCKETS - 1 && ns >= base_ns << bucket; bucket++) {
  }
  __atomic_fetch_add(&histogram[bucket], 1, __ATOMIC_RELAXED);
}

/* Threads may lose each other's counts: it is a sample. */
uint64_t telemetry_sample(void) {
  uint32_t count = __atomic_load_n(&charges, __ATOMIC_RELAXED);
  __atomic_store_n(&charges, count + 1, __ATOMIC_RELAXED);
  return count % EVERY == 0 ? telemetry_now() : 0;
}

void telemetry_alloc(struct region *region, uint64_t start_ns) {
  if (start_ns != 0 && region != NULL)
    telemetry_add(region->alloc_histogram, telemetry_now() - start_ns, REGION_HOOK_BASE_NS);
}
