// SPDX-License-Identifier: Apache-2.0
// The container's account as hooks see it: which device, how much is left, who owns which pointer.
//
//   charge   account_charge_* → the driver's call → account_settle (keeps the pointer, or refunds on failure)
//   free     account_take → the driver's call → account_drop, or account_keep where the call failed
//
// A pointer leaves the map before it is freed: once freed, another thread may get the same address back.
#ifndef KERF_ACCOUNT_H
#define KERF_ACCOUNT_H

#include "cuda-abi.h"
#include "ledger.h"
#include "ptrmap.h"
#include "share.h"

struct account_charge {
  struct ledger_charge ledger;
  uint64_t owner; /* context */
  bool is_free_of_charge;
};

/* May this process use devices at all? NO_DEVICE where its limits or its region cannot be read. */
CUresult account_check(void);
/* Index on the limits page; -1 where the device was not granted. */
int account_index(CUdevice device);
/* Known not to be granted; a device the driver cannot name is its own to refuse. */
bool account_is_stranger(CUdevice device);
/* The slice's size; false where the device was not granted. */
bool account_limit(CUdevice device, uint64_t *limit_bytes);
/* Bytes all living processes of the container hold on the device. */
uint64_t account_used(CUdevice device);

/* The current context and the index on the page of its device; -1 where there is none, or not ours. */
int account_current(CUcontext *context);
/* NULL where the region cannot be used. */
struct region *account_region(void);
/* The same for who only reads, or writes what is not a process's own: takes no place in it. */
struct region *account_look(void);
/* Where growth ends right now: the slice's size, or less while somebody else has borrowed of it. */
bool account_growth(CUdevice device, uint64_t *limit_bytes);
/* The stream's context and its device. */
CUresult account_stream_device(CUstream stream, CUcontext *context, CUdevice *device);

/* Bytes of a device by its index on the page, for who keeps sums himself. try counts no refusal. */
CUresult account_try(const struct ledger_charge *charge);
void account_refuse(const struct ledger_charge *charge);
void account_refund(const struct ledger_charge *charge);
/* What the driver has taken already, whether it fits or not. */
void account_force(const struct ledger_charge *charge);
/* What this process is charged with on the device beside `memory_class`. */
uint64_t account_own_beside(uint32_t index, uint32_t memory_class);

/* OUT_OF_MEMORY where it does not fit, NO_DEVICE where limits cannot be read. */
CUresult account_charge_device(struct account_charge *charge, CUdevice device, uint64_t bytes);
/* The device of the current context. */
CUresult account_charge_current(struct account_charge *charge, uint64_t bytes, uint32_t memory_class);
/* After the driver's call: remembers `key`, or gives the charge back. Returns `result`. */
CUresult account_settle(const struct account_charge *charge, CUresult result, uint64_t key, uint8_t kind);

bool account_take(uint64_t key, uint8_t kind, struct ptrmap_entry *entry);
void account_keep(const struct ptrmap_entry *entry);
void account_drop(const struct ptrmap_entry *entry);
/* Drops it where the driver has freed it, keeps it where it has not. Returns `result`. */
CUresult account_give_back(const struct ptrmap_entry *entry, CUresult result);
/* Whatever else is to be remembered: pools, mappings, references. */
struct ptrmap *account_map(void);
/* For the device of this index on the limits page, with owner and class as they are. */
CUresult account_charge_index(struct account_charge *charge, uint32_t index, uint64_t bytes);
/* What account_drop does where it is not one refund. */
void account_drop_special(const struct ptrmap_entry *entry);
/* One more holder of it (1), or one less (-1), the last of whom drops it. False where it is not known. */
bool account_count(uint64_t key, uint8_t kind, int delta);
/* One holder less before the driver is asked, as a number may come back once it is let go; then what came of it. */
bool account_let_go(uint64_t key, uint8_t kind, struct ptrmap_entry *entry);
CUresult account_has_let_go(const struct ptrmap_entry *entry, CUresult result);
/* Other processes get it: under which share. `word` names it to them where it is not 0. */
bool account_give(uint64_t key, uint8_t kind, uint64_t word, share_id *id);
/* Given memory that goes back to its pool: nobody new may take it. */
void account_end_share(const struct ptrmap_entry *entry);
/* For shares: who gives and holds them, and what tells this container's from others. */
const struct share_desk *account_desk(void);
uint32_t account_family(void);
/* The context is gone and its memory with it. */
void account_drop_context(CUcontext context);
/* The same for one about to be destroyed: as soon as the driver has, another thread may make one of that address, and
 * what it allocates must not be taken for the old one's. Leave first; then drop, or come back where it failed. */
uint64_t account_leave_context(CUcontext context);
void account_drop_left(uint64_t left);
void account_come_back(uint64_t left, CUcontext context);
/* Rounds as the driver's allocator does; a size that cannot be real stays as it is and is refused. */
uint64_t account_round(uint64_t bytes);

#endif
