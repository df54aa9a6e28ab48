// SPDX-License-Identifier: Apache-2.0
// The queues of the machine's GPU time: who is a client, what waits in its streams, when a moment has come.
#include "timeline.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define PS_PER_NS 1000u
/* Whether a client's process lives is a system call: asked once per this much of the device's time. */
#define CHECK_NS 10000000u
#define ROOM_ITEMS 64u

void timeline_format(struct timeline_shared *shared) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&shared->lock, &attributes);
  pthread_mutexattr_destroy(&attributes);
  __atomic_store_n(&shared->magic, TIMELINE_MAGIC, __ATOMIC_RELEASE);
}

/* A holder that was killed leaves at worst an item that nobody counts; his client goes with him. */
void timeline_lock(struct timeline *timeline) {
  if (pthread_mutex_lock(&timeline->shared->lock) == EOWNERDEAD) pthread_mutex_consistent(&timeline->shared->lock);
}

void timeline_unlock(struct timeline *timeline) { pthread_mutex_unlock(&timeline->shared->lock); }

/* ---- clients ---- */

static struct timeline_client *find_place(struct timeline_shared *shared) {
  struct timeline_client *oldest = NULL;
  for (uint32_t i = 0; i < TIMELINE_CLIENTS; i++) {
    struct timeline_client *client = &shared->clients[i];
    if (client->state == TIMELINE_FREE) return client;
    bool is_older = oldest == NULL || client->joined_ns < oldest->joined_ns;
    if (client->state == TIMELINE_GONE && is_older) oldest = client;
  }
  return oldest;
}

static void empty(struct timeline_client *client) {
  for (uint32_t i = 0; i < TIMELINE_STREAMS; i++)
    client->streams[i] = (struct timeline_stream){.head = TIMELINE_NONE, .tail = TIMELINE_NONE};
  for (uint32_t i = 0; i < TIMELINE_ITEMS; i++) client->items[i].next = (uint16_t)(i + 1);
  client->items[TIMELINE_ITEMS - 1].next = TIMELINE_NONE;
  client->free_item = 0;
  client->waiting = 0;
  client->blockers = 0;
}

static uint16_t index_of(const struct timeline *timeline, const struct timeline_client *client) {
  return (uint16_t)(client - timeline->shared->clients);
}

static bool has_gone(const struct timeline *timeline, const struct timeline_client *client) {
  const struct region_slot *slot = &timeline->world->ledger.region->slots[client->slot];
  return slot->generation != client->slot_generation || world_owner(timeline->world, client->slot) == 0;
}

static struct timeline_client *find_place_again(struct timeline *timeline) {
  for (uint32_t i = 0; i < TIMELINE_CLIENTS; i++) {
    struct timeline_client *client = &timeline->shared->clients[i];
    if (client->state == TIMELINE_LIVE && has_gone(timeline, client)) timeline_leave(timeline, client);
  }
  return find_place(timeline->shared);
}

struct timeline_client *timeline_join(struct timeline *timeline, uint32_t device, uint64_t now_ns) {
  struct timeline_device *at = &timeline->shared->devices[device];
  const struct region_slot *slot = timeline->world->ledger.slot;
  struct timeline_client *client = slot == NULL ? NULL : find_place(timeline->shared);
  /* Who ended with nothing under way keeps his place until it is needed. */
  if (client == NULL && slot != NULL) client = find_place_again(timeline);
  if (client == NULL) return NULL;
  uint32_t generation = client->generation + 1;
  memset(client, 0, offsetof(struct timeline_client, items));
  empty(client);
  client->generation = generation;
  client->device = device;
  client->pid = slot->pid;
  client->slot = (uint32_t)(slot - timeline->world->ledger.region->slots);
  client->slot_generation = slot->generation;
  client->joined_ns = client->checked_ns = now_ns;
  client->state = TIMELINE_LIVE;
  at->clients[at->client_count++] = index_of(timeline, client);
  return client;
}

/* Its work is gone, its figures stay until the place is taken again. */
void timeline_leave(struct timeline *timeline, struct timeline_client *client) {
  struct timeline_device *at = &timeline->shared->devices[client->device];
  uint16_t own = index_of(timeline, client);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < at->client_count; i++)
    if (at->clients[i] != own) at->clients[kept++] = at->clients[i];
  at->client_count = kept;
  empty(client);
  client->generation++;
  client->state = TIMELINE_GONE;
}

void timeline_reap(struct timeline *timeline, uint32_t device) {
  struct timeline_device *at = &timeline->shared->devices[device];
  const struct region_slot *own = timeline->world->ledger.slot;
  for (uint32_t i = at->client_count; i > 0; i--) {
    struct timeline_client *client = &timeline->shared->clients[at->clients[i - 1]];
    bool is_own = own == &timeline->world->ledger.region->slots[client->slot];
    if (is_own || client->waiting == 0 || at->now_ns < client->checked_ns + CHECK_NS) continue;
    client->checked_ns = at->now_ns;
    if (has_gone(timeline, client)) timeline_leave(timeline, client);
  }
}

/* ---- items ---- */

bool timeline_push(struct timeline *timeline, struct timeline_client *client, uint32_t stream,
                   const struct timeline_work *work, struct timeline_moment *moment) {
  struct timeline_stream *queue = &client->streams[stream];
  uint32_t place = client->free_item;
  if (place == TIMELINE_NONE) return false;
  struct timeline_item *item = &client->items[place];
  client->free_item = item->next;
  *item = (struct timeline_item){.seq = ++client->next_seq, .left_ps = work->gpu_ns * PS_PER_NS, .kind = work->kind,
                                 .argument = work->event, .next = TIMELINE_NONE,
                                 .sm_permille = (uint16_t)work->sm_permille};
  if (work->kind == TIMELINE_WAIT) {
    item->argument = work->awaited.seq;
    item->stream = work->awaited.stream;
    item->client = work->awaited.client;
    item->generation = timeline->shared->clients[item->client].generation;
  }
  if (work->kind == TIMELINE_EVENT) client->events[work->event] = (struct timeline_event){item->seq, 0, 1, 0};
  queue->submitted_ps += item->left_ps;
  queue->last_seq = item->seq;
  if (queue->head == TIMELINE_NONE) queue->head = (uint16_t)place;
  else client->items[queue->tail].next = (uint16_t)place;
  queue->tail = (uint16_t)place;
  client->waiting++;
  client->blockers += work->kind == TIMELINE_WAIT || work->kind == TIMELINE_HOST;
  *moment = (struct timeline_moment){item->seq, queue->submitted_ps, index_of(timeline, client), (uint16_t)stream};
  return true;
}

/* Takes the head off. */
void timeline_finish(struct timeline_client *client, uint32_t stream, uint64_t now_ns) {
  struct timeline_stream *queue = &client->streams[stream];
  uint16_t place = queue->head;
  struct timeline_item *item = &client->items[place];
  queue->head = item->next;
  if (queue->head == TIMELINE_NONE) queue->tail = TIMELINE_NONE;
  queue->done_seq = item->seq;
  queue->done_ns = now_ns;
  struct timeline_event *event = &client->events[item->argument % TIMELINE_EVENTS];
  if (item->kind == TIMELINE_EVENT && event->seq == item->seq) event->done_ns = now_ns;
  client->kernels += item->kind == TIMELINE_KERNEL;
  client->blockers -= item->kind == TIMELINE_WAIT || item->kind == TIMELINE_HOST;
  client->waiting--;
  item->next = (uint16_t)client->free_item;
  client->free_item = place;
}

void timeline_host_done(struct timeline *timeline, struct timeline_client *client, uint32_t stream) {
  uint16_t place = client->streams[stream].head;
  if (place == TIMELINE_NONE || client->items[place].kind != TIMELINE_HOST) return;
  timeline_finish(client, stream, timeline->shared->devices[client->device].now_ns);
}

static bool is_awaited_done(const struct timeline *timeline, const struct timeline_item *item) {
  const struct timeline_client *other = &timeline->shared->clients[item->client];
  return other->generation != item->generation || other->streams[item->stream].done_seq >= item->argument;
}

static bool has_before(const struct timeline_client *client, uint32_t stream, uint64_t seq) {
  uint16_t head = client->streams[stream].head;
  return head != TIMELINE_NONE && client->items[head].seq < seq;
}

/* The legacy stream waits for what was put into blocking streams before, and they for what was put into it. */
static bool is_in_order(const struct timeline_client *client, uint32_t stream, uint64_t seq) {
  if (client->streams[stream].is_free) return true;
  if (stream != TIMELINE_LEGACY) return !has_before(client, TIMELINE_LEGACY, seq);
  for (uint32_t i = 1; i < TIMELINE_STREAMS; i++)
    if (!client->streams[i].is_free && has_before(client, i, seq)) return false;
  return true;
}

bool timeline_is_ready(const struct timeline *timeline, const struct timeline_client *client, uint32_t stream) {
  uint16_t head = client->streams[stream].head;
  if (head == TIMELINE_NONE) return false;
  const struct timeline_item *item = &client->items[head];
  if (item->kind == TIMELINE_HOST || !is_in_order(client, stream, item->seq)) return false;
  return item->kind != TIMELINE_WAIT || is_awaited_done(timeline, item);
}

/* ---- moments ---- */

bool timeline_is_done(const struct timeline *timeline, const struct timeline_moment *moment) {
  const struct timeline_client *client = &timeline->shared->clients[moment->client];
  return client->streams[moment->stream].done_seq >= moment->seq;
}

/* GPU time the client still wants if all of it lies in one stream and nothing holds it up; 0 where one cannot tell. */
static uint64_t left_of(const struct timeline_client *client) {
  uint64_t left_ps = 0;
  uint32_t streams = 0;
  for (uint32_t i = 0; i < TIMELINE_STREAMS && client->waiting > 0; i++) {
    if (client->streams[i].head == TIMELINE_NONE) continue;
    left_ps = client->streams[i].submitted_ps - client->streams[i].served_ps;
    streams++;
  }
  return streams == 1 && client->blockers == 0 ? left_ps / PS_PER_NS : 0;
}

/* Slices that others get before this client's turn. */
static uint64_t turns_before(const struct timeline *timeline, const struct timeline_client *client) {
  const struct timeline_device *at = &timeline->shared->devices[client->device];
  uint64_t slice_ns = timeline->shared->slice_ns != 0 ? timeline->shared->slice_ns : TIMELINE_SLICE_NS;
  uint64_t before_ns = 0;
  uint32_t first = 0;
  if (timeline->shared->sharing != TIMELINE_SLICES) return 0;
  while (first < at->client_count && at->clients[first] != at->slice_client) first++;
  for (uint32_t i = 0; i < at->client_count; i++) {
    const struct timeline_client *other = &timeline->shared->clients[at->clients[(first + i) % at->client_count]];
    if (other == client) break;
    uint64_t turn_ns = i == 0 && at->slice_end_ns > at->now_ns ? at->slice_end_ns - at->now_ns : slice_ns;
    uint64_t left_ns = left_of(other);
    before_ns += left_ns < turn_ns ? left_ns : turn_ns;
  }
  return before_ns;
}

uint64_t timeline_earliest(struct timeline *timeline, const struct timeline_moment *moment) {
  const struct timeline_client *client = &timeline->shared->clients[moment->client];
  const struct timeline_stream *queue = &client->streams[moment->stream];
  uint64_t left_ps = moment->offset_ps > queue->served_ps ? moment->offset_ps - queue->served_ps : 0;
  uint64_t alone = timeline->shared->devices[client->device].now_ns + (left_ps + PS_PER_NS - 1) / PS_PER_NS +
                   turns_before(timeline, client);
  uint64_t change = timeline_next_change(timeline, client->device);
  return alone > change ? alone : change;
}

struct timeline_moment timeline_room(const struct timeline *timeline, const struct timeline_client *client, uint32_t stream) {
  const struct timeline_stream *queue = &client->streams[stream];
  uint16_t place = queue->head;
  struct timeline_moment moment = {queue->done_seq, queue->served_ps, index_of(timeline, client), (uint16_t)stream};
  for (uint32_t i = 0; i < ROOM_ITEMS && place != TIMELINE_NONE; i++, place = client->items[place].next) {
    moment.seq = client->items[place].seq;
    moment.offset_ps += client->items[place].left_ps;
  }
  return moment;
}

uint32_t timeline_event_take(struct timeline_client *client) {
  for (uint32_t i = 0; i < TIMELINE_EVENTS; i++) {
    if (client->events[i].is_taken) continue;
    client->events[i] = (struct timeline_event){.is_taken = 1};
    return i;
  }
  return TIMELINE_EVENTS;
}

void timeline_event_give(struct timeline_client *client, uint32_t event) {
  client->events[event] = (struct timeline_event){0};
}

uint64_t timeline_busy_between(const struct timeline_bucket *buckets, uint64_t from_ns, uint64_t to_ns) {
  uint64_t busy_ns = 0;
  for (uint64_t number = from_ns / TIMELINE_BUCKET_NS; number < to_ns / TIMELINE_BUCKET_NS; number++) {
    const struct timeline_bucket *bucket = &buckets[number % TIMELINE_BUCKETS];
    busy_ns += bucket->number == number ? bucket->busy_ns : 0;
  }
  return busy_ns;
}
