// SPDX-License-Identifier: Apache-2.0
// A node's arbiter of one GPU, as small as a test needs it: every 10 ms it looks who waits for GPU time, and shares what
// the others leave, by priority and weight, among those that may borrow.
//
//   arbiter SECONDS SLICE...       folders with limits and region; device 0 of each
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "region.h"

#define TENANTS 8
#define TICK_NS 10000000ull
#define ALL_PERMILLE 1000u
/* Who has waited so lately wants more than he has. */
#define DEMAND_NS (2 * TICK_NS)
/* Left to whoever does not use his part, beyond what he used last. */
#define SPARED_PERMILLE 20u

struct tenant {
  struct limits_page *page;
  struct region_device *device;
  uint64_t granted_ns;
  uint32_t share;
  uint32_t rate;
  uint32_t weight;
  bool may_borrow; /* and wants to */
  bool is_high;
};

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *map_file(const char *folder, const char *name, size_t bytes) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  void *at = fd < 0 ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at != MAP_FAILED) return at;
  perror(path);
  exit(1);
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* What he would use now: all he can get if he waits for it, else little more than in the last tick. */
static uint32_t look(struct tenant *tenant, uint64_t now) {
  const struct limits_device *limits = &tenant->page->devices[0];
  uint64_t granted_ns = __atomic_load_n(&tenant->device->granted_ns, __ATOMIC_RELAXED);
  uint64_t used = (granted_ns - tenant->granted_ns) * ALL_PERMILLE / TICK_NS;
  bool is_waiting = now - __atomic_load_n(&tenant->device->demand_ns, __ATOMIC_RELAXED) < DEMAND_NS;
  tenant->granted_ns = granted_ns;
  tenant->share = limits->core_permille;
  tenant->weight = limits->weight > 0 ? limits->weight : 1;
  tenant->is_high = (limits->flags & LIMITS_PRIORITY_HIGH) != 0;
  tenant->may_borrow = is_waiting && (limits->flags & LIMITS_CORES_SOFT) != 0;
  uint32_t wants = is_waiting ? ALL_PERMILLE : used > ALL_PERMILLE ? ALL_PERMILLE : (uint32_t)used + SPARED_PERMILLE;
  return least(wants, tenant->share);
}

/* Whoever is high comes first; among equals it goes by weight. */
static void lend(struct tenant *tenants, int count, uint32_t spare) {
  uint32_t weights[2] = {0, 0};
  for (int i = 0; i < count; i++)
    if (tenants[i].may_borrow) weights[tenants[i].is_high] += tenants[i].weight;
  bool is_high = weights[1] > 0;
  for (int i = 0; i < count; i++)
    if (tenants[i].may_borrow && tenants[i].is_high == is_high)
      tenants[i].rate = least(ALL_PERMILLE, tenants[i].share + spare * tenants[i].weight / weights[is_high]);
}

static void arbitrate(struct tenant *tenants, int count, uint64_t now) {
  uint32_t taken = 0;
  for (int i = 0; i < count; i++) {
    taken += look(&tenants[i], now);
    tenants[i].rate = tenants[i].share;
  }
  lend(tenants, count, taken < ALL_PERMILLE ? ALL_PERMILLE - taken : 0);
  for (int i = 0; i < count; i++) {
    __atomic_store_n(&tenants[i].page->devices[0].rate_permille, tenants[i].rate, __ATOMIC_RELAXED);
    __atomic_store_n(&tenants[i].page->arbiter_beat_ns, now, __ATOMIC_RELAXED);
  }
}

int main(int argc, char **argv) {
  struct tenant tenants[TENANTS] = {{0}};
  int count = 0;
  if (argc < 3) return 2;
  for (int i = 2; i < argc && count < TENANTS; i++, count++) {
    tenants[count].page = map_file(argv[i], "limits", LIMITS_BYTES);
    tenants[count].device = &((struct region *)map_file(argv[i], "region", REGION_BYTES))->devices[0];
  }
  uint64_t end_ns = now_ns() + (uint64_t)(atof(argv[1]) * 1e9);
  for (uint64_t now = now_ns(); now < end_ns; now = now_ns()) {
    arbitrate(tenants, count, now);
    nanosleep(&(struct timespec){0, (long)TICK_NS}, NULL);
  }
  return 0;
}
