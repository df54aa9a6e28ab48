// SPDX-License-Identifier: Apache-2.0
// Pairs of events: from them comes what work cost, and that it ended. A span belongs to whoever changed its state last;
// there is no lock, so a thread that is killed or jumps out of the driver takes one span with it and nothing else.
#include "account.h"
#include "compute.h"
#include "hooks.h"

#define RINGS 16u
#define SPANS 64u
/* Looking stops after so many that have not ended: streams end in any order, but the oldest soon. */
#define MISSES_MOST 3u
#define GAP_LONG_NS 20000u
/* An event on an idle device comes within microseconds: about as many queries. */
#define REACH_TRIES 16

enum { SPAN_FREE, SPAN_TAKEN, SPAN_PENDING, SPAN_LOOKED_AT };

struct compute_span {
  uint32_t state;
  uint32_t index;
  bool is_sample;
  CUevent begin, end;
  struct cost_key *key;
  uint64_t tag; /* of the key, which may be another's by now */
  struct region_device *device;
  uint64_t cost_ns;
  uint64_t fenced_ns;
  uint64_t begun_ns;
  uint64_t gap_ns;
  uint64_t lease;
  const void *function;
  bool was_idle;
};

struct ring {
  CUcontext context; /* NULL: free */
  uint32_t next;
  struct compute_span spans[SPANS];
};

static struct ring rings[RINGS];
static uint64_t outstanding[KERF_DEVICES_MAX];

uint64_t compute_outstanding(uint32_t index) { return __atomic_load_n(&outstanding[index], __ATOMIC_RELAXED); }

uint64_t compute_add_outstanding(uint32_t index, uint64_t cost_ns) {
  return __atomic_add_fetch(&outstanding[index], cost_ns, __ATOMIC_RELAXED);
}

static void end_outstanding(uint32_t index, uint64_t cost_ns) {
  uint64_t left = compute_outstanding(index);
  while (!__atomic_compare_exchange_n(&outstanding[index], &left, left > cost_ns ? left - cost_ns : 0, false,
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

static struct ring *find_ring(CUcontext context) {
  for (uint32_t i = 0; i < RINGS; i++)
    if (__atomic_load_n(&rings[i].context, __ATOMIC_ACQUIRE) == context) return &rings[i];
  return NULL;
}

static struct ring *take_ring(CUcontext context) {
  struct ring *ring = find_ring(context);
  for (uint32_t i = 0; i < RINGS && ring == NULL; i++) {
    CUcontext nobody = NULL;
    if (__atomic_compare_exchange_n(&rings[i].context, &nobody, context, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      ring = &rings[i];
  }
  return ring;
}

static bool take(struct compute_span *span, uint32_t from, uint32_t to) {
  return __atomic_compare_exchange_n(&span->state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void leave(struct compute_span *span, uint32_t state) {
  __atomic_store_n(&span->state, state, __ATOMIC_RELEASE);
}

static bool has_events(struct compute_span *span) {
  if (span->begin == NULL && DRIVER(cuEventCreate)(&span->begin, 0) != CUDA_SUCCESS) span->begin = NULL;
  if (span->end == NULL && DRIVER(cuEventCreate)(&span->end, 0) != CUDA_SUCCESS) span->end = NULL;
  return span->begin != NULL && span->end != NULL;
}

struct compute_span *compute_span_open(CUcontext context, CUstream stream, bool is_sample) {
  struct ring *ring = take_ring(context);
  if (ring == NULL) return NULL;
  uint32_t at = __atomic_load_n(&ring->next, __ATOMIC_RELAXED) % SPANS;
  struct compute_span *span = &ring->spans[at];
  if (!take(span, SPAN_FREE, SPAN_TAKEN)) return NULL;
  __atomic_store_n(&ring->next, at + 1, __ATOMIC_RELAXED);
  span->is_sample = is_sample;
  if (has_events(span) && (!is_sample || DRIVER(cuEventRecord)(span->begin, stream) == CUDA_SUCCESS)) return span;
  leave(span, SPAN_FREE);
  return NULL;
}

bool compute_span_is_reached(const struct compute_span *span) {
  CUresult result = CUDA_ERROR_NOT_READY;
  for (int i = 0; i < REACH_TRIES && result == CUDA_ERROR_NOT_READY; i++) result = DRIVER(cuEventQuery)(span->begin);
  return result == CUDA_SUCCESS;
}

void compute_span_drop(struct compute_span *span) { leave(span, SPAN_FREE); }

void compute_span_close(const struct compute_launch *launch) {
  struct compute_span *span = launch->span;
  span->key = launch->key;
  span->tag = __atomic_load_n(&launch->key->tag, __ATOMIC_RELAXED);
  span->index = launch->index;
  span->device = launch->device;
  span->cost_ns = launch->cost_ns;
  span->fenced_ns = launch->fenced_ns;
  span->begun_ns = launch->begun_ns;
  span->gap_ns = launch->gap_ns;
  span->lease = launch->lease;
  span->function = launch->function;
  span->was_idle = launch->was_idle;
  if (DRIVER(cuEventRecord)(span->end, launch->stream) == CUDA_SUCCESS) {
    if (span->is_sample) __atomic_fetch_add(&span->key->pending, 1u, __ATOMIC_RELAXED);
    leave(span, SPAN_PENDING);
    return;
  }
  end_outstanding(span->index, span->fenced_ns);
  bucket_end_probe(span->device, span->lease);
  leave(span, SPAN_FREE);
}

/* ---- what has ended ---- */

static void end_pending(struct cost_key *key) {
  uint32_t pending = __atomic_load_n(&key->pending, __ATOMIC_RELAXED);
  while (pending > 0 && !__atomic_compare_exchange_n(&key->pending, &pending, pending - 1, false, __ATOMIC_RELAXED,
                                                     __ATOMIC_RELAXED)) {
  }
}

/* The first sample of a probe may hold time of the container's other processes: what one has counted, nobody counts again.
 * Others may have stood in a queue, and when they began is not known. */
static uint64_t learn(const struct compute_span *span, uint64_t sample_ns) {
  bool was_known = cost_is_known(span->key);
  uint64_t counted = cost_learn(span->key, sample_ns);
  if (!was_known) cost_tell_function(&compute_costs, span->function, span->key);
  if (span->lease == 0) return counted;
  uint64_t alone = bucket_count_once(span->device, span->begun_ns, span->begun_ns + sample_ns);
  return alone < counted ? alone : counted;
}

/* On an idle stream the begin is reached at once, and the device then waits for our thread to come with the launch: that
 * gap is nobody's work. On a busy one the queue hides it. A long gap says that the thread was held up, before the launch or
 * after it, and nobody knows which: such a sample is better than none and worse than any other. */
static bool take_gap_off(const struct compute_span *span, uint64_t *sample_ns) {
  bool is_long = span->gap_ns > GAP_LONG_NS && span->gap_ns > *sample_ns / 64;
  if (is_long && cost_is_known(span->key)) return false;
  if (span->was_idle) *sample_ns = *sample_ns > span->gap_ns ? *sample_ns - span->gap_ns : 0;
  return true;
}

static void settle_sample(const struct compute_span *span) {
  float elapsed_ms = 0;
  if (__atomic_load_n(&span->key->tag, __ATOMIC_RELAXED) != span->tag) return;
  end_pending(span->key);
  if (DRIVER(cuEventElapsedTime)(&elapsed_ms, span->begin, span->end) != CUDA_SUCCESS || !(elapsed_ms >= 0)) return;
  uint64_t sample_ns = (uint64_t)((double)elapsed_ms * 1e6);
  if (!take_gap_off(span, &sample_ns)) {
    cost_ask_again(span->key);
    return;
  }
  int64_t off = (int64_t)span->cost_ns - (int64_t)learn(span, sample_ns);
  bucket_correct(span->device, off);
  __atomic_fetch_sub(&span->device->busy_ns, (uint64_t)off, __ATOMIC_RELAXED);
}

static bool has_ended(struct compute_span *span) {
  CUresult result = DRIVER(cuEventQuery)(span->end);
  if (result == CUDA_ERROR_NOT_READY) return false;
  __atomic_fetch_add(&span->device->busy_ns, span->fenced_ns, __ATOMIC_RELAXED);
  end_outstanding(span->index, span->fenced_ns);
  if (span->is_sample && result == CUDA_SUCCESS) settle_sample(span);
  else if (span->is_sample) end_pending(span->key);
  bucket_end_probe(span->device, span->lease);
  return true;
}

uint32_t compute_settle(CUcontext context) {
  struct ring *ring = find_ring(context);
  uint32_t misses = 0;
  if (ring == NULL) return 0;
  uint32_t first = __atomic_load_n(&ring->next, __ATOMIC_RELAXED);
  for (uint32_t i = 0; i < SPANS && misses < MISSES_MOST; i++) {
    struct compute_span *span = &ring->spans[(first + i) % SPANS];
    if (__atomic_load_n(&span->state, __ATOMIC_RELAXED) != SPAN_PENDING) continue;
    if (!take(span, SPAN_PENDING, SPAN_LOOKED_AT)) continue;
    bool is_over = has_ended(span);
    leave(span, is_over ? SPAN_FREE : SPAN_PENDING);
    misses += is_over ? 0 : 1;
  }
  return misses;
}

void compute_forget_spans(CUcontext context) {
  struct ring *ring = context == NULL ? NULL : find_ring(context);
  if (ring == NULL) return;
  for (uint32_t i = 0; i < SPANS; i++) {
    struct compute_span *span = &ring->spans[i];
    if (span->state == SPAN_PENDING) end_outstanding(span->index, span->fenced_ns);
    if (span->state == SPAN_PENDING && span->is_sample) end_pending(span->key);
    if (span->state == SPAN_PENDING) bucket_end_probe(span->device, span->lease);
    *span = (struct compute_span){0};
  }
  __atomic_store_n(&ring->context, NULL, __ATOMIC_RELEASE);
}
