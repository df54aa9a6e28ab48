// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "account.h"
#include "overhead.h"
#include "hooks.h"

/* What drivers are seen to grow a pool by at least; more is learned, less never: a wrong guess would overshoot. */
#define FIRST_BLOCK (32ull << 20)
#define LARGEST_BLOCK (1ull << 30)
#define SETTLE_TRIES 64u
#define IN_CHUNK 28u /* a chunk fits a page */

struct chunk {
  struct pool pools[IN_CHUNK];
  struct chunk *next;
};

_Static_assert(sizeof(struct chunk) <= 4096, "a chunk fits a page");
static struct chunk first_chunk;
static uint32_t making;
static uint32_t is_any_stale;
static uint64_t frees; /* in a stream's order, so far */
static uint32_t has_graphs;
static struct pool elsewhere = {.kind = POOL_ELSEWHERE};

CUresult cuMemPoolTrimTo(CUmemoryPool source, size_t keep);
CUresult cuDeviceGraphMemTrim(CUdevice device);

static uint64_t load(const uint64_t *at) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); }

static void take_lock(uint32_t *lock) {
  while (__atomic_exchange_n(lock, 1u, __ATOMIC_ACQUIRE) != 0) sched_yield();
}

static void drop_lock(uint32_t *lock) { __atomic_store_n(lock, 0u, __ATOMIC_RELEASE); }

static uint32_t kind_of(const struct pool *pool) { return __atomic_load_n(&pool->kind, __ATOMIC_ACQUIRE); }

static bool is_counted(const struct pool *pool) {
  uint32_t kind = kind_of(pool);
  return kind == POOL_OF_DRIVER || kind == POOL_OF_GRAPHS || kind == POOL_OF_OVERHEAD;
}

static uint64_t whole_blocks(const struct pool *pool, uint64_t bytes) {
  uint64_t block = load(&pool->block);
  return bytes > REGION_USED_MASK ? bytes : (bytes + block - 1) / block * block;
}

/* ---- records ---- */

struct walk {
  struct chunk *chunk;
  uint32_t at;
};

static struct pool *next_pool(struct walk *walk) {
  if (walk->chunk == NULL) walk->chunk = &first_chunk;
  if (walk->at == IN_CHUNK) {
    struct chunk *next = __atomic_load_n(&walk->chunk->next, __ATOMIC_ACQUIRE);
    if (next == NULL) return NULL;
    *walk = (struct walk){next, 0};
  }
  return &walk->chunk->pools[walk->at++];
}

static struct pool *add_chunk(struct chunk *last) {
  struct chunk *made = mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) return NULL;
  __atomic_store_n(&last->next, made, __ATOMIC_RELEASE);
  return &made->pools[0];
}

/* Under `making`. */
static struct pool *free_record(void) {
  struct walk walk = {0};
  struct pool *pool;
  while ((pool = next_pool(&walk)) != NULL)
    if (kind_of(pool) == POOL_NONE) return pool;
  return add_chunk(walk.chunk);
}

static struct pool *make(uint32_t kind, CUmemoryPool source, CUdevice device) {
  int index = account_index(device);
  struct pool *pool = index >= 0 ? free_record() : NULL;
  if (pool == NULL) return NULL;
  /* Counters of settlements and trims go on: whoever still looks at the old pool must not take them for his own. */
  pool->index = (uint32_t)index;
  pool->device = device;
  pool->source = source;
  pool->charged = pool->ahead = pool->guests = pool->pinned = pool->floor = pool->live = 0;
  pool->freed = (struct pool_freed){0};
  pool->block = kind == POOL_OF_OVERHEAD ? 1 : FIRST_BLOCK;
  pool->is_stale = 0;
  __atomic_store_n(&pool->kind, kind, __ATOMIC_RELEASE);
  return pool;
}

static bool remember(CUmemoryPool source, struct pool *pool) {
  struct ptrmap *map = account_map();
  struct ptrmap_entry entry = {
      .key = (uint64_t)(uintptr_t)source, .owner = (uint64_t)(uintptr_t)pool, .refs = 1, .kind = PTRMAP_POOL};
  return map != NULL && ptrmap_put(map, &entry);
}

struct pool *pool_find(CUmemoryPool source) {
  struct ptrmap_entry entry;
  struct ptrmap *map = account_map();
  if (map == NULL || !ptrmap_get(map, (uint64_t)(uintptr_t)source, PTRMAP_POOL, &entry)) return NULL;
  return (struct pool *)(uintptr_t)entry.owner;
}

struct pool *pool_of_driver(CUmemoryPool source, CUdevice device) {
  struct pool *pool = pool_find(source);
  if (pool != NULL || account_map() == NULL) return pool;
  take_lock(&making);
  pool = pool_find(source);
  if (pool == NULL) {
    pool = make(POOL_OF_DRIVER, source, device);
    if (pool != NULL && !remember(source, pool)) {
      __atomic_store_n(&pool->kind, POOL_NONE, __ATOMIC_RELEASE);
      pool = NULL;
    }
  }
  drop_lock(&making);
  return pool;
}

bool pool_has_graphs(void) { return __atomic_load_n(&has_graphs, __ATOMIC_RELAXED) != 0; }

static struct pool *find_of(uint32_t kind, CUdevice device) {
  struct walk walk = {0};
  struct pool *pool;
  while ((pool = next_pool(&walk)) != NULL)
    if (kind_of(pool) == kind && pool->device == device) return pool;
  return NULL;
}

static struct pool *of_device(uint32_t kind, CUdevice device) {
  struct pool *pool = find_of(kind, device);
  if (pool != NULL || account_map() == NULL) return pool;
  take_lock(&making);
  pool = find_of(kind, device);
  if (pool == NULL) pool = make(kind, NULL, device);
  drop_lock(&making);
  return pool;
}

struct pool *pool_of_graphs(CUdevice device) {
  __atomic_store_n(&has_graphs, 1u, __ATOMIC_RELAXED);
  return of_device(POOL_OF_GRAPHS, device);
}

struct pool *pool_of_overhead(CUdevice device) { return of_device(POOL_OF_OVERHEAD, device); }

struct pool *pool_known_overhead(CUdevice device) { return find_of(POOL_OF_OVERHEAD, device); }

void pool_is_elsewhere(CUmemoryPool source) { remember(source, &elsewhere); }

/* ---- charging ---- */

static struct ledger_charge charge_of(const struct pool *pool, uint64_t bytes) {
  uint32_t memory_class = kind_of(pool) == POOL_OF_OVERHEAD ? REGION_CLASS_DRIVER : REGION_CLASS_ASYNC;
  return (struct ledger_charge){pool->index, memory_class, bytes};
}

static void mark_stale(struct pool *pool) {
  __atomic_store_n(&pool->is_stale, 1u, __ATOMIC_SEQ_CST);
  __atomic_store_n(&is_any_stale, 1u, __ATOMIC_SEQ_CST);
}

/* A driver without this attribute (before CUDA 11.3) is believed to keep what was asked for. */
static uint64_t read_reserved(const struct pool *pool) {
  uint64_t bytes = 0;
  if (kind_of(pool) == POOL_OF_OVERHEAD) return overhead_measure(pool);
  CUresult result = kind_of(pool) == POOL_OF_GRAPHS
                        ? DRIVER(cuDeviceGetGraphMemAttribute)(pool->device, CU_GRAPH_MEM_RESERVED_CURRENT, &bytes)
                        : DRIVER(cuMemPoolGetAttribute)(pool->source, CU_POOL_RESERVED_CURRENT, &bytes);
  if (result == CUDA_SUCCESS) return bytes;
  return result == CUDA_ERROR_INVALID_VALUE || result == CUDA_ERROR_NOT_SUPPORTED ? load(&pool->live) : 0;
}

/* More than was charged ahead: this driver grows pools by more than we thought. */
static CUresult add_excess(struct pool *pool, uint64_t excess) {
  struct ledger_charge charge = charge_of(pool, excess);
  uint64_t block = load(&pool->block);
  while (kind_of(pool) != POOL_OF_OVERHEAD && block < excess && block < LARGEST_BLOCK) block *= 2;
  __atomic_store_n(&pool->block, block, __ATOMIC_SEQ_CST);
  CUresult result = account_try(&charge);
  if (result != CUDA_SUCCESS) account_force(&charge);
  return result;
}

static CUresult correct(struct pool *pool, uint64_t before, uint64_t after) {
  if (after > before) return add_excess(pool, after - before);
  struct ledger_charge charge = charge_of(pool, before - after);
  if (charge.bytes > 0) account_refund(&charge);
  return CUDA_SUCCESS;
}

/* A synchronisation may make it smaller. Graph memory is given back by trimming only. */
static bool keeps_for_now(const struct pool *pool, uint64_t reserved) {
  return kind_of(pool) == POOL_OF_DRIVER && reserved > whole_blocks(pool, pool->live);
}

/* Under the lock. Growth of calls under way may be in `reserved` already: it is not counted twice. */
static uint64_t size_now(const struct pool *pool, uint64_t reserved) {
  uint64_t least = pool->guests > 0 && reserved < pool->floor ? pool->floor : reserved;
  uint64_t size = least + pool->ahead;
  return size > pool->charged && reserved <= pool->charged ? pool->charged : size;
}

static void leave(const struct pool_turn *turn) {
  turn->pool->ahead -= turn->ahead;
  turn->pool->pinned -= turn->pinned;
  turn->pool->guests -= turn->is_guest;
}

/* What was read counts only if nobody settled meanwhile: his growth would be missing in it. */
static bool settle_once(const struct pool_turn *turn, CUresult *result) {
  struct pool *pool = turn->pool;
  uint64_t seen = load(&pool->settles);
  uint64_t reserved = read_reserved(pool);
  take_lock(&pool->lock);
  bool is_current = pool->settles == seen;
  uint64_t before = pool->charged;
  if (is_current) {
    pool->settles++;
    leave(turn);
    pool->charged = size_now(pool, reserved);
    pool->is_stale = keeps_for_now(pool, reserved);
    if (pool->is_stale) __atomic_store_n(&is_any_stale, 1u, __ATOMIC_SEQ_CST);
  }
  uint64_t after = pool->charged;
  drop_lock(&pool->lock);
  if (is_current) *result = correct(pool, before, after);
  return is_current;
}

static CUresult settle(const struct pool_turn *turn) {
  struct pool *pool = turn->pool;
  CUresult result = CUDA_SUCCESS;
  for (uint32_t i = 0; i < SETTLE_TRIES; i++)
    if (settle_once(turn, &result)) return result;
  /* So much is going on that it stays charged until one of the others settles. */
  take_lock(&pool->lock);
  leave(turn);
  drop_lock(&pool->lock);
  mark_stale(pool);
  return CUDA_SUCCESS;
}

static void ask_again(struct pool *pool) { settle(&(struct pool_turn){.pool = pool}); }

/* Under the lock: live from now on, and perhaps made of what was freed. */
static void use(const struct pool_turn *turn) {
  struct pool_freed *freed = &turn->pool->freed;
  turn->pool->live += turn->live;
  freed->least -= freed->least < turn->live ? freed->least : turn->live;
}

static CUresult charge_ahead(struct pool_turn *turn) {
  struct pool *pool = turn->pool;
  struct ledger_charge charge = charge_of(pool, whole_blocks(pool, turn->bytes));
  CUresult result = account_try(&charge);
  if (result != CUDA_SUCCESS) return result;
  turn->ahead = charge.bytes;
  take_lock(&pool->lock);
  pool->charged += charge.bytes;
  pool->ahead += charge.bytes;
  use(turn);
  drop_lock(&pool->lock);
  return CUDA_SUCCESS;
}

/* Under the lock: may the call be let through on what the pool keeps? What its own stream freed it can use at once;
 * what other streams freed may be busy. A wait in another thread may let the driver shrink the pool first: to whole
 * blocks of what is live. So either that leaves room enough, or it has to fit even if the driver takes new blocks. */
static bool let_in(struct pool_turn *turn, uint64_t stream) {
  struct pool *pool = turn->pool;
  const struct pool_freed *freed = &pool->freed;
  if (kind_of(pool) == POOL_OF_OVERHEAD || turn->bytes > REGION_USED_MASK || (freed->stream != 0 && freed->stream != stream)) return false;
  uint64_t least_size = whole_blocks(pool, pool->live);
  uint64_t size = least_size + pool->pinned;
  if (turn->bytes > least_size - pool->live) {
    uint64_t stays = turn->bytes <= freed->least ? pool->live : pool->live + freed->most;
    turn->pinned = whole_blocks(pool, turn->bytes);
    size = whole_blocks(pool, stays) + pool->pinned + turn->pinned;
  }
  if (size > pool->charged - pool->ahead) return false;
  if (pool->guests == 0 || pool->floor < size) pool->floor = size;
  return true;
}

/* Is what the pool keeps unused enough? Then the call is charged already. */
static bool serve_from_kept(struct pool_turn *turn, uint64_t stream) {
  struct pool *pool = turn->pool;
  take_lock(&pool->lock);
  turn->is_guest = let_in(turn, stream);
  if (!turn->is_guest) {
    turn->pinned = 0;
  } else {
    pool->guests++;
    pool->pinned += turn->pinned;
    use(turn);
  }
  drop_lock(&pool->lock);
  return turn->is_guest;
}

CUresult pool_charge(struct pool_turn *turn, uint64_t stream) {
  struct pool *pool = turn->pool;
  if (!is_counted(pool)) return CUDA_SUCCESS;
  CUresult result = charge_ahead(turn);
  if (result != CUDA_ERROR_OUT_OF_MEMORY) return result;
  ask_again(pool);
  if (serve_from_kept(turn, stream)) return CUDA_SUCCESS;
  if (pool_give_back(pool->index)) result = charge_ahead(turn);
  if (result != CUDA_ERROR_OUT_OF_MEMORY) return result;
  struct ledger_charge charge = charge_of(pool, turn->bytes);
  account_refuse(&charge);
  return result;
}

CUresult pool_settle(const struct pool_turn *turn, CUresult result) {
  struct pool *pool = turn->pool;
  if (!is_counted(pool)) return result;
  if (result != CUDA_SUCCESS) {
    take_lock(&pool->lock);
    pool->live -= turn->live;
    drop_lock(&pool->lock);
  }
  CUresult settled = settle(turn);
  return result == CUDA_SUCCESS ? settled : result;
}

uint64_t pool_stream(CUstream stream, bool is_per_thread) {
  uintptr_t number = (uintptr_t)stream;
  if (number == 0) number = is_per_thread ? CU_STREAM_PER_THREAD_NUMBER : CU_STREAM_LEGACY_NUMBER;
  return number == CU_STREAM_PER_THREAD_NUMBER ? (uint64_t)pthread_self() | 1 : (uint64_t)number;
}

/* ---- freeing ---- */

/* The last allocation of a destroyed pool is gone, and the pool with it. */
static void bury(struct pool *pool) {
  struct ledger_charge charge = charge_of(pool, pool->charged);
  pool->charged = 0;
  __atomic_store_n(&pool->kind, POOL_NONE, __ATOMIC_RELEASE);
  account_refund(&charge);
}

/* Under the lock. */
static void add_freed(struct pool_freed *freed, uint64_t bytes, uint64_t stream) {
  freed->stream = freed->stream == 0 || freed->stream == stream ? stream : POOL_STREAMS;
  freed->most += bytes;
  freed->least += bytes;
  freed->mark = __atomic_add_fetch(&frees, 1, __ATOMIC_SEQ_CST);
}

void pool_gave(struct pool *pool, uint64_t bytes, uint64_t stream) {
  if (kind_of(pool) == POOL_ELSEWHERE) return;
  take_lock(&pool->lock);
  pool->live = pool->live > bytes ? pool->live - bytes : 0;
  if (stream != 0) add_freed(&pool->freed, bytes, stream);
  bool is_over = kind_of(pool) == POOL_DESTROYED && pool->live == 0;
  drop_lock(&pool->lock);
  if (is_over) bury(pool);
  else mark_stale(pool);
}

void pool_gone(struct pool *pool) {
  if (kind_of(pool) == POOL_ELSEWHERE) return;
  take_lock(&pool->lock);
  __atomic_store_n(&pool->kind, POOL_DESTROYED, __ATOMIC_RELEASE);
  bool is_over = pool->live == 0;
  drop_lock(&pool->lock);
  if (is_over) bury(pool);
}

uint64_t pool_mark(void) { return load(&frees); }

/* POOL_STREAMS: all streams were waited for. */
static void rest(struct pool *pool, uint64_t stream, uint64_t mark) {
  take_lock(&pool->lock);
  if ((stream == POOL_STREAMS || pool->freed.stream == stream) && pool->freed.mark <= mark)
    pool->freed = (struct pool_freed){0};
  drop_lock(&pool->lock);
}

void pool_rested(uint64_t stream, uint64_t mark) {
  struct walk walk = {0};
  struct pool *pool;
  if (__atomic_load_n(&is_any_stale, __ATOMIC_RELAXED) == 0) return;
  while (stream != 0 && (pool = next_pool(&walk)) != NULL)
    if (kind_of(pool) != POOL_NONE) rest(pool, stream, mark);
  pool_refresh();
}

void pool_all_rested(uint64_t mark) {
  struct walk walk = {0};
  struct pool *pool;
  CUcontext context;
  CUdevice device;
  if (__atomic_load_n(&is_any_stale, __ATOMIC_RELAXED) == 0) return;
  if (account_stream_device(NULL, &context, &device) != CUDA_SUCCESS) return;
  while ((pool = next_pool(&walk)) != NULL)
    if (kind_of(pool) != POOL_NONE && pool->device == device) rest(pool, POOL_STREAMS, mark);
  pool_refresh();
}

void pool_refresh(void) {
  struct walk walk = {0};
  struct pool *pool;
  if (__atomic_exchange_n(&is_any_stale, 0u, __ATOMIC_SEQ_CST) == 0) return;
  while ((pool = next_pool(&walk)) != NULL) {
    if (!is_counted(pool) || __atomic_load_n(&pool->is_stale, __ATOMIC_SEQ_CST) == 0) continue;
    ask_again(pool);
    if (__atomic_load_n(&pool->is_stale, __ATOMIC_SEQ_CST) != 0)
      __atomic_store_n(&is_any_stale, 1u, __ATOMIC_SEQ_CST);
  }
}

/* Trimming must not end a capture that goes on in this thread. */
static void trim(struct pool *pool) {
  int mode = CU_CAPTURE_MODE_RELAXED;
  bool is_exchanged = DRIVER(cuThreadExchangeStreamCaptureMode)(&mode) == CUDA_SUCCESS;
  if (kind_of(pool) == POOL_OF_GRAPHS) REAL(cuDeviceGraphMemTrim)(pool->device);
  else REAL(cuMemPoolTrimTo)(pool->source, 0);
  if (is_exchanged) DRIVER(cuThreadExchangeStreamCaptureMode)(&mode);
}

void pool_trimmed(struct pool *pool) {
  __atomic_fetch_add(&pool->trims, 1, __ATOMIC_SEQ_CST);
  ask_again(pool);
}

bool pool_give_back(uint32_t index) {
  struct walk walk = {0};
  struct pool *pool;
  uint64_t given = 0;
  while ((pool = next_pool(&walk)) != NULL) {
    if (!is_counted(pool) || kind_of(pool) == POOL_OF_OVERHEAD || pool->index != index) continue;
    uint64_t before = load(&pool->charged);
    ask_again(pool);
    if (load(&pool->charged) - load(&pool->ahead) > load(&pool->live)) trim(pool), pool_trimmed(pool);
    uint64_t after = load(&pool->charged);
    given += before > after ? before - after : 0;
  }
  return given > 0;
}

static void forget(const struct ptrmap_entry *entry, void *context) { (void)entry, (void)context; }

void pool_reset(CUdevice device) {
  struct walk walk = {0};
  struct pool *pool;
  struct ptrmap *map = account_map();
  while (map != NULL && (pool = next_pool(&walk)) != NULL) {
    uint32_t kind = kind_of(pool);
    if (kind == POOL_NONE || kind == POOL_OF_OVERHEAD || pool->device != device) continue;
    ptrmap_sweep(map, (uint64_t)(uintptr_t)pool, PTRMAP_POINTER, forget, NULL);
    pool_gave(pool, UINT64_MAX, 0);
  }
  pool_refresh();
}

void pool_abandon(void) {
  memset(&first_chunk, 0, sizeof(first_chunk));
  making = is_any_stale = 0;
}
