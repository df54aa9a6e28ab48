// SPDX-License-Identifier: Apache-2.0
// GPU time of the machine, shared by all its processes: it lies in DIR/state behind the region.
//
//   client    a context of a process on one GPU; has streams, each a queue of items
//   item      a kernel (GPU time it needs alone, part of the SMs it fills), an event, a wait, a host function
//   device    its own time, simulated lazily: whoever looks first brings it up to now, under one lock
//
// Two ways of sharing: SLICES (one client at a time, 2 ms each while another has work, as a GPU does without MPS)
// and TOGETHER (all clients at once, slowed down where they want more than all SMs, as under MPS). Within a client
// the heads of all its streams run together. Nothing here is touched by a process whose kernels take no time.
#ifndef KERF_FAKE_TIMELINE_H
#define KERF_FAKE_TIMELINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "world.h"

#define TIMELINE_MAGIC 0x5446524bu /* "KRFT" */
#define TIMELINE_CLIENTS 64u
#define TIMELINE_STREAMS 64u
#define TIMELINE_ITEMS 1024u /* as many launches may wait in a context; one more blocks its caller, as in the driver */
#define TIMELINE_EVENTS 1024u
#define TIMELINE_BUCKETS 2048u
#define TIMELINE_BUCKET_NS 10000000ull
#define TIMELINE_SLICE_NS 2000000ull
#define TIMELINE_ALL_SMS 1000u
#define TIMELINE_LEGACY 0u /* the stream that waits for all blocking ones, and they for it */
#define TIMELINE_NONE UINT16_MAX

enum timeline_sharing { TIMELINE_SLICES = 0, TIMELINE_TOGETHER = 1 };
enum timeline_kind { TIMELINE_KERNEL, TIMELINE_EVENT, TIMELINE_WAIT, TIMELINE_HOST, TIMELINE_MARK };
enum timeline_state { TIMELINE_FREE = 0, TIMELINE_LIVE = 1, TIMELINE_GONE = 2 };

/* Moments of a stream are numbers of its client's items; 0 is before the first. */
struct timeline_moment {
  uint64_t seq;
  uint64_t offset_ps; /* GPU time of the stream's items up to and with this one */
  uint16_t client;
  uint16_t stream;
};

struct timeline_item {
  uint64_t seq;
  uint64_t left_ps;
  uint64_t argument; /* of an event its place; of a wait the awaited seq */
  uint16_t stream;   /* of a wait: whose seq */
  uint16_t client;
  uint16_t next;
  uint16_t sm_permille;
  uint32_t kind;
  uint32_t generation; /* of a wait: of the client it waits for */
};

struct timeline_stream {
  uint64_t last_seq;
  uint64_t done_seq;
  uint64_t done_ns;
  uint64_t submitted_ps;
  uint64_t served_ps;
  uint16_t head;
  uint16_t tail;
  uint16_t is_free; /* of the legacy stream: cuStreamNonBlocking */
  uint16_t reserved;
};

struct timeline_event {
  uint64_t seq; /* of its last record */
  uint64_t done_ns; /* 0 while the GPU has not come to it */
  uint32_t is_taken;
  uint32_t reserved;
};

struct timeline_bucket {
  uint64_t number; /* time / TIMELINE_BUCKET_NS */
  uint64_t busy_ns;
};

struct timeline_client {
  uint32_t state;
  uint32_t generation;
  uint32_t device;
  uint32_t pid; /* as its own namespace counts */
  uint32_t slot; /* of the machine's state: tells whether it lives */
  uint32_t waiting; /* items */
  uint32_t blockers; /* of them waits and host functions */
  uint32_t free_item;
  uint64_t slot_generation;
  uint64_t checked_ns; /* when somebody last looked whether it lives */
  uint64_t next_seq;
  uint64_t busy_ns;
  uint64_t kernels;
  uint64_t joined_ns;
  struct timeline_bucket buckets[TIMELINE_BUCKETS];
  struct timeline_stream streams[TIMELINE_STREAMS];
  struct timeline_event events[TIMELINE_EVENTS];
  struct timeline_item items[TIMELINE_ITEMS];
};

struct timeline_device {
  uint64_t now_ns; /* simulated up to here */
  uint64_t busy_ns;
  uint64_t slice_end_ns;
  uint32_t slice_client; /* whose turn it is */
  uint32_t client_count;
  uint16_t clients[TIMELINE_CLIENTS]; /* the living, in the order they came */
  struct timeline_bucket buckets[TIMELINE_BUCKETS];
};

struct timeline_shared {
  uint32_t magic;
  uint32_t sharing;
  uint64_t slice_ns; /* 0: TIMELINE_SLICE_NS */
  uint64_t lag_ns; /* how far NVML's utilisation is behind */
  pthread_mutex_t lock;
  uint8_t reserved[128 - 24 - sizeof(pthread_mutex_t)];
  struct timeline_device devices[FAKE_GPUS_MAX];
  struct timeline_client clients[TIMELINE_CLIENTS];
};

#define TIMELINE_OFFSET ((uint64_t)REGION_BYTES)
#define TIMELINE_BYTES ((sizeof(struct timeline_shared) + 4095) / 4096 * 4096)
_Static_assert(TIMELINE_OFFSET % 4096 == 0, "the timeline can be mapped by itself");
_Static_assert(sizeof(struct timeline_shared) < 10 << 20, "the state stays small");

/* What a process does on a stream. */
struct timeline_work {
  enum timeline_kind kind;
  uint32_t sm_permille;
  uint64_t gpu_ns;
  uint64_t event;                 /* of TIMELINE_EVENT */
  struct timeline_moment awaited; /* of TIMELINE_WAIT */
};

struct timeline {
  struct timeline_shared *shared;
  struct fake_world *world;
};

/* Makes the clock's part of the state ready to use; `bytes` is where it is mapped. */
void timeline_format(struct timeline_shared *shared);
void timeline_lock(struct timeline *timeline);
void timeline_unlock(struct timeline *timeline);

/* All below: under the lock. */
/* Brings the device up to now. */
void timeline_advance(struct timeline *timeline, uint32_t device, uint64_t now_ns);
/* A client for a context of this process; NULL where there is no place. */
struct timeline_client *timeline_join(struct timeline *timeline, uint32_t device, uint64_t now_ns);
void timeline_leave(struct timeline *timeline, struct timeline_client *client);
/* False where the client has TIMELINE_ITEMS waiting already. */
bool timeline_push(struct timeline *timeline, struct timeline_client *client, uint32_t stream,
                   const struct timeline_work *work, struct timeline_moment *moment);
bool timeline_is_done(const struct timeline *timeline, const struct timeline_moment *moment);
/* A time before which the moment cannot come; look again then. */
uint64_t timeline_earliest(struct timeline *timeline, const struct timeline_moment *moment);
/* What a caller waits for who finds the queue full: not for every single place, for that would wake him at each. */
struct timeline_moment timeline_room(const struct timeline *timeline, const struct timeline_client *client, uint32_t stream);
/* A time before which no item of the device can end. */
uint64_t timeline_next_change(struct timeline *timeline, uint32_t device);
/* The host function at the head of the stream has run. */
void timeline_host_done(struct timeline *timeline, struct timeline_client *client, uint32_t stream);
/* A place for an event, TIMELINE_EVENTS where there is none left. */
uint32_t timeline_event_take(struct timeline_client *client);
void timeline_event_give(struct timeline_client *client, uint32_t event);
/* Busy time between two moments as far as the buckets remember, in whole buckets. */
uint64_t timeline_busy_between(const struct timeline_bucket *buckets, uint64_t from_ns, uint64_t to_ns);

/* Busy time of a device in the second that ended at `end_ns`, with what has run since somebody last looked; changes
 * nothing. */
uint64_t timeline_busy_second(const struct timeline_shared *shared, uint32_t device, uint64_t end_ns);

/* Inside of timeline*.c */
bool timeline_is_ready(const struct timeline *timeline, const struct timeline_client *client, uint32_t stream);
void timeline_finish(struct timeline_client *client, uint32_t stream, uint64_t now_ns);
void timeline_reap(struct timeline *timeline, uint32_t device);

#endif
