// SPDX-License-Identifier: Apache-2.0
// Device time as a bucket that all processes of a container share. Pure: time comes in as an argument, all state lies in
// the region, and every step may be a process's last.
//
//   asked  (turn_word)   ──┬── what was asked for so far, by everybody; who asks gets his place by one fetch-and-add
//   opened (opened_ns)   ──┘── how far places are open: grows with time at the container's rate
//
// A request of cost c takes the place [asked, asked + c) and may start when `opened` has reached its beginning. So places
// are served in the order of asking (first in, first out between processes), a request larger than the bucket runs into
// debt instead of waiting for ever, and whoever is killed while he waits has paid and blocks nobody. A change of the rate
// moves `opened` at once: nobody sleeps to a deadline of an old rate longer than he looks (BUCKET_LOOK_NS).
#ifndef KERF_COMPUTE_BUCKET_H
#define KERF_COMPUTE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "region.h"

/* A waiting process looks at the rate again after so long: bounds how late a change of the page is followed. */
#define BUCKET_LOOK_NS 10000000ull
/* What an idle container may save up is so much of wall time, or two of its requests, at its rate. */
#define BUCKET_DEPTH_NS 5000000ull
#define BUCKET_FULL_PERMILLE 1000u
/* Who waits for unmeasured work waits so long: it may itself wait for what is launched later. */
#define BUCKET_PROBE_NS 2000000000ull
/* Who is kept out by a probe looks so often whether it is over. */
#define BUCKET_HOLD_NS 200000u

/* Does the page limit this device's compute at all? */
static inline bool bucket_is_limited(const struct limits_device *limits) {
  return __atomic_load_n(&limits->core_permille, __ATOMIC_RELAXED) - 1u < BUCKET_FULL_PERMILLE - 1u;
}

/* Rate of a limited device now, 1..1000: what the arbiter grants while he is heard, else the static share. In hard mode
 * the share is a cap that no arbiter lifts. */
uint32_t bucket_rate(const struct limits_page *page, uint32_t index, uint64_t now_ns);
/* Takes a place at the end of the queue. */
uint64_t bucket_ask(struct region_device *device, uint64_t cost_ns);
/* A place that was asked for is not needed: those behind it move up. */
void bucket_give_back(struct region_device *device, uint64_t cost_ns);
/* Opens places up to now. `largest_ns` is the largest request that may come: the bucket must hold two of it. */
void bucket_refill(struct region_device *device, uint32_t rate_permille, uint64_t largest_ns, uint64_t now_ns);
/* How long until the place is open at this rate; 0: now. */
uint64_t bucket_wait(const struct region_device *device, uint64_t place, uint32_t rate_permille);
/* It cost less than was paid (positive: everybody moves up) or more (negative). */
void bucket_correct(struct region_device *device, int64_t too_much_ns);
/* What was open and not asked for; below zero is a debt. */
int64_t bucket_tokens(const struct region_device *device);
/* Of device time [start, end) as seen by one process, the part that no process has counted yet. */
uint64_t bucket_count_once(struct region_device *device, uint64_t start_ns, uint64_t end_ns);
/* Work of unknown cost runs alone in a container: what is started before it has been measured is not paid for, and what
 * runs beside it makes its measure too long. Answers the lease, 0 where somebody else has it; one that is too old was
 * its holder's who died. */
uint64_t bucket_probe(struct region_device *device, uint64_t now_ns);
void bucket_end_probe(struct region_device *device, uint64_t lease);
/* How long a launch that may start must hold on for a probe's sake: the prober until others' work should have ended, long
 * work until the prober's has. 0: not at all. */
uint64_t bucket_hold(const struct region_device *device, uint64_t lease, uint64_t cost_ns, uint64_t now_ns);
/* So much more work is under way. */
void bucket_launch(struct region_device *device, uint64_t cost_ns, uint64_t now_ns);

#endif
