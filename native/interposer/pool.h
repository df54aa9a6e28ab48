// SPDX-License-Identifier: Apache-2.0
// Memory that the driver takes and keeps on its own and tells only as a sum: what a pool has reserved, and what a
// device keeps for graphs. Charged is that sum, never less, at any instant:
//
//   pool_charge    charges ahead what the call may add: the size in whole blocks of the pool
//   (the driver's call)
//   pool_settle    asks the driver for the sum; charged becomes the sum + what other threads have charged ahead
//
// Memory freed into a pool stays charged until the driver lets it go: at a synchronisation, beyond the pool's release
// threshold, or when it is trimmed. What is free in a pool serves the next allocation even where the slice is full.
#ifndef KERF_POOL_H
#define KERF_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "cuda-abi.h"

enum pool_kind {
  POOL_NONE,      /* the record is free */
  POOL_OF_DRIVER, /* a CUmemoryPool on a device */
  POOL_OF_GRAPHS, /* what a device keeps for graph memory nodes */
  POOL_OF_OVERHEAD, /* what the driver takes for itself on a device (overhead.h) */
  POOL_ELSEWHERE, /* in host memory, or another process's: free of charge here */
  POOL_DESTROYED, /* lives on in the driver until its last allocation is freed */
};

/* What was freed in a stream's order, and perhaps is worked on still: since the pool was last at rest. */
struct pool_freed {
  uint64_t stream; /* the one stream of all of it; 0 none, POOL_STREAMS several */
  uint64_t most;   /* so much at most */
  uint64_t least;  /* so much at least was not used again yet */
  uint64_t mark;   /* pool_mark of the last */
};

/* Records never move and never go away: one that is free is used again. */
struct pool {
  uint32_t kind;
  uint32_t lock;
  uint32_t index; /* of the device on the limits page */
  CUdevice device;
  CUmemoryPool source;
  uint64_t charged; /* in the ledger; includes ahead */
  uint64_t ahead;   /* charged by calls that are under way */
  uint64_t guests;  /* calls under way that were let through on what the pool keeps */
  uint64_t pinned;  /* what they may take */
  uint64_t floor;   /* not to be charged less while there are any */
  uint64_t live;    /* asked for and not freed, as the program sees it */
  uint64_t block;   /* the driver grows the pool by multiples of it */
  uint64_t settles; /* grows with every settlement */
  struct pool_freed freed;
  uint32_t is_stale; /* the driver may have let something go since it was last asked */
  uint32_t trims;
};

/* One call that may make a pool grow; lives on the hook's stack. */
struct pool_turn {
  struct pool *pool;
  uint64_t bytes;  /* it may need so much */
  uint64_t live;   /* of which so much stays until it is freed */
  uint64_t ahead;  /* charged before the call */
  uint64_t pinned; /* or let through, for it is charged already */
  bool is_guest;
};

#define POOL_STREAMS UINT64_MAX

/* The record of a pool, made where it is new. NULL: no room for it, or the device was not granted. */
struct pool *pool_of_driver(CUmemoryPool source, CUdevice device);
struct pool *pool_of_graphs(CUdevice device);
struct pool *pool_of_overhead(CUdevice device);
/* NULL where there is none yet. */
struct pool *pool_known_overhead(CUdevice device);
/* Has this process ever made a graph that allocates? */
bool pool_has_graphs(void);
/* Memory of this pool is not charged here. */
void pool_is_elsewhere(CUmemoryPool source);
/* The record of a pool that is known; NULL otherwise. */
struct pool *pool_find(CUmemoryPool source);

/* OUT_OF_MEMORY where it does not fit and the pool cannot serve it either. `stream` as pool_stream tells it. */
CUresult pool_charge(struct pool_turn *turn, uint64_t stream);
/* After the call. OUT_OF_MEMORY where the driver took more than fits against expectation: the call is to be undone. */
CUresult pool_settle(const struct pool_turn *turn, CUresult result);
/* The name of a stream, to compare: the default stream of a thread is that thread's own. */
uint64_t pool_stream(CUstream stream, bool is_per_thread);
/* Freed in the stream's order, or at once where stream is 0. */
void pool_gave(struct pool *pool, uint64_t bytes, uint64_t stream);
/* Taken before a wait: what is freed later was not waited for. */
uint64_t pool_mark(void);
/* Work of the stream has ended; 0: of one that is not known. Pools may be smaller now. */
void pool_rested(uint64_t stream, uint64_t mark);
/* The same of all streams of the current device. */
void pool_all_rested(uint64_t mark);
/* Asks the driver anew about every pool in which something was freed. */
void pool_refresh(void);
/* Lets go what own pools of the device keep unused; false where that was nothing. */
bool pool_give_back(uint32_t index);
void pool_trimmed(struct pool *pool);
/* The program has destroyed it. */
void pool_gone(struct pool *pool);
/* The device was reset: nothing is live in its pools. */
void pool_reset(CUdevice device);
/* In a forked child: nothing of the parent's is the child's. */
void pool_abandon(void);

#endif
