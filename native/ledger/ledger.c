// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "ledger.h"

#include <sched.h>
#include <string.h>

/* A recount of 256 slots takes microseconds; between busy neighbours it needs several goes. */
#define RECOUNT_TRIES 2000u
/* Somebody else is reaping: worth a short wait, because what he frees may be what we lack. */
#define REAPER_TRIES 200u

/* A program that asks for the moon again and again must not make a figure that readers cannot hold (2^53). */
#define REFUSED_MOST 0x000fffffffffffffull

static uint64_t load(const uint64_t *at) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); }
static void add(uint64_t *at, uint64_t value) { __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST); }

static bool swap(uint64_t *at, uint64_t *expected, uint64_t next) {
  return __atomic_compare_exchange_n(at, expected, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void add_up_to(uint64_t *at, uint64_t value, uint64_t most) {
  uint64_t before = load(at);
  while (before < most && !swap(at, &before, value < most - before ? before + value : most)) {
  }
}

/* The word after `word` with other bytes: the change counter wraps in the top 16 bits. */
static uint64_t next_word(uint64_t word, uint64_t bytes) {
  return ((word & ~REGION_USED_MASK) + REGION_TAG_ONE) | (bytes & REGION_USED_MASK);
}

bool ledger_is_region(const struct region *region) {
  return region->magic == REGION_MAGIC && region->version >= REGION_VERSION_OLDEST && region->version <= REGION_VERSION &&
         region->size_bytes == REGION_BYTES && region->slot_count == REGION_SLOTS &&
         region->device_count == KERF_DEVICES_MAX && region->class_count == REGION_CLASSES;
}

void ledger_format(struct region *region) {
  region->version = REGION_VERSION;
  region->size_bytes = REGION_BYTES;
  region->slot_count = REGION_SLOTS;
  region->device_count = KERF_DEVICES_MAX;
  region->class_count = REGION_CLASSES;
  __atomic_store_n(&region->magic, REGION_MAGIC, __ATOMIC_RELEASE);
}

uint64_t ledger_used(const struct region *region, uint32_t device) {
  return load(&region->devices[device].used_word) & REGION_USED_MASK;
}

uint64_t ledger_slot_bytes(const struct region_slot *slot, uint32_t device) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < REGION_CLASSES; i++) bytes += load(&slot->used[device][i]);
  return bytes;
}

static bool slot_is_taken(const struct region_slot *slot) {
  return __atomic_load_n(&slot->pid, __ATOMIC_SEQ_CST) != 0;
}

/* What others hold of a slot's memory though its owner is gone. */
static uint64_t left_of(const struct ledger_liveness *liveness, uint32_t index, const struct region_slot *slot,
                        uint32_t device, bool is_dead) {
  if (liveness->left == NULL || load(&slot->shares) == 0) return 0;
  return liveness->left(liveness->context, index, device, is_dead);
}

uint64_t ledger_living(const struct region *region, uint32_t device, const struct ledger_liveness *liveness) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < REGION_SLOTS; i++) {
    const struct region_slot *slot = &region->slots[i];
    if (!slot_is_taken(slot) || slot->state == REGION_SLOT_REAPING) continue;
    uint64_t own = ledger_slot_bytes(slot, device);
    if (own == 0) continue;
    bool is_dead = liveness->is_dead(liveness->context, i, slot);
    bytes += is_dead ? left_of(liveness, i, slot, device, true) : own;
  }
  return bytes;
}

/* ---- reserve and refund ---- */

static void raise_peak(struct region_device *device, uint64_t bytes) {
  uint64_t peak = load(&device->peak_bytes);
  while (bytes > peak && !swap(&device->peak_bytes, &peak, bytes)) {
  }
}

static bool reserve_once(struct ledger *ledger, const struct ledger_charge *charge, uint64_t limit_bytes) {
  struct region_device *device = &ledger->region->devices[charge->device];
  add(&ledger->slot->inflight, 1);
  uint64_t word = load(&device->used_word);
  uint64_t used;
  do {
    used = word & REGION_USED_MASK;
    if (used > limit_bytes || charge->bytes > limit_bytes - used) {
      add(&ledger->slot->inflight, (uint64_t)-1);
      return false;
    }
  } while (!swap(&device->used_word, &word, next_word(word, used + charge->bytes)));
  add(&ledger->slot->used[charge->device][charge->memory_class], charge->bytes);
  add(&ledger->slot->inflight, (uint64_t)-1);
  raise_peak(device, used + charge->bytes);
  return true;
}

enum ledger_answer ledger_try(struct ledger *ledger, struct ledger_charge charge, uint64_t limit_bytes) {
  if (ledger->slot == NULL) return LEDGER_NO_SLOT;
  if (charge.bytes > REGION_USED_MASK) return LEDGER_REFUSED;
  if (reserve_once(ledger, &charge, limit_bytes)) return LEDGER_OK;
  if (charge.bytes > limit_bytes) return LEDGER_REFUSED;
  ledger_reap(ledger);
  return reserve_once(ledger, &charge, limit_bytes) ? LEDGER_OK : LEDGER_REFUSED;
}

void ledger_count_refusal(struct ledger *ledger, struct ledger_charge charge) {
  struct region_device *device = &ledger->region->devices[charge.device];
  add(&device->refusals, 1);
  if (charge.bytes <= REGION_USED_MASK) add_up_to(&device->refused_bytes, charge.bytes, REFUSED_MOST);
}

enum ledger_answer ledger_reserve(struct ledger *ledger, struct ledger_charge charge, uint64_t limit_bytes) {
  enum ledger_answer answer = ledger_try(ledger, charge, limit_bytes);
  if (answer == LEDGER_REFUSED) ledger_count_refusal(ledger, charge);
  return answer;
}

/* Saturates: a scribbled counter must not wrap into a huge one. */
static void subtract_word(struct region_device *device, uint64_t bytes) {
  uint64_t word = load(&device->used_word);
  uint64_t rest;
  do {
    uint64_t used = word & REGION_USED_MASK;
    rest = used > bytes ? used - bytes : 0;
  } while (!swap(&device->used_word, &word, next_word(word, rest)));
}

static void subtract(uint64_t *at, uint64_t bytes) {
  uint64_t value = load(at);
  while (!swap(at, &value, value > bytes ? value - bytes : 0)) {
  }
}

void ledger_refund(struct ledger *ledger, struct ledger_charge charge) {
  if (ledger->slot == NULL) return;
  add(&ledger->slot->inflight, 1);
  subtract_word(&ledger->region->devices[charge.device], charge.bytes);
  subtract(&ledger->slot->used[charge.device][charge.memory_class], charge.bytes);
  add(&ledger->slot->inflight, (uint64_t)-1);
}

void ledger_move(struct ledger *ledger, struct ledger_charge charge, uint32_t memory_class) {
  if (ledger->slot == NULL) return;
  add(&ledger->slot->inflight, 1);
  add(&ledger->slot->used[charge.device][memory_class], charge.bytes);
  subtract(&ledger->slot->used[charge.device][charge.memory_class], charge.bytes);
  add(&ledger->slot->inflight, (uint64_t)-1);
}

/* ---- giving back what the dead held ---- */

static void free_slot(struct region_slot *slot) {
  memset(slot->used, 0, sizeof(slot->used));
  slot->inflight = 0;
  slot->shares = 0;
  slot->start_ticks = 0;
  slot->pid_namespace = 0;
  __atomic_store_n(&slot->state, REGION_SLOT_FREE, __ATOMIC_SEQ_CST);
  __atomic_store_n(&slot->pid, 0u, __ATOMIC_SEQ_CST);
}

/* All a dead owner held but what others still hold; false where that is nothing. */
static bool subtract_slot(struct ledger *ledger, uint32_t index) {
  struct region_slot *slot = &ledger->region->slots[index];
  bool is_held = false;
  for (uint32_t device = 0; device < KERF_DEVICES_MAX; device++) {
    uint64_t bytes = ledger_slot_bytes(slot, device);
    uint64_t left = bytes == 0 ? 0 : left_of(ledger->liveness, index, slot, device, true);
    if (bytes > left) subtract_word(&ledger->region->devices[device], bytes - left);
    if (left == 0) continue;
    is_held = true;
    memset(slot->used[device], 0, sizeof(slot->used[device]));
    slot->used[device][REGION_CLASS_OTHER] = left < bytes ? left : bytes;
  }
  return is_held;
}

static void subtract_other(struct ledger *ledger, uint32_t index, uint32_t device, uint64_t bytes) {
  add(&ledger->slot->inflight, 1);
  subtract_word(&ledger->region->devices[device], bytes);
  subtract(&ledger->region->slots[index].used[device][REGION_CLASS_OTHER], bytes);
  add(&ledger->slot->inflight, (uint64_t)-1);
}

bool ledger_hold_reapers(struct ledger *ledger) {
  return ledger->slot != NULL && ledger->liveness->try_lock(ledger->liveness->context, ledger->region);
}

void ledger_let_reapers(struct ledger *ledger) { ledger->liveness->unlock(ledger->liveness->context, ledger->region); }

/* The sums of a slot that a reaper died on count for nobody: the next one sets them right. */
void ledger_take_back(struct ledger *ledger, uint32_t index, struct ledger_charge charge) {
  struct region_slot *slot = &ledger->region->slots[index];
  uint64_t left = load(&slot->used[charge.device][REGION_CLASS_OTHER]);
  if (slot->state != REGION_SLOT_REAPING)
    subtract_other(ledger, index, charge.device, left < charge.bytes ? left : charge.bytes);
}

/* What a living owner left to others and they have let go of. His share is read first: it may only grow meanwhile. */
static void subtract_left_on(struct ledger *ledger, uint32_t index, uint32_t device) {
  struct region_slot *slot = &ledger->region->slots[index];
  uint64_t before = load(&slot->used[device][REGION_CLASS_OTHER]);
  uint64_t left = before == 0 ? 0 : left_of(ledger->liveness, index, slot, device, false);
  if (before > left) subtract_other(ledger, index, device, before - left);
}

static void subtract_left(struct ledger *ledger, uint32_t index) {
  for (uint32_t device = 0; device < KERF_DEVICES_MAX; device++) subtract_left_on(ledger, index, device);
}

void ledger_recount_left(struct ledger *ledger, uint32_t device) {
  if (!ledger_hold_reapers(ledger)) return;
  subtract_left_on(ledger, (uint32_t)(ledger->slot - ledger->region->slots), device);
  ledger_let_reapers(ledger);
}

/* Σ used[] of slots that nobody is reaping; false while somebody is in flight. */
static bool count_living(const struct region *region, uint32_t device, uint64_t *bytes) {
  *bytes = 0;
  for (uint32_t i = 0; i < REGION_SLOTS; i++) {
    const struct region_slot *slot = &region->slots[i];
    if (!slot_is_taken(slot) || __atomic_load_n(&slot->state, __ATOMIC_SEQ_CST) == REGION_SLOT_REAPING) continue;
    if (load(&slot->inflight) != 0) return false;
    *bytes += ledger_slot_bytes(slot, device);
  }
  return true;
}

static bool recount(struct region *region, uint32_t device) {
  uint64_t *word = &region->devices[device].used_word;
  for (uint32_t i = 0; i < RECOUNT_TRIES; i++) {
    uint64_t before = load(word);
    uint64_t bytes;
    if (count_living(region, device, &bytes) && swap(word, &before, next_word(before, bytes))) return true;
  }
  return false;
}

/* A slot whose sums are of no use but of which others hold something: that is all it has from now on. */
static bool keep_left(struct ledger *ledger, uint32_t index) {
  struct region_slot *slot = &ledger->region->slots[index];
  bool is_held = false;
  for (uint32_t device = 0; device < KERF_DEVICES_MAX; device++) {
    uint64_t left = left_of(ledger->liveness, index, slot, device, true);
    memset(slot->used[device], 0, sizeof(slot->used[device]));
    slot->used[device][REGION_CLASS_OTHER] = left;
    if (left != 0) add(&ledger->region->devices[device].used_word, REGION_TAG_ONE + left);
    is_held = is_held || left != 0;
  }
  return is_held;
}

/* Slots whose sums cannot be trusted stay marked until every device was recounted without them. */
static uint32_t recount_marked(struct ledger *ledger) {
  struct region *region = ledger->region;
  for (uint32_t device = 0; device < KERF_DEVICES_MAX; device++)
    if (!recount(region, device)) return 0;
  uint32_t freed = 0;
  for (uint32_t i = 0; i < REGION_SLOTS; i++) {
    struct region_slot *slot = &region->slots[i];
    if (!slot_is_taken(slot) || slot->state != REGION_SLOT_REAPING) continue;
    bool is_held = load(&slot->shares) != 0 && keep_left(ledger, i);
    slot->inflight = 0;
    if (is_held) __atomic_store_n(&slot->state, REGION_SLOT_LIVE, __ATOMIC_SEQ_CST);
    else free_slot(slot);
    freed++;
  }
  return freed;
}

enum reaped { NOTHING, FREED, MARKED };

/* A slot found marked belongs to a reaper that died on it. */
static enum reaped reap_slot(struct ledger *ledger, uint32_t index) {
  const struct ledger_liveness *liveness = ledger->liveness;
  struct region_slot *slot = &ledger->region->slots[index];
  bool was_marked = slot->state == REGION_SLOT_REAPING;
  if (slot == ledger->slot || (!was_marked && !liveness->is_dead(liveness->context, index, slot))) {
    if (load(&slot->shares) != 0 && ledger->slot != NULL) subtract_left(ledger, index);
    return NOTHING;
  }
  __atomic_store_n(&slot->state, REGION_SLOT_REAPING, __ATOMIC_SEQ_CST);
  if (was_marked || load(&slot->inflight) != 0) return MARKED;
  if (subtract_slot(ledger, index)) {
    __atomic_store_n(&slot->state, REGION_SLOT_LIVE, __ATOMIC_SEQ_CST);
    return NOTHING;
  }
  free_slot(slot);
  return FREED;
}

/* Under the reaper's lock. */
static uint32_t reap_all(struct ledger *ledger) {
  uint32_t freed = 0;
  bool has_marked = false;
  for (uint32_t i = 0; i < REGION_SLOTS; i++) {
    if (!slot_is_taken(&ledger->region->slots[i])) continue;
    enum reaped reaped = reap_slot(ledger, i);
    freed += reaped == FREED;
    has_marked = has_marked || reaped == MARKED;
  }
  return has_marked ? freed + recount_marked(ledger) : freed;
}

uint32_t ledger_reap(struct ledger *ledger) {
  const struct ledger_liveness *liveness = ledger->liveness;
  uint32_t tries = 0;
  while (!liveness->try_lock(liveness->context, ledger->region)) {
    if (++tries == REAPER_TRIES) return 0;
    sched_yield();
  }
  uint32_t freed = reap_all(ledger);
  liveness->unlock(liveness->context, ledger->region);
  return freed;
}

/* ---- taking a slot ---- */

static bool claim(struct ledger *ledger, uint32_t index, uint32_t pid) {
  const struct ledger_liveness *liveness = ledger->liveness;
  struct region_slot *slot = &ledger->region->slots[index];
  if (slot_is_taken(slot)) return false;
  if (liveness->hold != NULL && !liveness->hold(liveness->context, index)) return false;
  uint32_t nobody = 0;
  if (__atomic_compare_exchange_n(&slot->pid, &nobody, pid, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return true;
  if (liveness->drop != NULL) liveness->drop(liveness->context, index);
  return false;
}

static bool claim_any(struct ledger *ledger, uint32_t pid, uint64_t start_ticks) {
  for (uint32_t i = 0; i < REGION_SLOTS; i++) {
    if (!claim(ledger, i, pid)) continue;
    struct region_slot *slot = &ledger->region->slots[i];
    slot->start_ticks = start_ticks;
    add(&slot->generation, 1);
    __atomic_store_n(&slot->state, REGION_SLOT_LIVE, __ATOMIC_SEQ_CST);
    add(&ledger->region->attached, 1);
    ledger->slot = slot;
    return true;
  }
  return false;
}

bool ledger_attach(struct ledger *ledger, uint32_t pid, uint64_t start_ticks) {
  ledger->slot = NULL;
  ledger_reap(ledger);
  return claim_any(ledger, pid, start_ticks);
}
