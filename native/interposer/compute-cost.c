// SPDX-License-Identifier: Apache-2.0
#include "compute-cost.h"

#include <stddef.h>

/* Blocks that a device of today runs at once, and what such a wave takes at the least: a guess may be low. */
#define GUESS_WAVE_BLOCKS 1024u
#define GUESS_WAVE_NS 5000u
#define GUESS_MOST_NS 1000000u
#define GUESS_BY_FUNCTION_MOST_NS 1000000000u
/* Near the floor: within so small a part of it that a kernel of varying length is seldom there. */
#define NEAR_PART 32u
#define NEAR_NS 500u
/* What a driver gives a context before it runs another's, as drivers come. */
#define SLICE_NS 2000000u
#define WINDOW_SAMPLES 64u
/* A sample so much below the floor says that all before it were taken beside others. */
#define FALL_PERCENT 70u
#define MEAN_SAMPLES 16u

static uint64_t mix(uint64_t a, uint64_t b) {
  __uint128_t product = (__uint128_t)(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xd1b54a32d192ed03ull);
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t pair(uint32_t a, uint32_t b) { return (uint64_t)a << 32 | b; }

static uint64_t tag_of(const struct cost_shape *shape) {
  uint64_t tag = mix((uint64_t)(uintptr_t)shape->function, pair(shape->grid[0], shape->block[0]));
  tag ^= mix(pair(shape->grid[1], shape->grid[2]), pair(shape->block[1], shape->block[2]));
  tag = mix(tag, pair(shape->shared_bytes, shape->device));
  if ((shape->cluster[0] | shape->cluster[1] | shape->cluster[2]) != 0)
    tag = mix(tag, pair(shape->cluster[0] * 64 + shape->cluster[1], shape->cluster[2]));
  return tag != 0 ? tag : 1;
}

/* At most 2^31 * 2^16 * 2^16 blocks, but the caller's numbers may be anything. */
static uint64_t blocks_of(const struct cost_shape *shape) {
  uint64_t blocks = (uint64_t)shape->grid[0] * shape->grid[1];
  return shape->grid[2] != 0 && blocks > UINT64_MAX / shape->grid[2] ? UINT64_MAX : blocks * shape->grid[2];
}

uint64_t cost_guess(const struct cost_shape *shape) {
  uint64_t waves = blocks_of(shape) / GUESS_WAVE_BLOCKS + 1;
  return waves < GUESS_MOST_NS / GUESS_WAVE_NS ? waves * GUESS_WAVE_NS : GUESS_MOST_NS;
}

static void take_over(struct cost_key *key, uint64_t tag, const struct cost_shape *shape) {
  if (__atomic_exchange_n(&key->is_learning, 1u, __ATOMIC_ACQUIRE) != 0) return;
  cost_forget(key);
  key->guess_ns = cost_guess(shape);
  key->blocks = blocks_of(shape);
  key->block_ps = 0;
  key->dice = (uint32_t)tag | 1u;
  __atomic_store_n(&key->tag, tag, __ATOMIC_RELAXED);
  __atomic_store_n(&key->is_learning, 0u, __ATOMIC_RELEASE);
}

/* Two places for each shape; the one that costs less to learn again goes. */
struct cost_key *cost_find(struct cost_table *table, const struct cost_shape *shape) {
  uint64_t tag = tag_of(shape);
  struct cost_key *first = &table->keys[tag % COST_KEYS];
  if (__atomic_load_n(&first->tag, __ATOMIC_RELAXED) == tag) return first;
  struct cost_key *second = &table->keys[(tag ^ 1u) % COST_KEYS];
  if (__atomic_load_n(&second->tag, __ATOMIC_RELAXED) == tag) return second;
  struct cost_key *chosen = first;
  if (first->tag != 0 && (second->tag == 0 || second->samples < first->samples)) chosen = second;
  take_over(chosen, tag, shape);
  return chosen;
}

/* A function's own entry has a shape that none is launched with. */
static struct cost_key *function_key(struct cost_table *table, const void *function) {
  struct cost_shape shape = {.function = function};
  return cost_find(table, &shape);
}

bool cost_guess_by_function(struct cost_table *table, struct cost_key *key, const struct cost_shape *shape) {
  uint64_t block_ps = function_key(table, shape->function)->block_ps;
  if (block_ps == 0 || key->blocks == 0) return false;
  __uint128_t guess = (__uint128_t)block_ps * key->blocks / 1000;
  key->guess_ns = guess > GUESS_BY_FUNCTION_MOST_NS ? GUESS_BY_FUNCTION_MOST_NS : (uint64_t)guess + 1;
  return true;
}

void cost_tell_function(struct cost_table *table, const void *function, const struct cost_key *key) {
  if (key->blocks == 0 || !cost_is_known(key)) return;
  function_key(table, function)->block_ps = cost_of(key) * 1000 / key->blocks + 1;
}

void cost_doubt(struct cost_key *key) {
  key->period = 1;
  key->samples = 0;
  __atomic_store_n(&key->countdown, 0u, __ATOMIC_RELAXED);
}

void cost_forget(struct cost_key *key) {
  __atomic_store_n(&key->cost_ns, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&key->pending, 0u, __ATOMIC_RELAXED);
  key->flags = 0;
  cost_doubt(key);
}

/* The first launches are all measured; then one of `period`, at odd distances, so that no rhythm of the program's is
 * met at the same beat for ever. */
uint32_t cost_due(struct cost_key *key) {
  uint32_t left = __atomic_load_n(&key->countdown, __ATOMIC_RELAXED);
  if (left > 1) {
    __atomic_store_n(&key->countdown, left - 1, __ATOMIC_RELAXED);
    return 0;
  }
  uint32_t passed = key->distance > 0 && left == 1 ? key->distance : 1;
  uint32_t period = key->period > 0 ? key->period : 1;
  key->dice ^= key->dice << 13;
  key->dice ^= key->dice >> 17;
  key->dice ^= key->dice << 5;
  key->distance = period < 2 ? 1 : period / 2 + key->dice % period;
  __atomic_store_n(&key->countdown, key->distance, __ATOMIC_RELAXED);
  return passed;
}

void cost_ask_again(struct cost_key *key) { __atomic_store_n(&key->countdown, 0u, __ATOMIC_RELAXED); }

static uint64_t toward(uint64_t mean, uint64_t sample, uint32_t samples) {
  int64_t part = samples < MEAN_SAMPLES ? samples : MEAN_SAMPLES;
  return (uint64_t)((int64_t)mean + ((int64_t)sample - (int64_t)mean) / (part > 0 ? part : 1));
}

static void start_over(struct cost_key *key, uint64_t sample) {
  key->mean_ns = key->steady_ns = key->floor_ns = key->next_floor_ns = sample;
  key->near = 1;
  key->samples = 1;
  key->period = 1;
}

static void note(struct cost_key *key, uint64_t sample) {
  if (sample < key->floor_ns) key->floor_ns = sample;
  if (sample < key->next_floor_ns) key->next_floor_ns = sample;
  bool is_near = sample <= key->floor_ns + key->floor_ns / NEAR_PART + NEAR_NS;
  key->near = key->near << 1 | (is_near ? 1u : 0u);
  if (key->samples < UINT16_MAX) key->samples++;
  key->mean_ns = toward(key->mean_ns, sample, key->samples);
  if (is_near) key->steady_ns = toward(key->steady_ns, sample, key->samples);
  if (key->samples % WINDOW_SAMPLES == 0) {
    key->floor_ns = key->next_floor_ns;
    key->next_floor_ns = UINT64_MAX;
  }
}

/* Steady: it comes back to its floor, and the rest is what others' slices do. They cut a short kernel as often as a slice
 * ends within it, and make a long one up to three times as long (two neighbours). */
static bool is_steady(const struct cost_key *key) {
  uint32_t seen = key->samples < 32 ? key->samples : 32;
  uint32_t mask = seen == 32 ? UINT32_MAX : (1u << seen) - 1;
  uint32_t near = (uint32_t)__builtin_popcount(key->near & mask);
  uint32_t cut = seen - near;
  if (near * 16 < seen * 3) return false;
  if (key->floor_ns >= COST_LONG_NS) return key->mean_ns <= 3 * key->floor_ns;
  return (uint64_t)cut * SLICE_NS <= seen * (key->floor_ns * 3 / 2) + 2 * SLICE_NS;
}

/* Rare samples where all is as expected, all of them where it is not. */
static void choose_period(struct cost_key *key, bool is_expected) {
  if (key->floor_ns >= COST_LONG_NS) key->period = 1;
  else if (!is_expected) key->period = key->period > 4 ? key->period / 4 : 1;
  else if (key->samples > 4 && key->period < COST_PERIOD_MOST) key->period *= 2;
}

uint64_t cost_learn(struct cost_key *key, uint64_t sample_ns) {
  if (sample_ns == 0) sample_ns = 1;
  if (__atomic_exchange_n(&key->is_learning, 1u, __ATOMIC_ACQUIRE) != 0) return sample_ns;
  bool is_fall = key->samples > 0 && sample_ns < key->floor_ns / 100 * FALL_PERCENT;
  if (key->samples == 0 || is_fall) start_over(key, sample_ns);
  else note(key, sample_ns);
  bool is_known_steady = is_steady(key);
  uint64_t cost = is_known_steady ? key->steady_ns : key->mean_ns;
  uint64_t off = sample_ns > cost ? sample_ns - cost : cost - sample_ns;
  choose_period(key, off <= cost / 4 || is_known_steady);
  __atomic_store_n(&key->cost_ns, cost, __ATOMIC_RELAXED);
  __atomic_store_n(&key->is_learning, 0u, __ATOMIC_RELEASE);
  /* A cut sample of a steady kernel is others' time. */
  return is_known_steady && sample_ns > cost && (key->near & 1u) == 0 ? cost : sample_ns;
}
