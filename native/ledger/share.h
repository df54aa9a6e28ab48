// SPDX-License-Identifier: Apache-2.0
// Memory that one process gives to others and that lives on until the last of them lets go of it, in whatever order
// they go and however they die. It is charged once: to its giver, and where he went first, to what he left behind.
//
// Who gives and who holds is told by shared locks on bytes far beyond the end of a file, which the kernel drops at
// death. A share is a number: whose slot, which device, a serial. Its lock is as long as it has units of 512 bytes.
//
//   give   lock GIVEN(id)              take   lock HELD(id), then look: is it still given? If not, it is a stranger's
//   leave  unlock GIVEN(id), then look: does anybody hold it? If so its bytes move to the slot's class OTHER, else refund
//   reap   what of class OTHER nobody holds any more is given back; a dead giver's slot stays while others hold
#ifndef KERF_SHARE_H
#define KERF_SHARE_H

#include "ledger.h"
#include "ptrmap.h"

/* 0 is no share. */
typedef uint64_t share_id;

struct share_desk {
  struct ledger *ledger;
  struct ptrmap *map; /* remembers what this process holds: PTRMAP_HELD, by id */
  int fd;             /* open for the life of the process; its locks are ours */
  /* The same file once more, for questions: nobody sees locks of his own description. Closed after. */
  int (*open_again)(void);
};

/* False where locks cannot be had: then nobody will know of it, and whoever imports it counts as a stranger. */
bool share_give(const struct share_desk *desk, uint32_t device, uint64_t bytes, share_id *id);
/* The giver has let go: refunds, or leaves it charged while others hold it. */
void share_leave(const struct share_desk *desk, share_id id, struct ledger_charge charge);
/* False where it is not given any more. Counts: every hold needs its drop. */
bool share_hold(const struct share_desk *desk, share_id id);
void share_drop(const struct share_desk *desk, share_id id);
/* The same of memory that goes back to where it is charged (a pool): nobody may take it from now on, and while somebody
 * still holds it, it outlives the giver as what he did not let go of. */
void share_end(const struct share_desk *desk, share_id id);
uint64_t share_bytes(const struct share_desk *desk, share_id id);
/* For struct ledger_liveness: bytes others hold that this slot's owner gave, and has left (a dead one has left all). */
uint64_t share_left(const struct share_desk *desk, uint32_t slot, uint32_t device, bool is_dead);

/* A mark on an open file that travels with it to other processes: which share of which family of processes it is. */
bool share_mark(int fd, uint32_t family, share_id id);
share_id share_read_mark(int fd, uint32_t family);
/* The same for what is no file: a word both sides know (a hash). Goes with the giver. */
void share_name(const struct share_desk *desk, uint64_t word, share_id id);
void share_unname(const struct share_desk *desk, uint64_t word, share_id id);
share_id share_find(const struct share_desk *desk, uint64_t word);

#endif
