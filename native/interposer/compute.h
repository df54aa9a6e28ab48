// SPDX-License-Identifier: Apache-2.0
// The compute limit as launch hooks see it.
//
//   compute_before ──▶ the driver's call ──▶ compute_after
//     finds what such a launch costs,          refunds a failure; ends the sample
//     pays it, waits until it may start
//
// A stream that is being captured launches nothing: there both do nothing, no event, no wait, no charge. What the graph
// costs is paid when it is launched.
#ifndef KERF_COMPUTE_H
#define KERF_COMPUTE_H

#include "compute-bucket.h"
#include "compute-cost.h"
#include "cuda-abi.h"
#include "limits.h"

struct compute_span;

enum compute_kind {
  COMPUTE_KERNEL,
  COMPUTE_TOGETHER, /* waits for others of its kind, here or on other devices: charged and never delayed */
};

/* One launch; lives on the hook's stack. */
struct compute_launch {
  struct cost_key *key; /* NULL: not ours to count */
  struct compute_span *span;
  struct region_device *device;
  uint64_t cost_ns;
  uint64_t paid_ns; /* what was asked of the bucket: the cost, or more for the launches that come */
  uint64_t place;
  uint64_t fenced_ns; /* what its event will tell the end of */
  uint64_t begun_ns; /* the sample's begin was recorded */
  uint64_t lease;    /* to run alone; 0: it has none */
  bool is_unknown;   /* nobody has measured it, nor another shape of it */
  const void *function;
  uint64_t waited_ns;
  uint64_t gap_ns;   /* from there until the driver had taken the launch */
  bool is_paid_ahead; /* nothing is left to do */
  bool was_idle;     /* the stream had nothing to do then, nor had others the device */
  CUcontext context;
  CUstream stream;
  uint32_t index;
  enum compute_kind kind;
};

extern uint64_t compute_uncounted; /* launches of this process that the region does not show yet */
void compute_count(void);

/* Cheap: most slices have no compute limit, and their launches must not feel us. */
static inline bool compute_is_limited(void) {
  const struct limits_page *page = limits_read();
  if (page == NULL) return false;
  for (uint32_t i = 0; i < page->device_count; i++)
    if (bucket_is_limited(&page->devices[i])) return true;
  if ((__atomic_add_fetch(&compute_uncounted, 1, __ATOMIC_RELAXED) & 1023u) == 0) compute_count();
  return false;
}

/* `stream` as the plain functions understand it: a thread's own default stream by its number. */
void compute_before(struct compute_launch *launch, struct cost_shape *shape, CUstream stream, enum compute_kind kind);
/* Returns `result`. */
CUresult compute_after(struct compute_launch *launch, CUresult result);
/* The graph was made anew at this address or is gone (forget), or was changed (doubt). */
void compute_forget_graph(const void *graph);
void compute_doubt_graph(const void *graph);
void compute_shape_graph(struct cost_shape *shape, const void *graph);
/* The context's events died with it. */
void compute_forget_context(CUcontext context);

/* ---- inside of compute*.c ---- */

extern struct cost_table compute_costs;
void compute_sleep(uint64_t until_ns);
/* Events are read in relaxed mode: in the others a query would end a capture that another stream is in. */
int compute_relax(void);
void compute_restore(int mode);
/* A free pair of events of this context with its begin recorded (`is_sample`) or not; NULL where all are in use. */
struct compute_span *compute_span_open(CUcontext context, CUstream stream, bool is_sample);
/* Has the device come to the sample's begin? */
bool compute_span_is_reached(const struct compute_span *span);
void compute_span_close(const struct compute_launch *launch);
void compute_span_drop(struct compute_span *span);
/* Looks which have ended, learns from them, and settles what they cost. The number still under way. */
uint32_t compute_settle(CUcontext context);
/* Estimated cost of work on the device that has not ended. */
uint64_t compute_outstanding(uint32_t index);
void compute_forget_spans(CUcontext context);
uint64_t compute_add_outstanding(uint32_t index, uint64_t cost_ns);

#endif
