// SPDX-License-Identifier: Apache-2.0
#include "ptrmap.h"

#include <pthread.h>
#include <string.h>

#include "test.h"

static struct ptrmap map;

static struct ptrmap_entry an_entry(uint64_t key, uint64_t bytes) {
  return (struct ptrmap_entry){.key = key, .bytes = bytes, .owner = key % 7, .refs = 1, .kind = PTRMAP_POINTER};
}

static void entries_come_back_as_they_were_put(void) {
  struct ptrmap_entry out;
  for (uint64_t i = 1; i <= 100000; i++) {
    struct ptrmap_entry entry = an_entry(i * 512, i);
    CLAIM(ptrmap_put(&map, &entry));
  }
  CLAIM(ptrmap_size(&map) == 100000);
  for (uint64_t i = 1; i <= 100000; i++) CLAIM(ptrmap_get(&map, i * 512, PTRMAP_POINTER, &out) && out.bytes == i);
  CLAIM(!ptrmap_get(&map, 512, PTRMAP_HANDLE, &out));
  CLAIM(!ptrmap_get(&map, 511, PTRMAP_POINTER, &out));
}

static void removing_leaves_the_others(void) {
  struct ptrmap_entry out;
  for (uint64_t i = 1; i <= 100000; i += 2) CLAIM(ptrmap_take(&map, i * 512, PTRMAP_POINTER, &out) && out.bytes == i);
  for (uint64_t i = 1; i <= 100000; i++) CLAIM(ptrmap_get(&map, i * 512, PTRMAP_POINTER, &out) == (i % 2 == 0));
  CLAIM(!ptrmap_take(&map, 512, PTRMAP_POINTER, &out));
  CLAIM(ptrmap_size(&map) == 50000);
}

static void putting_twice_replaces(void) {
  struct ptrmap_entry entry = an_entry(1024, 77), out;
  CLAIM(ptrmap_put(&map, &entry));
  CLAIM(ptrmap_size(&map) == 50000);
  CLAIM(ptrmap_get(&map, 1024, PTRMAP_POINTER, &out) && out.bytes == 77);
}

static uint64_t swept;
static void count_swept(const struct ptrmap_entry *entry, void *context) {
  (void)context;
  CLAIM(entry->owner == 3);
  swept++;
}

static void a_sweep_takes_one_owner(void) {
  uint64_t before = ptrmap_size(&map);
  ptrmap_sweep(&map, 3, PTRMAP_POINTER, count_swept, NULL);
  CLAIM(swept > 7000 && ptrmap_size(&map) == before - swept);
  for (uint64_t key = 1; key <= 100000; key++) {
    struct ptrmap_entry out;
    if (ptrmap_get(&map, key * 512, PTRMAP_POINTER, &out)) CLAIM(out.owner != 3);
  }
}

static void count_one(const struct ptrmap_entry *entry, void *context) {
  CLAIM(entry->key == 512);
  ++*(int *)context;
}

/* What a new owner of the old one's number puts in between is not swept with the old one's. */
static void what_was_left_is_swept_apart(void) {
  struct ptrmap_entry old = an_entry(512, 1), young = an_entry(1024, 2);
  int swept = 0;
  ptrmap_abandon(&map);
  old.owner = young.owner = 4;
  CLAIM(ptrmap_put(&map, &old));
  ptrmap_reown(&map, 4, 99, PTRMAP_POINTER);
  CLAIM(ptrmap_put(&map, &young));
  ptrmap_sweep(&map, 99, PTRMAP_POINTER, count_one, &swept);
  CLAIM(swept == 1 && ptrmap_size(&map) == 1);
}

static void the_last_reference_removes(void) {
  struct ptrmap_entry entry = an_entry(5, 9), out;
  entry.kind = PTRMAP_HANDLE;
  CLAIM(ptrmap_put(&map, &entry));
  CLAIM(ptrmap_count(&map, 5, PTRMAP_HANDLE, 1, &out) && out.refs == 2);
  CLAIM(ptrmap_count(&map, 5, PTRMAP_HANDLE, -1, &out) && out.refs == 1);
  CLAIM(ptrmap_count(&map, 5, PTRMAP_HANDLE, -1, &out) && out.refs == 0 && out.bytes == 9);
  CLAIM(!ptrmap_count(&map, 5, PTRMAP_HANDLE, -1, &out));
}

#define THREADS 4
#define ROUNDS 50000

static void *churn(void *number) {
  uint64_t base = ((uint64_t)(uintptr_t)number + 1) << 32;
  struct ptrmap_entry out;
  for (uint64_t i = 1; i <= ROUNDS; i++) {
    struct ptrmap_entry entry = an_entry(base + i * 512, i);
    CLAIM(ptrmap_put(&map, &entry));
    if (i > 100) CLAIM(ptrmap_take(&map, base + (i - 100) * 512, PTRMAP_POINTER, &out) && out.bytes == i - 100);
  }
  return NULL;
}

static void threads_do_not_lose_entries(void) {
  pthread_t threads[THREADS];
  ptrmap_abandon(&map);
  for (uintptr_t i = 0; i < THREADS; i++) CLAIM(pthread_create(&threads[i], NULL, churn, (void *)i) == 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  CLAIM(ptrmap_size(&map) == THREADS * 100);
}

int main(void) {
  entries_come_back_as_they_were_put();
  removing_leaves_the_others();
  putting_twice_replaces();
  a_sweep_takes_one_owner();
  what_was_left_is_swept_apart();
  the_last_reference_removes();
  threads_do_not_lose_entries();
  return 0;
}
