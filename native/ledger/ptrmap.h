// SPDX-License-Identifier: Apache-2.0
// Who owns what: a map from device pointers and handles to their charge. 64 shards of open addressing, each
// under a short spin lock that is never held across a driver call; memory comes from mmap, never from malloc,
// because hooks may run inside the tenant's allocator.
#ifndef KERF_PTRMAP_H
#define KERF_PTRMAP_H

#include <stdbool.h>
#include <stdint.h>

#define PTRMAP_SHARDS 64u

/* Kinds keep key spaces apart: a pool handle may have the number of a pointer. */
enum ptrmap_kind {
  PTRMAP_POINTER = 1,
  PTRMAP_HANDLE = 2,
  PTRMAP_MAPPING = 3,
  PTRMAP_POOL = 4,
  PTRMAP_CONTEXT = 5,
  PTRMAP_ARRAY = 6,     /* mipmapped ones too */
  PTRMAP_EXTERNAL = 7,  /* memory of another API */
  PTRMAP_BINDING = 8,   /* memory under a piece of an array or of a multicast object */
  PTRMAP_OPENED = 9,    /* memory of another process, by pointer */
  PTRMAP_UNMAPPING = 10, /* a mapping that is just being undone */
  PTRMAP_HELD = 11,     /* shares of other processes: share.h */
  PTRMAP_CODE = 12,     /* modules and libraries */
  PTRMAP_LIMIT = 13,    /* what a context's heaps take */
  PTRMAP_GRAPH = 32,    /* and one more for each device: an executable graph's memory there */
  PTRMAP_GIVEN = 0x40,  /* added to a kind: what was given to others, and under which share */
};

/* Bits of an entry's flags that several rooms know; the low four are each kind's own. */
enum ptrmap_flag {
  PTRMAP_PART = 0x10,   /* its memory is another entry's, whose key stands in bytes and whose kind in memory_class */
  PTRMAP_BOUND = 0x20,  /* memory of others is bound to it: PTRMAP_BINDING with its key as owner */
  PTRMAP_SHARED = 0x40, /* given to other processes: PTRMAP_GIVEN of the same key */
  PTRMAP_HOLDS = 0x80,  /* memory of another process, who is charged for it: the share stands in bytes */
};

struct ptrmap_entry {
  uint64_t key; /* 0 is no key */
  uint64_t bytes;
  uint64_t owner; /* context of a pointer, handle of a mapping */
  uint32_t refs;
  uint8_t kind;
  uint8_t device;
  uint8_t memory_class;
  uint8_t flags;
};

struct ptrmap_shard {
  _Alignas(64) uint32_t lock;
  uint32_t count;
  uint32_t capacity; /* power of two, or 0 before first use */
  struct ptrmap_entry *entries;
};

struct ptrmap {
  struct ptrmap_shard shards[PTRMAP_SHARDS];
};

/* False where memory for the entry cannot be had. An entry of the same key and kind is replaced. */
bool ptrmap_put(struct ptrmap *map, const struct ptrmap_entry *entry);
/* Removes; false where there is none. `out` may be NULL. */
bool ptrmap_take(struct ptrmap *map, uint64_t key, uint8_t kind, struct ptrmap_entry *out);
bool ptrmap_get(struct ptrmap *map, uint64_t key, uint8_t kind, struct ptrmap_entry *out);
/* Adds `delta` to refs and removes the entry when none are left; `out` is the entry after the change. */
bool ptrmap_count(struct ptrmap *map, uint64_t key, uint8_t kind, int delta, struct ptrmap_entry *out);
/* Sets bits of flags; `out` is the entry after it and may be NULL. */
bool ptrmap_mark(struct ptrmap *map, uint64_t key, uint8_t kind, uint8_t flags, struct ptrmap_entry *out);
/* Makes bytes at least so many; by how many it grew. */
uint64_t ptrmap_grow(struct ptrmap *map, uint64_t key, uint8_t kind, uint64_t bytes);
/* Removes every entry of the owner with this kind and hands each to `removed`. */
void ptrmap_sweep(struct ptrmap *map, uint64_t owner, uint8_t kind,
                  void (*removed)(const struct ptrmap_entry *entry, void *context), void *context);
/* Every entry of the owner with this kind is `next`'s from now on. */
void ptrmap_reown(struct ptrmap *map, uint64_t owner, uint64_t next, uint8_t kind);
uint64_t ptrmap_size(struct ptrmap *map);
/* Forgets everything without a lock: only for a forked child, whose copy nobody else sees. */
void ptrmap_abandon(struct ptrmap *map);

#endif
