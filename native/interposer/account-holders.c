// SPDX-License-Identifier: Apache-2.0
// Memory with more than one holder: handles and their mappings, buffers of external memory, what is bound to arrays
// and multicast objects, what other processes were given. It is refunded when the last of them has let go.
#include <sched.h>

#include "account.h"

bool account_count(uint64_t key, uint8_t kind, int delta) {
  struct ptrmap_entry entry;
  struct ptrmap *map = account_map();
  if (map == NULL || !ptrmap_count(map, key, kind, delta, &entry)) return false;
  if (entry.refs == 0) account_drop(&entry);
  return true;
}

bool account_let_go(uint64_t key, uint8_t kind, struct ptrmap_entry *entry) {
  struct ptrmap *map = account_map();
  return map != NULL && ptrmap_count(map, key, kind, -1, entry);
}

CUresult account_has_let_go(const struct ptrmap_entry *entry, CUresult result) {
  if (result == CUDA_SUCCESS && entry->refs == 0) account_drop(entry);
  if (result != CUDA_SUCCESS && entry->refs > 0) account_count(entry->key, entry->kind, 1);
  if (result != CUDA_SUCCESS && entry->refs == 0) {
    struct ptrmap_entry again = *entry;
    again.refs = 1;
    account_keep(&again);
  }
  return result;
}

static void drop_binding(const struct ptrmap_entry *binding, void *context) {
  (void)context;
  account_count(binding->bytes, PTRMAP_HANDLE, -1);
}

static void leave_share(const struct ptrmap_entry *entry) {
  struct ptrmap_entry given;
  struct ledger_charge charge = {entry->device, entry->memory_class, entry->bytes};
  const struct share_desk *desk = account_desk();
  if (!account_take(entry->key, entry->kind | PTRMAP_GIVEN, &given)) {
    ledger_refund(desk->ledger, charge);
    return;
  }
  if (given.bytes != 0) share_unname(desk, given.bytes, given.owner);
  share_leave(desk, given.owner, charge);
}

void account_end_share(const struct ptrmap_entry *entry) {
  struct ptrmap_entry given;
  if (!account_take(entry->key, entry->kind | PTRMAP_GIVEN, &given)) return;
  if (given.bytes != 0) share_unname(account_desk(), given.bytes, given.owner);
  share_end(account_desk(), given.owner);
}

static bool is_of_pool(const struct ptrmap_entry *entry) {
  return entry->kind == PTRMAP_POINTER && entry->memory_class == REGION_CLASS_ASYNC;
}

void account_drop_special(const struct ptrmap_entry *entry) {
  struct ptrmap_entry plain = *entry;
  if ((entry->flags & PTRMAP_BOUND) != 0 && account_map() != NULL)
    ptrmap_sweep(account_map(), entry->key, PTRMAP_BINDING, drop_binding, NULL);
  if ((entry->flags & PTRMAP_PART) != 0) {
    account_count(entry->bytes, entry->memory_class, -1);
  } else if ((entry->flags & PTRMAP_HOLDS) != 0) {
    share_drop(account_desk(), entry->bytes);
  } else if ((entry->flags & PTRMAP_SHARED) != 0 && !is_of_pool(entry)) {
    leave_share(entry);
  } else {
    if ((entry->flags & PTRMAP_SHARED) != 0) account_end_share(entry);
    plain.flags = 0;
    account_drop(&plain);
  }
}

/* ---- giving ---- */

static bool give_once(struct ptrmap *map, const struct ptrmap_entry *entry, uint64_t word, share_id *id) {
  const struct share_desk *desk = account_desk();
  struct ptrmap_entry given = {.key = entry->key, .bytes = word, .refs = 1, .kind = entry->kind | PTRMAP_GIVEN};
  if (ptrmap_get(map, entry->key, given.kind, &given)) {
    *id = given.owner;
    return true;
  }
  if (!share_give(desk, entry->device, entry->bytes, id)) return false;
  given.owner = *id;
  if (!ptrmap_put(map, &given)) return false;
  if (word != 0) share_name(desk, word, *id);
  return ptrmap_mark(map, entry->key, entry->kind, PTRMAP_SHARED, NULL);
}

/* Two threads that give the same must come to the same share. */
bool account_give(uint64_t key, uint8_t kind, uint64_t word, share_id *id) {
  static uint32_t lock;
  struct ptrmap_entry entry;
  struct ptrmap *map = account_map();
  if (map == NULL || !ptrmap_get(map, key, kind, &entry)) return false;
  if ((entry.flags & PTRMAP_PART) != 0) return account_give(entry.bytes, entry.memory_class, word, id);
  *id = entry.bytes;
  if ((entry.flags & PTRMAP_HOLDS) != 0) return true;
  while (__atomic_exchange_n(&lock, 1u, __ATOMIC_ACQUIRE) != 0) sched_yield();
  bool is_given = give_once(map, &entry, word, id);
  __atomic_store_n(&lock, 0u, __ATOMIC_RELEASE);
  return is_given;
}
