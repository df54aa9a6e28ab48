// SPDX-License-Identifier: Apache-2.0
// Simulates a device up to now: whose items run, how fast, what ends first.
#include "timeline.h"

#define PS_PER_NS 1000u
#define HEADS_MAX 256u
#define POLL_NS 50000u
#define SECOND_NS 1000000000ull

struct head {
  struct timeline_client *client;
  struct timeline_item *item;
  uint32_t stream;
};

/* What runs at one instant. */
struct picture {
  struct head heads[HEADS_MAX];
  uint32_t count;
  uint32_t demand_permille;
  bool is_contended; /* another client has work and waits for its slice */
};

static void add_client(const struct timeline *timeline, struct timeline_client *client, struct picture *picture) {
  for (uint32_t i = 0, seen = 0; i < TIMELINE_STREAMS && seen < client->waiting; i++) {
    if (client->streams[i].head == TIMELINE_NONE) continue;
    seen++;
    if (!timeline_is_ready(timeline, client, i) || picture->count == HEADS_MAX) continue;
    struct timeline_item *item = &client->items[client->streams[i].head];
    picture->heads[picture->count++] = (struct head){client, item, i};
    picture->demand_permille += item->left_ps > 0 ? item->sm_permille : 0;
  }
}

static bool wants(const struct timeline *timeline, const struct timeline_client *client) {
  for (uint32_t i = 0, seen = 0; i < TIMELINE_STREAMS && seen < client->waiting; i++) {
    if (client->streams[i].head == TIMELINE_NONE) continue;
    seen++;
    if (timeline_is_ready(timeline, client, i)) return true;
  }
  return false;
}

/* The one whose slice it is, while it has work and its slice or nobody else wants; else the next that wants. */
static void pick_slice(struct timeline *timeline, struct timeline_device *at, struct picture *picture) {
  uint32_t first = 0;
  uint32_t wanting = 0;
  uint32_t chosen = TIMELINE_NONE;
  while (first < at->client_count && at->clients[first] != at->slice_client) first++;
  bool is_over = at->now_ns >= at->slice_end_ns;
  for (uint32_t i = 0; i < at->client_count; i++) {
    uint16_t index = at->clients[(first + i + is_over) % at->client_count];
    if (!wants(timeline, &timeline->shared->clients[index])) continue;
    if (wanting++ == 0) chosen = index;
  }
  if (wanting == 0) return;
  picture->is_contended = wanting > 1;
  if (chosen != at->slice_client || is_over) {
    uint64_t slice_ns = timeline->shared->slice_ns != 0 ? timeline->shared->slice_ns : TIMELINE_SLICE_NS;
    at->slice_client = chosen;
    at->slice_end_ns = at->now_ns + slice_ns;
  }
  add_client(timeline, &timeline->shared->clients[chosen], picture);
}

static void pick(struct timeline *timeline, struct timeline_device *at, struct picture *picture) {
  picture->count = 0;
  picture->demand_permille = 0;
  picture->is_contended = false;
  if (timeline->shared->sharing == TIMELINE_SLICES) {
    pick_slice(timeline, at, picture);
    return;
  }
  for (uint32_t i = 0; i < at->client_count; i++)
    add_client(timeline, &timeline->shared->clients[at->clients[i]], picture);
}

/* Events, waits and kernels that are through. */
static bool finish_done(const struct timeline_device *at, const struct picture *picture) {
  bool is_any = false;
  for (uint32_t i = 0; i < picture->count; i++) {
    const struct head *head = &picture->heads[i];
    if (head->item->left_ps > 0) continue;
    timeline_finish(head->client, head->stream, at->now_ns);
    is_any = true;
  }
  return is_any;
}

static uint64_t rate_of(const struct picture *picture) {
  if (picture->demand_permille <= TIMELINE_ALL_SMS) return PS_PER_NS;
  return (uint64_t)PS_PER_NS * TIMELINE_ALL_SMS / picture->demand_permille;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* How long this picture lasts at most. */
static uint64_t lasts_ns(const struct timeline_device *at, const struct picture *picture) {
  uint64_t rate = rate_of(picture);
  uint64_t most_ns = UINT64_MAX;
  for (uint32_t i = 0; i < picture->count; i++)
    most_ns = least(most_ns, (picture->heads[i].item->left_ps + rate - 1) / rate);
  if (picture->is_contended && at->slice_end_ns > at->now_ns) most_ns = least(most_ns, at->slice_end_ns - at->now_ns);
  return most_ns;
}

static void count_busy(struct timeline_bucket *buckets, uint64_t now_ns, uint64_t busy_ns) {
  uint64_t number = now_ns / TIMELINE_BUCKET_NS;
  struct timeline_bucket *bucket = &buckets[number % TIMELINE_BUCKETS];
  if (bucket->number != number) *bucket = (struct timeline_bucket){number, 0};
  bucket->busy_ns += busy_ns;
}

/* A client's part of the time is its part of what all of them want. */
static void count_head(const struct timeline_device *at, const struct picture *picture, const struct head *head,
                       uint64_t lasted_ns) {
  uint64_t part_ns = lasted_ns * head->item->sm_permille / picture->demand_permille;
  head->client->busy_ns += part_ns;
  count_busy(head->client->buckets, at->now_ns, part_ns);
}

static void run(struct timeline_device *at, const struct picture *picture, uint64_t now_ns) {
  uint64_t rate = rate_of(picture);
  uint64_t bucket_left_ns = TIMELINE_BUCKET_NS - at->now_ns % TIMELINE_BUCKET_NS;
  uint64_t lasted_ns = least(least(lasts_ns(at, picture), now_ns - at->now_ns), bucket_left_ns);
  for (uint32_t i = 0; i < picture->count; i++) {
    const struct head *head = &picture->heads[i];
    uint64_t served_ps = least(head->item->left_ps, lasted_ns * rate);
    count_head(at, picture, head, lasted_ns);
    head->item->left_ps -= served_ps;
    head->client->streams[head->stream].served_ps += served_ps;
  }
  at->busy_ns += lasted_ns;
  count_busy(at->buckets, at->now_ns, lasted_ns);
  at->now_ns += lasted_ns;
}

void timeline_advance(struct timeline *timeline, uint32_t device, uint64_t now_ns) {
  struct timeline_device *at = &timeline->shared->devices[device];
  struct picture picture;
  if (at->client_count > 1) timeline_reap(timeline, device);
  if (at->now_ns == 0) at->now_ns = now_ns;
  for (;;) {
    pick(timeline, at, &picture);
    if (picture.count == 0) break;
    if (finish_done(at, &picture)) continue;
    if (at->now_ns >= now_ns) return;
    run(at, &picture, now_ns);
  }
  if (at->now_ns < now_ns) at->now_ns = now_ns;
}

uint64_t timeline_next_change(struct timeline *timeline, uint32_t device) {
  struct timeline_device *at = &timeline->shared->devices[device];
  struct picture picture;
  pick(timeline, at, &picture);
  return at->now_ns + (picture.count == 0 ? POLL_NS : lasts_ns(at, &picture));
}

/* Nobody looks while all sleep: what waits has been running since then. */
static uint64_t run_since(const struct timeline_shared *shared, const struct timeline_device *at, uint64_t end_ns) {
  uint64_t left_ps = 0;
  for (uint32_t i = 0; i < at->client_count; i++) {
    const struct timeline_client *client = &shared->clients[at->clients[i]];
    for (uint32_t stream = 0; stream < TIMELINE_STREAMS && client->waiting > 0; stream++)
      left_ps += client->streams[stream].submitted_ps - client->streams[stream].served_ps;
  }
  return end_ns > at->now_ns ? least(end_ns - at->now_ns, left_ps / PS_PER_NS) : 0;
}

uint64_t timeline_busy_second(const struct timeline_shared *shared, uint32_t device, uint64_t end_ns) {
  const struct timeline_device *at = &shared->devices[device];
  uint64_t busy_ns = timeline_busy_between(at->buckets, end_ns - SECOND_NS, end_ns) + run_since(shared, at, end_ns);
  return least(busy_ns, SECOND_NS);
}
