// SPDX-License-Identifier: Apache-2.0
// What hooks cost, as the region's histograms tell it. One look in 64 is timed: the clock costs as much as the hook.
#ifndef KERF_TELEMETRY_H
#define KERF_TELEMETRY_H

#include <stdint.h>

#include "region.h"

/* CLOCK_MONOTONIC in nanoseconds, by libc: a test's virtual clock takes its place. */
uint64_t telemetry_now(void);
/* Adds one to the bucket of `ns`; bucket i ends at base_ns << i, the last takes all beyond. */
void telemetry_add(uint64_t histogram[REGION_BUCKETS], uint64_t ns, uint64_t base_ns);
/* CLOCK_MONOTONIC in nanoseconds where this charge is one to be timed; else 0. */
uint64_t telemetry_sample(void);
/* After a charge: `start_ns` as telemetry_sample said. */
void telemetry_alloc(struct region *region, uint64_t start_ns);

#endif
