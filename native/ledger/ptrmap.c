// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "ptrmap.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_CAPACITY 128u
#define SPINS_BEFORE_YIELD 128u
#define SWEEP_BATCH 64u

static uint64_t hash_of(uint64_t key, uint8_t kind) {
  uint64_t h = (key ^ ((uint64_t)kind << 56)) * 0x9e3779b97f4a7c15ull;
  return h ^ (h >> 29);
}

static struct ptrmap_shard *shard_of(struct ptrmap *map, uint64_t hash) {
  return &map->shards[hash >> 58];
}

static void shard_lock(struct ptrmap_shard *shard) {
  for (uint32_t spins = 0; __atomic_exchange_n(&shard->lock, 1u, __ATOMIC_ACQUIRE) != 0; spins++) {
    if (spins >= SPINS_BEFORE_YIELD) sched_yield();
  }
}

static void shard_unlock(struct ptrmap_shard *shard) { __atomic_store_n(&shard->lock, 0u, __ATOMIC_RELEASE); }

static uint32_t home_of(const struct ptrmap_shard *shard, uint64_t hash) {
  return (uint32_t)(hash >> 16) & (shard->capacity - 1);
}

/* Index of the entry, or of the free place where it would go. Needs one free place: see shard_make_room. */
static uint32_t find_place(const struct ptrmap_shard *shard, uint64_t key, uint8_t kind) {
  uint32_t at = home_of(shard, hash_of(key, kind));
  while (shard->entries[at].kind != 0 && (shard->entries[at].key != key || shard->entries[at].kind != kind))
    at = (at + 1) & (shard->capacity - 1);
  return at;
}

static bool shard_grow(struct ptrmap_shard *shard) {
  struct ptrmap_shard next = {.count = shard->count};
  next.capacity = shard->capacity == 0 ? FIRST_CAPACITY : shard->capacity * 2;
  size_t bytes = (size_t)next.capacity * sizeof(struct ptrmap_entry);
  next.entries = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (next.entries == MAP_FAILED) return false;
  for (uint32_t i = 0; i < shard->capacity; i++) {
    const struct ptrmap_entry *entry = &shard->entries[i];
    if (entry->kind != 0) next.entries[find_place(&next, entry->key, entry->kind)] = *entry;
  }
  if (shard->capacity != 0) munmap(shard->entries, (size_t)shard->capacity * sizeof(struct ptrmap_entry));
  shard->entries = next.entries;
  shard->capacity = next.capacity;
  return true;
}

/* At most five eighths full: probing always ends, and runs are short. At three quarters, where 100 000 entries would lie
 * otherwise, a removal looks through nine entries. */
static bool shard_make_room(struct ptrmap_shard *shard) {
  return shard->count + 1 <= shard->capacity / 8 * 5 || shard_grow(shard);
}

/* Closes the gap by moving later entries of the run back, so that no tombstones gather. */
static void shard_remove(struct ptrmap_shard *shard, uint32_t gap) {
  uint32_t mask = shard->capacity - 1;
  for (uint32_t at = (gap + 1) & mask; shard->entries[at].kind != 0; at = (at + 1) & mask) {
    uint32_t home = home_of(shard, hash_of(shard->entries[at].key, shard->entries[at].kind));
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    shard->entries[gap] = shard->entries[at];
    gap = at;
  }
  memset(&shard->entries[gap], 0, sizeof(shard->entries[gap]));
  shard->count--;
}

bool ptrmap_put(struct ptrmap *map, const struct ptrmap_entry *entry) {
  struct ptrmap_shard *shard = shard_of(map, hash_of(entry->key, entry->kind));
  shard_lock(shard);
  bool has_room = shard_make_room(shard);
  if (has_room) {
    struct ptrmap_entry *place = &shard->entries[find_place(shard, entry->key, entry->kind)];
    if (place->kind == 0) shard->count++;
    *place = *entry;
  }
  shard_unlock(shard);
  return has_room;
}

/* The entry under the shard's lock, or NULL with the lock given back. */
static struct ptrmap_entry *lock_entry(struct ptrmap_shard *shard, uint64_t key, uint8_t kind) {
  shard_lock(shard);
  if (shard->capacity != 0) {
    struct ptrmap_entry *entry = &shard->entries[find_place(shard, key, kind)];
    if (entry->kind != 0) return entry;
  }
  shard_unlock(shard);
  return NULL;
}

bool ptrmap_take(struct ptrmap *map, uint64_t key, uint8_t kind, struct ptrmap_entry *out) {
  struct ptrmap_shard *shard = shard_of(map, hash_of(key, kind));
  struct ptrmap_entry *entry = lock_entry(shard, key, kind);
  if (entry == NULL) return false;
  if (out != NULL) *out = *entry;
  shard_remove(shard, (uint32_t)(entry - shard->entries));
  shard_unlock(shard);
  return true;
}

bool ptrmap_get(struct ptrmap *map, uint64_t key, uint8_t kind, struct ptrmap_entry *out) {
  struct ptrmap_shard *shard = shard_of(map, hash_of(key, kind));
  struct ptrmap_entry *entry = lock_entry(shard, key, kind);
  if (entry == NULL) return false;
  *out = *entry;
  shard_unlock(shard);
  return true;
}

bool ptrmap_count(struct ptrmap *map, uint64_t key, uint8_t kind, int delta, struct ptrmap_entry *out) {
  struct ptrmap_shard *shard = shard_of(map, hash_of(key, kind));
  struct ptrmap_entry *entry = lock_entry(shard, key, kind);
  if (entry == NULL) return false;
  entry->refs = (uint32_t)((int64_t)entry->refs + delta);
  *out = *entry;
  if (entry->refs == 0) shard_remove(shard, (uint32_t)(entry - shard->entries));
  shard_unlock(shard);
  return true;
}

bool ptrmap_mark(struct ptrmap *map, uint64_t key, uint8_t kind, uint8_t flags, struct ptrmap_entry *out) {
  struct ptrmap_shard *shard = shard_of(map, hash_of(key, kind));
  struct ptrmap_entry *entry = lock_entry(shard, key, kind);
  if (entry == NULL) return false;
  entry->flags |= flags;
  if (out != NULL) *out = *entry;
  shard_unlock(shard);
  return true;
}

uint64_t ptrmap_grow(struct ptrmap *map, uint64_t key, uint8_t kind, uint64_t bytes) {
  struct ptrmap_shard *shard = shard_of(map, hash_of(key, kind));
  struct ptrmap_entry *entry = lock_entry(shard, key, kind);
  if (entry == NULL) return 0;
  uint64_t grown = entry->bytes < bytes ? bytes - entry->bytes : 0;
  entry->bytes += grown;
  shard_unlock(shard);
  return grown;
}

/* Takes up to SWEEP_BATCH matching entries out, so that `removed` runs without the lock. */
static uint32_t take_some(struct ptrmap_shard *shard, uint64_t owner, uint8_t kind, struct ptrmap_entry *out) {
  uint32_t taken = 0;
  shard_lock(shard);
  for (uint32_t i = 0; i < shard->capacity && taken < SWEEP_BATCH;) {
    const struct ptrmap_entry *entry = &shard->entries[i];
    if (entry->kind != kind || entry->owner != owner) {
      i++;
      continue;
    }
    out[taken++] = *entry;
    shard_remove(shard, i);
  }
  shard_unlock(shard);
  return taken;
}

void ptrmap_sweep(struct ptrmap *map, uint64_t owner, uint8_t kind,
                  void (*removed)(const struct ptrmap_entry *entry, void *context), void *context) {
  struct ptrmap_entry batch[SWEEP_BATCH];
  for (uint32_t i = 0; i < PTRMAP_SHARDS; i++) {
    uint32_t taken;
    do {
      taken = take_some(&map->shards[i], owner, kind, batch);
      for (uint32_t k = 0; k < taken; k++) removed(&batch[k], context);
    } while (taken == SWEEP_BATCH);
  }
}

static void shard_reown(struct ptrmap_shard *shard, uint64_t owner, uint64_t next, uint8_t kind) {
  shard_lock(shard);
  for (uint32_t i = 0; i < shard->capacity; i++) {
    struct ptrmap_entry *entry = &shard->entries[i];
    if (entry->kind == kind && entry->owner == owner) entry->owner = next;
  }
  shard_unlock(shard);
}

void ptrmap_reown(struct ptrmap *map, uint64_t owner, uint64_t next, uint8_t kind) {
  for (uint32_t i = 0; i < PTRMAP_SHARDS; i++) shard_reown(&map->shards[i], owner, next, kind);
}

uint64_t ptrmap_size(struct ptrmap *map) {
  uint64_t size = 0;
  for (uint32_t i = 0; i < PTRMAP_SHARDS; i++) size += __atomic_load_n(&map->shards[i].count, __ATOMIC_RELAXED);
  return size;
}

void ptrmap_abandon(struct ptrmap *map) { memset(map, 0, sizeof(*map)); }
