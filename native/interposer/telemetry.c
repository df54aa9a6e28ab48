// SPDX-License-Identifier: Apache-2.0
#include "telemetry.h"

#include <stddef.h>

#include "compute.h"

#define EVERY 64u

static uint32_t charges;

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
  return count % EVERY == 0 ? compute_now() : 0;
}

void telemetry_alloc(struct region *region, uint64_t start_ns) {
  if (start_ns != 0 && region != NULL)
    telemetry_add(region->alloc_histogram, compute_now() - start_ns, REGION_HOOK_BASE_NS);
}
