// SPDX-License-Identifier: Apache-2.0
// Device addresses that can really be written: one large reservation a process, cut into powers of two.
// Pages are the kernel's only once touched, so a 141 GiB device costs nothing until somebody copies into it.
#define _GNU_SOURCE
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>

#include "cuda.h"

/* An emulator that keeps a record of every page wants less. */
#ifndef FAKE_ARENA_BITS
#define FAKE_ARENA_BITS 42
#endif
#define ARENA_BYTES (1ull << FAKE_ARENA_BITS)
#define SMALLEST_BITS 9u
#define CLASSES 42u

static uint64_t arena_base;
static uint64_t arena_next;
static uint32_t arena_lock;
/* Free addresses per class, as stacks that grow by mmap. */
static struct {
  uint64_t *addresses;
  size_t count;
  size_t capacity;
} freed[CLASSES];

static void lock(void) {
  while (__atomic_exchange_n(&arena_lock, 1u, __ATOMIC_ACQUIRE) != 0) sched_yield();
}

static void unlock(void) { __atomic_store_n(&arena_lock, 0u, __ATOMIC_RELEASE); }

static uint32_t class_of(uint64_t bytes) {
  uint32_t bits = SMALLEST_BITS;
  while ((1ull << bits) < bytes) bits++;
  return bits;
}

static void *map_pages(uint64_t bytes) {
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? NULL : at;
}

/* 2 MiB aligned, so that handles and mappings look as on hardware. */
static bool arena_open(void) {
  if (arena_base != 0) return true;
  void *at = map_pages(ARENA_BYTES);
  if (at == NULL) return false;
  arena_base = ((uint64_t)(uintptr_t)at + 0x1fffff) & ~0x1fffffull;
  arena_next = arena_base;
  return true;
}

static uint64_t cut(uint32_t bits) {
  uint64_t size = 1ull << bits;
  uint64_t align = size < 0x200000 ? size : 0x200000;
  uint64_t at = (arena_next + align - 1) & ~(align - 1);
  if (size > ARENA_BYTES || at + size > arena_base + ARENA_BYTES - 0x200000) return 0;
  arena_next = at + size;
  return at;
}

uint64_t arena_take(uint64_t bytes) {
  uint32_t bits = class_of(bytes);
  if (bits >= CLASSES) return 0;
  lock();
  uint64_t at = 0;
  if (freed[bits].count > 0)
    at = freed[bits].addresses[--freed[bits].count];
  else if (arena_open())
    at = cut(bits);
  unlock();
  return at;
}

static bool grow_stack(uint32_t bits) {
  size_t capacity = freed[bits].capacity == 0 ? 512 : freed[bits].capacity * 2;
  uint64_t *next = map_pages(capacity * sizeof(uint64_t));
  if (next == NULL) return false;
  for (size_t i = 0; i < freed[bits].count; i++) next[i] = freed[bits].addresses[i];
  if (freed[bits].capacity != 0) munmap(freed[bits].addresses, freed[bits].capacity * sizeof(uint64_t));
  freed[bits].addresses = next;
  freed[bits].capacity = capacity;
  return true;
}

void arena_give(uint64_t address, uint64_t bytes) {
  uint32_t bits = class_of(bytes);
  lock();
  bool has_place = freed[bits].count < freed[bits].capacity || grow_stack(bits);
  if (has_place) freed[bits].addresses[freed[bits].count++] = address;
  unlock();
}
