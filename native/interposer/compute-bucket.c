// SPDX-License-Identifier: Apache-2.0
#include "compute-bucket.h"

/* Nothing that a tenant scribbles over the region may make a sum overflow into a long life without limit. */
#define COST_MOST_NS 600000000000ull
#define LOOK_LEAST_NS 1000u
/* Short work beside a probe does it no harm. */
#define BUCKET_LONG_NS 1000000u

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static int64_t open_now(const struct region_device *device) {
  return __atomic_load_n(&device->opened_ns, __ATOMIC_RELAXED);
}

static int64_t asked_now(const struct region_device *device) {
  return (int64_t)__atomic_load_n(&device->turn_word, __ATOMIC_RELAXED);
}

/* Differences wrap on purpose: both words are counters. */
static int64_t ahead(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }

uint32_t bucket_rate(const struct limits_page *page, uint32_t index, uint64_t now_ns) {
  const struct limits_device *limits = &page->devices[index];
  uint32_t share = __atomic_load_n(&limits->core_permille, __ATOMIC_RELAXED);
  uint32_t granted = __atomic_load_n(&limits->rate_permille, __ATOMIC_RELAXED);
  uint64_t beat = __atomic_load_n(&page->arbiter_beat_ns, __ATOMIC_RELAXED);
  bool is_soft = (__atomic_load_n(&limits->flags, __ATOMIC_RELAXED) & LIMITS_CORES_SOFT) != 0;
  if (share == 0 || share > BUCKET_FULL_PERMILLE) share = BUCKET_FULL_PERMILLE;
  bool is_heard = page->version >= 2 && beat != 0 && (beat >= now_ns || now_ns - beat <= LIMITS_BEAT_FRESH_NS);
  if (!is_heard || granted == 0) return share;
  if (granted > BUCKET_FULL_PERMILLE) granted = BUCKET_FULL_PERMILLE;
  return is_soft || granted < share ? granted : share;
}

uint64_t bucket_ask(struct region_device *device, uint64_t cost_ns) {
  cost_ns = least(cost_ns, COST_MOST_NS);
  __atomic_fetch_add(&device->granted_ns, cost_ns, __ATOMIC_RELAXED);
  return __atomic_fetch_add(&device->turn_word, cost_ns, __ATOMIC_RELAXED);
}

void bucket_give_back(struct region_device *device, uint64_t cost_ns) {
  cost_ns = least(cost_ns, COST_MOST_NS);
  __atomic_fetch_sub(&device->granted_ns, cost_ns, __ATOMIC_RELAXED);
  bucket_correct(device, (int64_t)cost_ns);
}

/* Answers how much to open. Time is claimed before places are opened for it: killed in between, that much is lost, and
 * nothing given twice. Less than a microsecond is left for later: many who look often must not fritter it away by rounding. */
static uint64_t claim_time(struct region_device *device, uint32_t rate_permille, uint64_t now_ns) {
  uint64_t since = __atomic_load_n(&device->refilled_ns, __ATOMIC_RELAXED);
  for (;;) {
    /* A clock that went back is another boot's: the region outlived the machine's sleep. */
    bool is_first = since == 0 || since > now_ns + LIMITS_BEAT_FRESH_NS;
    if (!is_first && since + LOOK_LEAST_NS > now_ns) return 0;
    uint64_t elapsed = is_first ? 0 : now_ns - since;
    uint64_t more = least(elapsed, COST_MOST_NS) * rate_permille / BUCKET_FULL_PERMILLE;
    bool is_whole = is_first || elapsed > COST_MOST_NS;
    uint64_t until = is_whole ? now_ns : since + (more * BUCKET_FULL_PERMILLE + rate_permille - 1) / rate_permille;
    if (__atomic_compare_exchange_n(&device->refilled_ns, &since, until, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      return more;
  }
}

void bucket_refill(struct region_device *device, uint32_t rate_permille, uint64_t largest_ns, uint64_t now_ns) {
  int64_t more = (int64_t)claim_time(device, rate_permille, now_ns);
  uint64_t room = 2 * least(largest_ns, COST_MOST_NS);
  int64_t depth = (int64_t)((room > BUCKET_DEPTH_NS ? room : BUCKET_DEPTH_NS) * rate_permille / BUCKET_FULL_PERMILLE);
  int64_t opened = open_now(device);
  int64_t next;
  do {
    int64_t most = (int64_t)((uint64_t)asked_now(device) + (uint64_t)depth);
    int64_t free = ahead(most, opened);
    next = (int64_t)((uint64_t)opened + (uint64_t)(free <= 0 ? 0 : more < free ? more : free));
  } while (!__atomic_compare_exchange_n(&device->opened_ns, &opened, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  __atomic_store_n(&device->tokens_ns, ahead(next, asked_now(device)), __ATOMIC_RELAXED);
}

uint64_t bucket_wait(const struct region_device *device, uint64_t place, uint32_t rate_permille) {
  int64_t missing = ahead((int64_t)place, open_now(device));
  if (missing <= 0) return 0;
  return least((uint64_t)missing, COST_MOST_NS) * BUCKET_FULL_PERMILLE / (rate_permille > 0 ? rate_permille : 1) +
         LOOK_LEAST_NS;
}

void bucket_correct(struct region_device *device, int64_t too_much_ns) {
  __atomic_fetch_add(&device->opened_ns, too_much_ns, __ATOMIC_RELAXED);
}

int64_t bucket_tokens(const struct region_device *device) { return ahead(open_now(device), asked_now(device)); }

uint64_t bucket_count_once(struct region_device *device, uint64_t start_ns, uint64_t end_ns) {
  uint64_t counted = __atomic_load_n(&device->counted_ns, __ATOMIC_RELAXED);
  for (;;) {
    bool is_nonsense = counted > end_ns && counted - end_ns > COST_MOST_NS;
    if (!is_nonsense && end_ns <= counted) return 0;
    uint64_t from = !is_nonsense && counted > start_ns ? counted : start_ns;
    if (__atomic_compare_exchange_n(&device->counted_ns, &counted, end_ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      return end_ns > from ? end_ns - from : 0;
  }
}

/* A lease is the time it was taken at. */
static bool is_stale(uint64_t lease, uint64_t now_ns) {
  return lease == 0 || lease > now_ns + BUCKET_PROBE_NS || lease + BUCKET_PROBE_NS < now_ns;
}

uint64_t bucket_probe(struct region_device *device, uint64_t now_ns) {
  uint64_t holder = __atomic_load_n(&device->probing_ns, __ATOMIC_RELAXED);
  if (!is_stale(holder, now_ns)) return 0;
  if (!__atomic_compare_exchange_n(&device->probing_ns, &holder, now_ns, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    return 0;
  return now_ns;
}

void bucket_end_probe(struct region_device *device, uint64_t lease) {
  if (lease != 0)
    __atomic_compare_exchange_n(&device->probing_ns, &lease, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

uint64_t bucket_hold(const struct region_device *device, uint64_t lease, uint64_t cost_ns, uint64_t now_ns) {
  uint64_t holder = __atomic_load_n(&device->probing_ns, __ATOMIC_SEQ_CST);
  uint64_t until = __atomic_load_n(&device->inflight_ns, __ATOMIC_SEQ_CST);
  if (lease != 0 && lease + BUCKET_PROBE_NS > now_ns && until > now_ns) return least(until - now_ns, BUCKET_LOOK_NS);
  bool is_kept_out = lease == 0 && cost_ns >= BUCKET_LONG_NS && !is_stale(holder, now_ns);
  return is_kept_out ? BUCKET_HOLD_NS : 0;
}

void bucket_launch(struct region_device *device, uint64_t cost_ns, uint64_t now_ns) {
  uint64_t until = __atomic_load_n(&device->inflight_ns, __ATOMIC_SEQ_CST);
  uint64_t next;
  do {
    bool is_idle = until < now_ns || until > now_ns + COST_MOST_NS;
    next = (is_idle ? now_ns : until) + least(cost_ns, COST_MOST_NS);
  } while (!__atomic_compare_exchange_n(&device->inflight_ns, &until, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}
