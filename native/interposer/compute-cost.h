// SPDX-License-Identifier: Apache-2.0
// What work costs on the device, learned from samples: one entry for each kernel shape and each graph. Pure.
//
// What an event pair measures is the cost only while nobody else is on the device. Time slices of others make a sample
// longer, never shorter; so does different data. They are told apart by their marks: a kernel that comes back to the
// same least duration again and again, and exceeds it about as often as a slice ends within it, is a steady one, and the
// excess is somebody else's. Everything else is the kernel's own, and its mean is what it costs.
#ifndef KERF_COMPUTE_COST_H
#define KERF_COMPUTE_COST_H

#include <stdbool.h>
#include <stdint.h>

#define COST_KEYS 4096u
/* Kernels from this length on are measured at every launch: two events are nothing beside them. */
#define COST_LONG_NS 1000000u
#define COST_PERIOD_MOST 256u

struct cost_shape {
  const void *function; /* or a graph that can be launched */
  uint32_t grid[3];
  uint32_t block[3];
  uint32_t shared_bytes;
  uint32_t cluster[3];
  uint32_t device;
};

enum cost_flag {
  COST_NAMED = 1,   /* its name was asked */
  COST_FREE = 2,    /* never delayed: it waits for other ranks */
};

struct cost_key {
  uint64_t tag;      /* 0: nobody's */
  uint64_t cost_ns;  /* what a launch is charged; 0: not measured yet */
  uint64_t guess_ns; /* charged until then */
  uint64_t blocks;
  uint64_t block_ps; /* of a function's entry: what a block of it costs, in whatever shape it ran last */
  uint32_t countdown; /* launches until the next sample */
  uint32_t distance;  /* what it was set to */
  uint32_t pending;  /* samples that have not come back */
  uint32_t flags;
  /* Below: only while `is_learning` is held. */
  uint32_t is_learning;
  uint64_t mean_ns;      /* of all samples */
  uint64_t steady_ns;    /* mean of those near the floor */
  uint64_t floor_ns;     /* least of this window and the last */
  uint64_t next_floor_ns;
  uint32_t near;         /* a bit for each of the last 32 samples: it was near the floor */
  uint16_t samples;      /* saturates */
  uint16_t period;
  uint32_t dice;
} __attribute__((aligned(128)));

struct cost_table {
  struct cost_key keys[COST_KEYS];
};

/* A first guess from the number of blocks alone: far too low for some, so unmeasured work must not pile up. */
uint64_t cost_guess(const struct cost_shape *shape);
/* What one that is not known may cost, going by the function's other shapes; false where it has none. */
bool cost_guess_by_function(struct cost_table *table, struct cost_key *key, const struct cost_shape *shape);
void cost_tell_function(struct cost_table *table, const void *function, const struct cost_key *key);
/* The entry of this shape; takes an old one's place where there is none yet. Never NULL. */
struct cost_key *cost_find(struct cost_table *table, const struct cost_shape *shape);
/* The next launch is measured again (a graph was changed), or all is forgotten (it is another graph at that address). */
void cost_doubt(struct cost_key *key);
void cost_forget(struct cost_key *key);
/* Is this launch to be measured? Asked once a launch. The number of launches since the last that was, this one too; 0: it is
 * not. Counted without atomics: threads may lose a few. */
uint32_t cost_due(struct cost_key *key);
/* That sample was no good: the next launch is to be measured. */
void cost_ask_again(struct cost_key *key);
/* One more sample. Answers what that launch is to be counted as. */
uint64_t cost_learn(struct cost_key *key, uint64_t sample_ns);

static inline uint64_t cost_of(const struct cost_key *key) {
  uint64_t cost = __atomic_load_n(&key->cost_ns, __ATOMIC_RELAXED);
  return cost != 0 ? cost : key->guess_ns;
}

static inline bool cost_is_known(const struct cost_key *key) {
  return __atomic_load_n(&key->cost_ns, __ATOMIC_RELAXED) != 0;
}

#endif
