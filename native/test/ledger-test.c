// SPDX-License-Identifier: Apache-2.0
// The ledger between threads, processes, and processes killed at any instant.
#define _GNU_SOURCE
#include "ledger.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define LIMIT 1000000ull

static struct region *region;

static bool is_dead(void *context, uint32_t index, const struct region_slot *slot) {
  (void)context, (void)index;
  return ledger_pid_is_dead(slot->pid, slot->start_ticks);
}

static bool try_lock(void *context, struct region *of) {
  (void)context;
  uint64_t nobody = 0;
  if (__atomic_compare_exchange_n(&of->reaper_pid, &nobody, (uint64_t)getpid(), false, __ATOMIC_SEQ_CST,
                                  __ATOMIC_SEQ_CST))
    return true;
  if (!ledger_pid_is_dead((uint32_t)nobody, 0)) return false;
  return __atomic_compare_exchange_n(&of->reaper_pid, &nobody, (uint64_t)getpid(), false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST);
}

static void unlock(void *context, struct region *of) {
  (void)context;
  __atomic_store_n(&of->reaper_pid, 0, __ATOMIC_SEQ_CST);
}

static const struct ledger_liveness LIVENESS = {.is_dead = is_dead, .try_lock = try_lock, .unlock = unlock};

static struct ledger a_ledger(void) {
  struct ledger ledger = {.region = region, .liveness = &LIVENESS};
  CLAIM(ledger_attach(&ledger, (uint32_t)getpid(), ledger_start_ticks((uint32_t)getpid())));
  return ledger;
}

static void new_region(void) {
  if (region != NULL) munmap(region, sizeof(*region));
  region = mmap(NULL, sizeof(*region), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ledger_format(region);
  CLAIM(ledger_is_region(region));
}

static struct ledger_charge charge(uint64_t bytes) { return (struct ledger_charge){2, REGION_CLASS_ASYNC, bytes}; }

static void a_charge_fits_to_the_byte(void) {
  new_region();
  struct ledger ledger = a_ledger();
  CLAIM(ledger_reserve(&ledger, charge(LIMIT), LIMIT) == LEDGER_OK);
  CLAIM(ledger_reserve(&ledger, charge(1), LIMIT) == LEDGER_REFUSED);
  ledger_refund(&ledger, charge(1));
  CLAIM(ledger_reserve(&ledger, charge(1), LIMIT) == LEDGER_OK);
  CLAIM(ledger_used(region, 2) == LIMIT && ledger_used(region, 1) == 0);
  CLAIM(region->devices[2].peak_bytes == LIMIT);
  CLAIM(region->devices[2].refusals == 1 && region->devices[2].refused_bytes == 1);
  CLAIM(ledger_slot_bytes(ledger.slot, 2) == LIMIT);
}

static void odd_sizes_do_not_wrap(void) {
  new_region();
  struct ledger ledger = a_ledger();
  CLAIM(ledger_reserve(&ledger, charge(UINT64_MAX), LIMIT) == LEDGER_REFUSED);
  CLAIM(ledger_reserve(&ledger, charge(1ull << 48), UINT64_MAX) == LEDGER_REFUSED);
  CLAIM(ledger_reserve(&ledger, charge(5), LIMIT) == LEDGER_OK);
  ledger_refund(&ledger, charge(50));
  CLAIM(ledger_used(region, 2) == 0);
  CLAIM(ledger_reserve(&ledger, charge(5), 4) == LEDGER_REFUSED);
}

static void a_limit_below_use_stops_growth(void) {
  new_region();
  struct ledger ledger = a_ledger();
  CLAIM(ledger_reserve(&ledger, charge(500), LIMIT) == LEDGER_OK);
  CLAIM(ledger_reserve(&ledger, charge(1), 400) == LEDGER_REFUSED);
  ledger_refund(&ledger, charge(200));
  CLAIM(ledger_reserve(&ledger, charge(100), 400) == LEDGER_OK);
}

static pid_t hold_in_child(uint64_t bytes) {
  int ready[2];
  char byte;
  CLAIM(pipe(ready) == 0);
  pid_t child = fork();
  if (child == 0) {
    struct ledger ledger = a_ledger();
    CLAIM(ledger_reserve(&ledger, charge(bytes), LIMIT) == LEDGER_OK);
    CLAIM(write(ready[1], "r", 1) == 1);
    for (;;) pause();
  }
  CLAIM(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  close(ready[1]);
  return child;
}

/* It lived until now: had one of its claims failed, it would have ended itself. */
static void end_child(pid_t child) {
  int status = 0;
  kill(child, SIGKILL);
  CLAIM(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void the_dead_give_back(void) {
  new_region();
  pid_t child = hold_in_child(LIMIT - 10);
  struct ledger ledger = a_ledger();
  CLAIM(ledger_reserve(&ledger, charge(11), LIMIT) == LEDGER_REFUSED);
  end_child(child);
  CLAIM(ledger_living(region, 2, &LIVENESS) == 0);
  CLAIM(ledger_reserve(&ledger, charge(LIMIT), LIMIT) == LEDGER_OK);
  CLAIM(ledger_used(region, 2) == LIMIT);
}

static void a_zombie_holds_nothing(void) {
  new_region();
  pid_t child = hold_in_child(LIMIT);
  kill(child, SIGKILL);
  siginfo_t info;
  CLAIM(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
  struct ledger ledger = a_ledger();
  CLAIM(ledger_reserve(&ledger, charge(LIMIT), LIMIT) == LEDGER_OK);
  waitpid(child, NULL, 0);
}

/* Killed between the device's word and its own sum: the sum cannot be trusted, everything is counted anew. */
static void a_kill_between_two_steps_is_mended(void) {
  new_region();
  pid_t child = hold_in_child(1000);
  struct ledger ledger = a_ledger();
  CLAIM(ledger_reserve(&ledger, charge(50), LIMIT) == LEDGER_OK);
  region->slots[0].inflight = 1;
  region->devices[2].used_word += 777;
  end_child(child);
  CLAIM(ledger_reap(&ledger) == 1);
  CLAIM(ledger_used(region, 2) == 50);
}

static void a_dead_reaper_is_followed(void) {
  new_region();
  pid_t child = hold_in_child(1000);
  struct ledger ledger = a_ledger();
  end_child(child);
  region->reaper_pid = (uint64_t)child;
  region->slots[0].state = REGION_SLOT_REAPING;
  /* He had subtracted already, but not emptied the slot. */
  region->devices[2].used_word -= 1000;
  CLAIM(ledger_reap(&ledger) == 1);
  CLAIM(ledger_used(region, 2) == 0);
}

static void a_full_table_of_dead_makes_room(void) {
  new_region();
  for (uint32_t i = 0; i < REGION_SLOTS; i++) {
    region->slots[i].pid = 4000000;
    region->slots[i].state = REGION_SLOT_LIVE;
    region->slots[i].used[2][0] = 10;
  }
  region->devices[2].used_word = 10 * REGION_SLOTS;
  struct ledger ledger = a_ledger();
  CLAIM(ledger_used(region, 2) == 0);
  CLAIM(ledger.slot == &region->slots[0] && ledger.slot->generation == 1);
}

static void a_full_table_of_living_refuses(void) {
  new_region();
  for (uint32_t i = 0; i < REGION_SLOTS; i++) region->slots[i].pid = 1;
  struct ledger ledger = {.region = region, .liveness = &LIVENESS};
  CLAIM(!ledger_attach(&ledger, (uint32_t)getpid(), 0));
  CLAIM(ledger_reserve(&ledger, charge(1), LIMIT) == LEDGER_NO_SLOT);
}

#define ROUNDS 20000

static void hammer(struct ledger *ledger, unsigned int seed) {
  uint64_t held[8] = {0};
  for (int i = 0; i < ROUNDS; i++) {
    uint64_t *mine = &held[rand_r(&seed) % 8];
    if (*mine != 0) {
      ledger_refund(ledger, charge(*mine));
      *mine = 0;
      continue;
    }
    uint64_t bytes = 1 + (uint64_t)rand_r(&seed) % (LIMIT / 12);
    if (ledger_reserve(ledger, charge(bytes), LIMIT) == LEDGER_OK) *mine = bytes;
    CLAIM(ledger_used(region, 2) <= LIMIT);
  }
  for (int i = 0; i < 8; i++)
    if (held[i] != 0) ledger_refund(ledger, charge(held[i]));
}

static struct ledger shared;
static void *hammer_thread(void *seed) {
  hammer(&shared, (unsigned int)(uintptr_t)seed);
  return NULL;
}

static void threads_add_up(void) {
  pthread_t threads[4];
  new_region();
  shared = a_ledger();
  for (uintptr_t i = 0; i < 4; i++) CLAIM(pthread_create(&threads[i], NULL, hammer_thread, (void *)(i + 1)) == 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CLAIM(ledger_used(region, 2) == 0 && ledger_slot_bytes(shared.slot, 2) == 0 && shared.slot->inflight == 0);
  CLAIM(region->devices[2].peak_bytes <= LIMIT);
}

static pid_t hammer_child(unsigned int seed) {
  pid_t child = fork();
  if (child != 0) return child;
  struct ledger ledger = a_ledger();
  for (;;) hammer(&ledger, seed);
}

/* Children die at random instants; in the end nothing may be lost and nothing may be left. */
static void kills_at_random_instants_lose_nothing(void) {
  new_region();
  unsigned int seed = 17;
  pid_t children[4];
  for (unsigned int i = 0; i < 4; i++) children[i] = hammer_child(i);
  for (unsigned int round = 0; round < 150; round++) {
    struct timespec pause = {0, 200000 + (long)(rand_r(&seed) % 3000000)};
    nanosleep(&pause, NULL);
    end_child(children[round % 4]);
    CLAIM(ledger_used(region, 2) <= LIMIT);
    children[round % 4] = hammer_child(round);
  }
  for (int i = 0; i < 4; i++) end_child(children[i]);
  struct ledger ledger = a_ledger();
  ledger_reap(&ledger);
  CLAIM(ledger_used(region, 2) == 0);
  CLAIM(region->devices[2].peak_bytes <= LIMIT);
}

int main(void) {
  a_charge_fits_to_the_byte();
  odd_sizes_do_not_wrap();
  a_limit_below_use_stops_growth();
  the_dead_give_back();
  a_zombie_holds_nothing();
  a_kill_between_two_steps_is_mended();
  a_dead_reaper_is_followed();
  a_full_table_of_dead_makes_room();
  a_full_table_of_living_refuses();
  threads_add_up();
  kills_at_random_instants_lose_nothing();
  return 0;
}
