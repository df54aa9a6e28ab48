// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "overhead.h"

#include "account.h"
#include "hooks.h"

#define READS 8u

static uint64_t *learned_of(uint32_t index) {
  struct region *region = account_look();
  return region != NULL ? &region->context_bytes[index] : NULL;
}

static uint64_t learned(uint32_t index) {
  const uint64_t *bytes = learned_of(index);
  uint64_t seen = bytes != NULL ? __atomic_load_n(bytes, __ATOMIC_RELAXED) : 0;
  return seen <= REGION_USED_MASK ? seen : 0;
}

/* What others of this process allocate meanwhile must not be taken for the driver's, so both are read in one moment; at
 * the worst too little is told, and corrected by the next call. */
uint64_t overhead_measure(const struct pool *pool) {
  uint64_t least = __atomic_load_n(&pool->live, __ATOMIC_SEQ_CST);
  for (uint32_t i = 0; i < READS; i++) {
    uint64_t held = 0;
    uint64_t known = account_own_beside(pool->index, REGION_CLASS_DRIVER);
    if (!overhead_ask_nvml(pool->device, &held)) break;
    uint64_t now = account_own_beside(pool->index, REGION_CLASS_DRIVER);
    if (now != known && i + 1 < READS) continue;
    uint64_t rest = held > now ? held - now : 0;
    return rest > least ? rest : least;
  }
  return least;
}

/* A process that has nothing to be charged with takes no place in the region. */
static struct pool *pool_if_needed(CUdevice device) {
  uint64_t held = 0;
  struct pool *pool = pool_known_overhead(device);
  int index = account_index(device);
  if (pool != NULL || index < 0 || !overhead_ask_nvml(device, &held)) return pool;
  return held > account_own_beside((uint32_t)index, REGION_CLASSES) ? pool_of_overhead(device) : NULL;
}

static CUresult begin(struct pool_turn *turn, CUdevice device, uint64_t bytes, uint64_t stays) {
  struct pool *pool = bytes > 0 ? pool_of_overhead(device) : pool_known_overhead(device);
  *turn = (struct pool_turn){.pool = pool, .bytes = bytes, .live = stays};
  return pool == NULL ? CUDA_SUCCESS : pool_charge(turn, 0);
}

CUresult overhead_before_context(struct pool_turn *turn, CUdevice device) {
  int index = account_index(device);
  uint64_t bytes = index >= 0 ? learned((uint32_t)index) : 0;
  overhead_look_around(device);
  return begin(turn, device, bytes, bytes);
}

CUresult overhead_before(struct pool_turn *turn, uint64_t bytes, uint64_t stays) {
  CUcontext context;
  CUdevice device;
  *turn = (struct pool_turn){.pool = NULL};
  if (account_stream_device(NULL, &context, &device) != CUDA_SUCCESS) return CUDA_SUCCESS;
  CUresult result = begin(turn, device, bytes, stays);
  return result;
}

/* The container's first context teaches what contexts take, whether it could stay or not. */
static void learn(struct pool_turn *turn) {
  uint64_t *place = learned_of(turn->pool->index);
  uint64_t bytes = __atomic_load_n(&turn->pool->charged, __ATOMIC_SEQ_CST);
  if (place == NULL || bytes == 0 || turn->live != 0) return;
  __atomic_store_n(place, bytes, __ATOMIC_RELAXED);
  turn->live = bytes;
  __atomic_fetch_add(&turn->pool->live, bytes, __ATOMIC_SEQ_CST);
}

static void add_to_context(CUcontext context, const struct pool_turn *turn) {
  struct ptrmap_entry entry = {.key = (uint64_t)(uintptr_t)context,
                               .owner = (uint64_t)(uintptr_t)turn->pool,
                               .refs = 1,
                               .kind = PTRMAP_CONTEXT};
  struct ptrmap *map = account_map();
  if (map == NULL) return;
  ptrmap_take(map, entry.key, PTRMAP_CONTEXT, &entry);
  entry.bytes += turn->live;
  ptrmap_put(map, &entry);
}

CUresult overhead_after_context(struct pool_turn *turn, CUresult result, CUcontext context, CUdevice device) {
  if (turn->pool == NULL && result == CUDA_SUCCESS) turn->pool = pool_if_needed(device);
  if (turn->pool == NULL) return result;
  CUresult settled = pool_settle(turn, result);
  if (result != CUDA_SUCCESS) return settled;
  learn(turn);
  add_to_context(context, turn);
  return settled;
}

CUresult overhead_after(struct pool_turn *turn, CUresult result) {
  CUcontext context;
  CUdevice device;
  if (result != CUDA_SUCCESS) return turn->pool != NULL ? pool_settle(turn, result) : result;
  if (account_stream_device(NULL, &context, &device) != CUDA_SUCCESS) return result;
  if (turn->pool == NULL) turn->pool = pool_if_needed(device);
  if (turn->pool == NULL) return result;
  CUresult settled = pool_settle(turn, result);
  if (turn->live != 0) add_to_context(context, turn);
  return settled;
}

void overhead_changed(CUdevice device) {
  struct pool *pool = pool_known_overhead(device);
  if (pool != NULL) pool_settle(&(struct pool_turn){.pool = pool}, CUDA_SUCCESS);
}

void overhead_changed_here(void) {
  CUcontext context;
  CUdevice device;
  if (account_stream_device(NULL, &context, &device) == CUDA_SUCCESS) overhead_changed(device);
}

void overhead_closed(CUcontext context, CUdevice device) {
  struct ptrmap_entry entry;
  if (account_take((uint64_t)(uintptr_t)context, PTRMAP_CONTEXT, &entry))
    pool_gave((struct pool *)(uintptr_t)entry.owner, entry.bytes, 0);
  overhead_changed(device);
}
