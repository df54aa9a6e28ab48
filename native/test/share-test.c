// SPDX-License-Identifier: Apache-2.0
// Shares between parties that let go and die in any order: the books hold what somebody still holds, to the byte.
#define _GNU_SOURCE
#include "share.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

#define DEVICE 3u
#define LIMIT 1000000000ull
#define PARTIES 5u

struct party {
  struct ledger ledger;
  struct ptrmap map;
  struct share_desk desk;
};

static struct region *region;
static struct party parties[PARTIES];
static bool is_gone[REGION_SLOTS];
static char path[] = "/tmp/kerf-share-XXXXXX";

static bool is_dead(void *context, uint32_t index, const struct region_slot *slot) {
  (void)context, (void)slot;
  return is_gone[index];
}

static bool is_busy; /* somebody is reaping */

static bool try_lock(void *context, struct region *of) {
  (void)context, (void)of;
  bool is_free = !is_busy;
  is_busy = true;
  return is_free;
}

static void unlock(void *context, struct region *of) {
  (void)context, (void)of;
  is_busy = false;
}
/* What another does just before somebody looks at the file; or just before he looks for the second time. */
static void (*meanwhile)(void);
static void (*second_look)(void);

static int open_again(void) {
  void (*act)(void) = meanwhile;
  meanwhile = second_look;
  second_look = NULL;
  if (act != NULL) act();
  return open(path, O_RDONLY | O_CLOEXEC);
}

static uint64_t left(void *context, uint32_t index, uint32_t device, bool is_dead_owner) {
  struct share_desk desk = {.open_again = open_again};
  (void)context;
  return share_left(&desk, index, device, is_dead_owner);
}

static const struct ledger_liveness LIVENESS = {.is_dead = is_dead, .try_lock = try_lock, .unlock = unlock, .left = left};

static void join(struct party *party) {
  memset(party, 0, sizeof(*party));
  party->ledger = (struct ledger){.region = region, .liveness = &LIVENESS};
  CLAIM(ledger_attach(&party->ledger, 1000, 1));
  is_gone[party->ledger.slot - region->slots] = false;
  party->desk = (struct share_desk){&party->ledger, &party->map, open_again(), open_again};
}

/* As the kernel does at death: locks go with the description. */
static void die(struct party *party) {
  is_gone[party->ledger.slot - region->slots] = true;
  close(party->desk.fd);
}

static void start(void) {
  for (uint32_t i = 0; i < REGION_SLOTS; i++) is_gone[i] = false;
  for (uint32_t i = 0; i < PARTIES; i++)
    if (parties[i].desk.fd > 0) close(parties[i].desk.fd);
  if (region != NULL) munmap(region, sizeof(*region));
  region = mmap(NULL, sizeof(*region), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ledger_format(region);
  for (uint32_t i = 0; i < PARTIES; i++) join(&parties[i]);
}

static struct ledger_charge charge(uint64_t bytes) {
  return (struct ledger_charge){DEVICE, REGION_CLASS_VMM, bytes};
}

static uint64_t used(void) { return ledger_used(region, DEVICE); }

/* As somebody sees it who changes nothing, and as it stands once the dead are reaped. */
static bool holds(uint64_t bytes) {
  bool is_seen = ledger_living(region, DEVICE, &LIVENESS) == bytes;
  ledger_reap(&parties[PARTIES - 1].ledger);
  return is_seen && used() == bytes && ledger_living(region, DEVICE, &LIVENESS) == bytes;
}

static share_id give(struct party *party, uint64_t bytes) {
  share_id id = 0;
  CLAIM(ledger_reserve(&party->ledger, charge(bytes), LIMIT) == LEDGER_OK);
  CLAIM(share_give(&party->desk, DEVICE, bytes, &id) && id != 0);
  return id;
}

static void who_is_last_gives_it_back(void) {
  start();
  share_id id = give(&parties[0], 5120);
  CLAIM(share_hold(&parties[1].desk, id) && share_hold(&parties[1].desk, id) && share_hold(&parties[2].desk, id));
  CLAIM(holds(5120));
  share_leave(&parties[0].desk, id, charge(5120));
  CLAIM(holds(5120) && parties[0].ledger.slot->used[DEVICE][REGION_CLASS_OTHER] == 5120);
  share_drop(&parties[1].desk, id);
  share_drop(&parties[2].desk, id);
  CLAIM(holds(5120));
  share_drop(&parties[1].desk, id);
  CLAIM(used() == 0 && holds(0));
}

static void a_giver_without_takers_refunds_at_once(void) {
  start();
  share_id id = give(&parties[0], 1024);
  CLAIM(share_hold(&parties[1].desk, id));
  share_drop(&parties[1].desk, id);
  CLAIM(used() == 1024);
  share_leave(&parties[0].desk, id, charge(1024));
  CLAIM(used() == 0);
  CLAIM(!share_hold(&parties[1].desk, id) && holds(0));
}

/* Only what others hold of it outlives him, and only as long as they do. */
static void a_dead_givers_memory_lives_with_its_takers(void) {
  start();
  share_id a = give(&parties[0], 2048), b = give(&parties[0], 4096);
  give(&parties[0], 8192);
  CLAIM(ledger_reserve(&parties[0].ledger, charge(16384), LIMIT) == LEDGER_OK);
  CLAIM(share_hold(&parties[1].desk, a) && share_hold(&parties[2].desk, a) && share_hold(&parties[2].desk, b));
  die(&parties[0]);
  CLAIM(holds(2048 + 4096));
  CLAIM(!share_hold(&parties[3].desk, a));
  die(&parties[2]);
  CLAIM(holds(2048));
  share_drop(&parties[1].desk, a);
  CLAIM(holds(0));
}

/* His sums are of no use then, but what others hold is told by their locks. */
static void a_giver_killed_within_a_charge_leaves_it_too(void) {
  start();
  share_id id = give(&parties[0], 4096);
  CLAIM(ledger_reserve(&parties[0].ledger, charge(512), LIMIT) == LEDGER_OK);
  CLAIM(ledger_reserve(&parties[3].ledger, charge(1024), LIMIT) == LEDGER_OK);
  CLAIM(share_hold(&parties[1].desk, id));
  parties[0].ledger.slot->inflight = 1;
  die(&parties[0]);
  ledger_reap(&parties[1].ledger);
  CLAIM(used() == 4096 + 1024 && holds(4096 + 1024));
  share_drop(&parties[1].desk, id);
  CLAIM(holds(1024));
}

static share_id left_last;

static void reap(void) { ledger_reap(&parties[3].ledger); }

static void drop_the_last(void) {
  is_busy = true;
  share_drop(&parties[1].desk, left_last);
  is_busy = false;
}

/* Else what the giver left besides would be lost from the books, and could be had once more. */
static void a_reaper_between_letting_go_and_giving_back_gives_back_once(void) {
  start();
  share_id a = give(&parties[0], 1024), b = give(&parties[0], 4096);
  CLAIM(share_hold(&parties[1].desk, a) && share_hold(&parties[1].desk, b));
  share_leave(&parties[0].desk, a, charge(1024));
  share_leave(&parties[0].desk, b, charge(4096));
  meanwhile = reap;
  share_drop(&parties[1].desk, a);
  CLAIM(meanwhile == NULL && used() == 4096 && holds(4096));
  share_drop(&parties[1].desk, b);
  CLAIM(holds(0));
}

/* He looks whether it is held, and it is; until he has moved it, nobody can give it back for him. */
static void who_lets_go_while_the_giver_leaves_leaves_nothing(void) {
  start();
  left_last = give(&parties[0], 2048);
  CLAIM(share_hold(&parties[1].desk, left_last));
  second_look = drop_the_last;
  share_leave(&parties[0].desk, left_last, charge(2048));
  CLAIM(second_look == NULL && used() == 0 && holds(0));
}

/* What two left is told apart. */
static void each_giver_has_his_own(void) {
  start();
  share_id a = give(&parties[0], 1024), b = give(&parties[1], 2048);
  CLAIM(share_hold(&parties[2].desk, a) && share_hold(&parties[2].desk, b));
  share_leave(&parties[0].desk, a, charge(1024));
  die(&parties[1]);
  CLAIM(holds(3072));
  share_drop(&parties[2].desk, a);
  CLAIM(holds(2048));
  die(&parties[2]);
  CLAIM(holds(0));
}

static void a_mark_is_read_by_its_family_only(void) {
  int fd = memfd_create("marked", MFD_CLOEXEC);
  int other = memfd_create("blank", MFD_CLOEXEC);
  CLAIM(share_mark(fd, 12345, 678));
  CLAIM(share_read_mark(dup(fd), 12345) == 678);
  CLAIM(share_read_mark(fd, 12346) == 0 && share_read_mark(other, 12345) == 0 && share_read_mark(-1, 12345) == 0);
}

static void a_name_is_found_while_it_is_given(void) {
  start();
  share_id id = give(&parties[0], 512);
  share_name(&parties[0].desk, 99, id);
  CLAIM(share_find(&parties[1].desk, 99) == id && share_find(&parties[1].desk, 98) == 0);
  share_unname(&parties[0].desk, 99, id);
  CLAIM(share_find(&parties[1].desk, 99) == 0);
  share_name(&parties[0].desk, 99, id);
  die(&parties[0]);
  CLAIM(share_find(&parties[1].desk, 99) == 0);
}

int main(void) {
  int fd = mkstemp(path);
  CLAIM(fd >= 0);
  who_is_last_gives_it_back();
  a_giver_without_takers_refunds_at_once();
  a_dead_givers_memory_lives_with_its_takers();
  a_giver_killed_within_a_charge_leaves_it_too();
  a_reaper_between_letting_go_and_giving_back_gives_back_once();
  who_lets_go_while_the_giver_leaves_leaves_nothing();
  each_giver_has_his_own();
  a_mark_is_read_by_its_family_only();
  a_name_is_found_while_it_is_given();
  unlink(path);
  return 0;
}
