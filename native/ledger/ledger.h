// SPDX-License-Identifier: Apache-2.0
// Reserve and refund in a region shared by processes that may be killed at any instruction.
//
//   reserve   inflight+1 → device word += bytes (compare-and-swap, never above the limit) → used[] += bytes → inflight-1
//   refund    inflight+1 → device word -= bytes → used[] -= bytes → inflight-1
//   reap      a dead owner with inflight 0: its used[] is exact, subtract it; else recount: word = Σ used[] of
//             the living, accepted only if no word changed and nobody was in flight while we counted
//
// No lock is held by a charge. A kill between two steps can only leave too much charged, never too little,
// and the next recount mends it. The fake driver keeps its machine-wide state by the same rules; the two
// differ in how they tell that an owner is dead (struct ledger_liveness).
#ifndef KERF_LEDGER_H
#define KERF_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "region.h"

struct ledger_liveness {
  void *context;
  /* Called on a taken slot: has its owner gone for good? */
  bool (*is_dead)(void *context, uint32_t index, const struct region_slot *slot);
  /* Take and drop whatever makes an owner visible as living; hold comes before the slot is claimed. */
  bool (*hold)(void *context, uint32_t index);
  void (*drop)(void *context, uint32_t index);
  /* One reaper at a time; a dead reaper's lock must be taken over. */
  bool (*try_lock)(void *context, struct region *region);
  void (*unlock)(void *context, struct region *region);
  /* Bytes of what the slot's owner gave to others and left, that they still hold (share.h). May be NULL. */
  uint64_t (*left)(void *context, uint32_t index, uint32_t device, bool is_dead);
};

struct ledger {
  struct region *region;
  struct region_slot *slot; /* NULL until ledger_attach */
  const struct ledger_liveness *liveness;
};

struct ledger_charge {
  uint32_t device; /* below KERF_DEVICES_MAX */
  uint32_t memory_class;
  uint64_t bytes;
};

enum ledger_answer { LEDGER_OK, LEDGER_REFUSED, LEDGER_NO_SLOT };

bool ledger_is_region(const struct region *region);
/* Makes an empty region of zeroed bytes. */
void ledger_format(struct region *region);
/* Takes a slot for this process; gives dead processes' shares back on the way. */
bool ledger_attach(struct ledger *ledger, uint32_t pid, uint64_t start_ticks);
/* Reserves, reaping and trying again where the limit is hit. Counts a final refusal. */
enum ledger_answer ledger_reserve(struct ledger *ledger, struct ledger_charge charge, uint64_t limit_bytes);
/* The same without counting: for whoever has another way to try. */
enum ledger_answer ledger_try(struct ledger *ledger, struct ledger_charge charge, uint64_t limit_bytes);
void ledger_count_refusal(struct ledger *ledger, struct ledger_charge charge);
void ledger_refund(struct ledger *ledger, struct ledger_charge charge);
/* To another class of the same slot. */
void ledger_move(struct ledger *ledger, struct ledger_charge charge, uint32_t memory_class);
/* No reaper counts what is left to others between these two; false where one is at it. */
bool ledger_hold_reapers(struct ledger *ledger);
void ledger_let_reapers(struct ledger *ledger);
/* Between them: the last to hold so many bytes of what the slot's owner left has let go. What is not given back so, the
 * next reaper gives back. */
void ledger_take_back(struct ledger *ledger, uint32_t index, struct ledger_charge charge);
/* Of what this process itself left: what nobody holds is given back, unless somebody is reaping. */
void ledger_recount_left(struct ledger *ledger, uint32_t device);
/* Bytes charged on the device by everybody. */
uint64_t ledger_used(const struct region *region, uint32_t device);
/* Bytes of living processes only; reads, changes nothing. */
uint64_t ledger_living(const struct region *region, uint32_t device, const struct ledger_liveness *liveness);
uint64_t ledger_slot_bytes(const struct region_slot *slot, uint32_t device);
/* Gives dead processes' shares back; the number of slots freed. */
uint32_t ledger_reap(struct ledger *ledger);
/* Liveness by pid and start time, for processes of one pid namespace. start_ticks is 0 where unknown. */
uint64_t ledger_start_ticks(uint32_t pid);
bool ledger_pid_is_dead(uint32_t pid, uint64_t start_ticks);
/* Inode of this process's pid namespace; 0 where it cannot be told. */
uint64_t ledger_pid_namespace(void);
/* Owners of other pid namespaces (a container's former life, a sandbox in it) are told by locks beyond the end of
 * the region's file, one a slot and one for the reaper, which the kernel drops at death. It is no more than that: a
 * program that closes all its descriptors drops them too, so within a namespace the pid decides. A lock is the open
 * file description's: who inherited the descriptor by fork must open his own before he asks or locks. */
#define LEDGER_REAPER_LOCK REGION_SLOTS
enum ledger_lock { LEDGER_LOCKED, LEDGER_HELD_BY_OTHERS, LEDGER_CANNOT_LOCK };

enum ledger_lock ledger_lock(int region_fd, uint32_t index);
void ledger_unlock(int region_fd, uint32_t index);
bool ledger_slot_is_locked(int region_fd, uint32_t index);

#endif
