// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: stream-ordered allocations and the pools they come from. A pool takes memory of the device in whole
// blocks (the row's pool_block_mib) and keeps what is freed: at once for the stream that freed it, for other streams when
// that one was synchronised. A synchronisation gives back what is beyond the release threshold.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "graph-memory.h"
#include "pool.h"

#define POOLS 256u
#define PENDING 64u
#define ALL_STREAMS UINT64_MAX
#define REUSE_FIRST 1
#define REUSE_LAST 3

struct pending {
  uint64_t stream;
  uint64_t bytes;
};

struct CUmemPoolHandle_st {
  uint32_t state;
  uint32_t device;
  uint32_t lock;
  bool is_import;
  bool is_in_host;
  bool is_for_others; /* made with a handle type */
  int reuse[REUSE_LAST + 1];
  uint64_t threshold;
  uint64_t reserved;
  uint64_t reserved_high;
  uint64_t used;
  uint64_t used_high;
  struct pending pending[PENDING]; /* freed, but perhaps still worked on; the last place is for streams beyond */
};

enum { POOL_FREE, POOL_LIVE, POOL_DESTROYED };

static struct CUmemPoolHandle_st default_pools[FAKE_GPUS_MAX];
static struct CUmemPoolHandle_st pools[POOLS];
static struct CUmemPoolHandle_st *current[FAKE_GPUS_MAX]; /* NULL: the default one */

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }

static void lock(struct CUmemPoolHandle_st *pool) {
  while (__atomic_exchange_n(&pool->lock, 1u, __ATOMIC_ACQUIRE) != 0) sched_yield();
}

static void unlock(struct CUmemPoolHandle_st *pool) { __atomic_store_n(&pool->lock, 0u, __ATOMIC_RELEASE); }

static bool is_device(int device) { return device >= 0 && (uint32_t)device < fake_cuda.world.count; }

static bool is_pool(const struct CUmemPoolHandle_st *pool) {
  bool is_default = pool >= default_pools && pool < default_pools + FAKE_GPUS_MAX;
  bool is_made = pool >= pools && pool < pools + POOLS;
  return (is_default || is_made) && pool->state == POOL_LIVE;
}

#define CHECK_POOL(pool)                         \
  do {                                           \
    CHECK_READY();                               \
    CHECK_ARGUMENT(pool != NULL && is_pool(pool)); \
  } while (0)

static uint64_t key_of(CUstream stream, bool is_per_thread) {
  uintptr_t number = (uintptr_t)stream;
  if (number == 0) number = is_per_thread ? CU_STREAM_PER_THREAD_NUMBER : CU_STREAM_LEGACY_NUMBER;
  return number == CU_STREAM_PER_THREAD_NUMBER ? (uint64_t)pthread_self() | 1 : number;
}

/* ---- blocks ---- */

static uint64_t whole_blocks(const struct CUmemPoolHandle_st *pool, uint64_t bytes) {
  uint64_t block = cuda_gpu(pool->device)->pool_block_bytes;
  return (bytes + block - 1) / block * block;
}

static uint64_t pending_bytes(const struct CUmemPoolHandle_st *pool) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < PENDING; i++) bytes += pool->pending[i].bytes;
  return bytes;
}

static void resize(struct CUmemPoolHandle_st *pool, uint64_t bytes) {
  uint32_t gpu = cuda_gpu(pool->device)->index;
  if (bytes < pool->reserved && !pool->is_in_host)
    world_refund(&fake_cuda.world, gpu, pool->reserved - bytes, REGION_CLASS_ASYNC);
  pool->reserved = bytes;
  pool->reserved_high = most(pool->reserved_high, bytes);
}

/* Down to `keep` bytes, as far as nobody uses them. */
static void shrink_to(struct CUmemPoolHandle_st *pool, uint64_t keep) {
  uint64_t least_bytes = whole_blocks(pool, pool->used + pending_bytes(pool));
  uint64_t wanted = keep > REGION_USED_MASK ? pool->reserved : least(whole_blocks(pool, keep), pool->reserved);
  resize(pool, most(least_bytes, wanted));
}

static bool try_grow(struct CUmemPoolHandle_st *pool, uint64_t bytes) {
  uint32_t gpu = cuda_gpu(pool->device)->index;
  if (!pool->is_in_host && !world_charge(&fake_cuda.world, gpu, bytes, REGION_CLASS_ASYNC)) return false;
  resize(pool, pool->reserved + bytes);
  return true;
}

static struct pending *pending_of(struct CUmemPoolHandle_st *pool, uint64_t stream) {
  uint32_t i = 0;
  while (i < PENDING - 1 && pool->pending[i].stream != stream && pool->pending[i].bytes > 0) i++;
  if (i == PENDING - 1) stream = ALL_STREAMS;
  pool->pending[i].stream = stream;
  return &pool->pending[i];
}

/* From what is free, then from what the same stream freed, then by growing: whole blocks for the new piece alone. */
static bool take(struct CUmemPoolHandle_st *pool, uint64_t bytes, uint64_t stream) {
  uint64_t idle = pool->reserved - pool->used - pending_bytes(pool);
  uint64_t own = 0;
  for (uint32_t i = 0; i < PENDING - 1; i++)
    if (pool->pending[i].stream == stream) own += pool->pending[i].bytes;
  if (bytes > idle + own && !try_grow(pool, whole_blocks(pool, bytes))) return false;
  if (bytes > idle && bytes <= idle + own) {
    uint64_t left = bytes - idle;
    for (uint32_t i = 0; i < PENDING - 1 && left > 0; i++) {
      if (pool->pending[i].stream != stream) continue;
      uint64_t part = least(left, pool->pending[i].bytes);
      pool->pending[i].bytes -= part;
      left -= part;
    }
  }
  pool->used += bytes;
  pool->used_high = most(pool->used_high, pool->used);
  return true;
}

static void end_if_over(struct CUmemPoolHandle_st *pool) {
  if (pool->state != POOL_DESTROYED || pool->used > 0) return;
  memset(pool->pending, 0, sizeof(pool->pending));
  resize(pool, 0);
  __atomic_store_n(&pool->state, POOL_FREE, __ATOMIC_RELEASE);
}

static void settle(struct CUmemPoolHandle_st *pool, uint64_t stream) {
  lock(pool);
  for (uint32_t i = 0; i < PENDING; i++)
    if (stream == ALL_STREAMS || pool->pending[i].stream == stream) pool->pending[i] = (struct pending){0, 0};
  if (pool->state == POOL_LIVE) shrink_to(pool, pool->threshold);
  unlock(pool);
}

static void settle_all(uint32_t device, uint64_t stream) {
  for (uint32_t i = 0; i < POOLS; i++)
    if (pools[i].state != POOL_FREE && pools[i].device == device) settle(&pools[i], stream);
  if (default_pools[device].state == POOL_LIVE) settle(&default_pools[device], stream);
}

void pool_rest(uint32_t device, CUstream stream, bool is_per_thread, bool is_all) {
  settle_all(device, is_all ? ALL_STREAMS : key_of(stream, is_per_thread));
}

void pool_shrink(uint32_t device) {
  for (uint32_t i = 0; i < POOLS + 1; i++) {
    struct CUmemPoolHandle_st *pool = i < POOLS ? &pools[i] : &default_pools[device];
    if (pool->state != POOL_LIVE || pool->device != device) continue;
    lock(pool);
    shrink_to(pool, 0);
    unlock(pool);
  }
}

/* ---- allocations ---- */

struct place {
  uint64_t stream;
  struct CUctx_st *context;
  struct stream_place lane;
  bool is_capturing;
};

static CUresult place_of(CUstream stream, bool is_per_thread, struct place *place) {
  place->stream = key_of(stream, is_per_thread);
  place->is_capturing = false;
  CUresult result = stream_find(stream, is_per_thread, &place->lane);
  place->context = place->lane.context;
  return result == CUDA_SUCCESS ? capture_of(&place->lane, &place->is_capturing) : result;
}

static struct CUmemPoolHandle_st *default_pool(uint32_t device) {
  struct CUmemPoolHandle_st *pool = &default_pools[device];
  pool->device = device;
  pool->state = POOL_LIVE;
  return pool;
}

static struct CUmemPoolHandle_st *current_pool(uint32_t device) {
  struct CUmemPoolHandle_st *pool = __atomic_load_n(&current[device], __ATOMIC_ACQUIRE);
  return pool != NULL && pool->state == POOL_LIVE ? pool : default_pool(device);
}

static bool take_once(struct CUmemPoolHandle_st *pool, uint64_t bytes, uint64_t stream) {
  lock(pool);
  bool is_taken = take(pool, bytes, stream);
  unlock(pool);
  return is_taken;
}

static CUresult allocate(CUdeviceptr *out, size_t size, struct CUmemPoolHandle_st *pool, uint64_t stream) {
  CHECK_ARGUMENT(out != NULL && size > 0 && !pool->is_import);
  if (size > REGION_USED_MASK) return CUDA_ERROR_OUT_OF_MEMORY;
  uint64_t bytes = (size + 511) / 512 * 512;
  if (!take_once(pool, bytes, stream)) {
    pool_shrink(pool->device);
    if (!take_once(pool, bytes, stream)) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  struct ptrmap_entry entry = {arena_take(bytes), bytes, (uint64_t)(uintptr_t)pool, 1, PTRMAP_POINTER,
                               (uint8_t)pool->device, REGION_CLASS_ASYNC, 0};
  if (entry.key == 0 || !ptrmap_put(&fake_cuda.map, &entry)) return CUDA_ERROR_OUT_OF_MEMORY;
  *out = entry.key;
  return CUDA_SUCCESS;
}

/* What others still hold of it they may not use any more; the memory is the pool's. */
static void end_share(const struct ptrmap_entry *entry) {
  struct ptrmap_entry given;
  if (ptrmap_take(&fake_cuda.map, entry->key, PTRMAP_POINTER | PTRMAP_GIVEN, &given))
    share_end(world_desk(&fake_cuda.world, &fake_cuda.map), given.owner);
}

static void give(const struct ptrmap_entry *entry, uint64_t stream) {
  if ((entry->flags & PTRMAP_SHARED) != 0) end_share(entry);
  struct CUmemPoolHandle_st *pool = (struct CUmemPoolHandle_st *)(uintptr_t)entry->owner;
  arena_give(entry->key, entry->bytes);
  lock(pool);
  pool->used -= entry->bytes;
  pending_of(pool, stream)->bytes += entry->bytes;
  end_if_over(pool);
  unlock(pool);
}

void pool_free_now(const struct ptrmap_entry *entry) {
  give(entry, ALL_STREAMS);
  settle_all(entry->device, ALL_STREAMS);
}

static void drop_pointer(const struct ptrmap_entry *entry, void *context) {
  (void)context;
  give(entry, ALL_STREAMS);
}

static void empty(struct CUmemPoolHandle_st *pool) {
  ptrmap_sweep(&fake_cuda.map, (uint64_t)(uintptr_t)pool, PTRMAP_POINTER, drop_pointer, NULL);
  lock(pool);
  memset(pool->pending, 0, sizeof(pool->pending));
  resize(pool, 0);
  unlock(pool);
}

void pool_reset(uint32_t device) {
  for (uint32_t i = 0; i < POOLS; i++)
    if (pools[i].state == POOL_LIVE && pools[i].device == device) empty(&pools[i]);
  if (default_pools[device].state == POOL_LIVE) empty(&default_pools[device]);
  graph_memory_reset(device);
}

static CUresult allocate_in(CUdeviceptr *out, size_t size, struct CUmemPoolHandle_st *pool, const struct place *place) {
  if (place->is_capturing) return graph_memory_capture(out, size, &place->lane);
  return allocate(out, size, pool == NULL ? current_pool(place->context->device) : pool, place->stream);
}

FAKE_EXPORT CUresult cuMemAllocAsync(CUdeviceptr *out, size_t size, CUstream stream) {
  struct place place;
  CUresult result = place_of(stream, false, &place);
  return result == CUDA_SUCCESS ? allocate_in(out, size, NULL, &place) : result;
}

FAKE_EXPORT CUresult cuMemAllocAsync_ptsz(CUdeviceptr *out, size_t size, CUstream stream) {
  struct place place;
  CUresult result = place_of(stream, true, &place);
  return result == CUDA_SUCCESS ? allocate_in(out, size, NULL, &place) : result;
}

FAKE_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr *out, size_t size, CUmemoryPool pool, CUstream stream) {
  struct place place;
  CHECK_POOL(pool);
  CUresult result = place_of(stream, false, &place);
  return result == CUDA_SUCCESS ? allocate_in(out, size, pool, &place) : result;
}

FAKE_EXPORT CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *out, size_t size, CUmemoryPool pool, CUstream stream) {
  struct place place;
  CHECK_POOL(pool);
  CUresult result = place_of(stream, true, &place);
  return result == CUDA_SUCCESS ? allocate_in(out, size, pool, &place) : result;
}

static CUresult free_in(CUdeviceptr pointer, const struct place *place) {
  struct ptrmap_entry entry;
  if (place->is_capturing) return graph_memory_capture_free(pointer, &place->lane);
  if (graph_memory_free(pointer)) return CUDA_SUCCESS;
  if (!ptrmap_get(&fake_cuda.map, pointer, PTRMAP_POINTER, &entry)) return CUDA_ERROR_INVALID_VALUE;
  if (entry.memory_class != REGION_CLASS_ASYNC) return cuda_memory_free(pointer);
  if (!ptrmap_take(&fake_cuda.map, pointer, PTRMAP_POINTER, &entry)) return CUDA_ERROR_INVALID_VALUE;
  give(&entry, place->stream);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream) {
  struct place place;
  CUresult result = place_of(stream, false, &place);
  return result == CUDA_SUCCESS ? free_in(pointer, &place) : result;
}

FAKE_EXPORT CUresult cuMemFreeAsync_ptsz(CUdeviceptr pointer, CUstream stream) {
  struct place place;
  CUresult result = place_of(stream, true, &place);
  return result == CUDA_SUCCESS ? free_in(pointer, &place) : result;
}

/* ---- pools ---- */

FAKE_EXPORT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device) {
  CHECK_READY();
  CHECK_ARGUMENT(pool != NULL);
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  *pool = default_pool((uint32_t)device);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device) {
  CHECK_READY();
  CHECK_ARGUMENT(pool != NULL);
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  *pool = current_pool((uint32_t)device);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool) {
  CHECK_POOL(pool);
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  CHECK_ARGUMENT(pool->device == (uint32_t)device && !pool->is_in_host);
  __atomic_store_n(&current[device], pool, __ATOMIC_RELEASE);
  return CUDA_SUCCESS;
}

static CUresult make(CUmemoryPool *pool, const struct CUmemPoolHandle_st *like) {
  for (uint32_t i = 0; i < POOLS; i++) {
    uint32_t free = POOL_FREE;
    if (!__atomic_compare_exchange_n(&pools[i].state, &free, POOL_DESTROYED, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      continue;
    pools[i] = *like;
    for (uint32_t reuse = REUSE_FIRST; reuse <= REUSE_LAST; reuse++) pools[i].reuse[reuse] = 1;
    __atomic_store_n(&pools[i].state, POOL_LIVE, __ATOMIC_RELEASE);
    *pool = &pools[i];
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_OUT_OF_MEMORY;
}

FAKE_EXPORT CUresult cuMemPoolCreate(CUmemoryPool *pool, const struct cuda_pool_props *props) {
  CHECK_READY();
  CHECK_ARGUMENT(pool != NULL && props != NULL && props->type == CU_MEM_ALLOCATION_TYPE_PINNED);
  struct CUmemPoolHandle_st like = {.state = POOL_DESTROYED, .is_for_others = props->handle_types != 0};
  like.is_in_host = props->location.type != CU_MEM_LOCATION_TYPE_DEVICE;
  if (like.is_in_host) return make(pool, &like);
  if (!is_device(props->location.id)) return CUDA_ERROR_INVALID_DEVICE;
  like.device = (uint32_t)props->location.id;
  return make(pool, &like);
}

int pool_given_device(CUmemoryPool pool) {
  return pool != NULL && is_pool(pool) && pool->is_for_others && !pool->is_in_host ? (int)pool->device : -1;
}

bool pool_is_import(CUmemoryPool pool) { return pool != NULL && is_pool(pool) && pool->is_import; }

CUresult pool_import(CUmemoryPool *out, uint32_t device) {
  return make(out, &(struct CUmemPoolHandle_st){.state = POOL_DESTROYED, .device = device, .is_import = true});
}

FAKE_EXPORT CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  CHECK_POOL(pool);
  CHECK_ARGUMENT(pool >= pools && pool < pools + POOLS);
  lock(pool);
  pool->state = POOL_DESTROYED;
  end_if_over(pool);
  unlock(pool);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t keep) {
  CHECK_POOL(pool);
  lock(pool);
  shrink_to(pool, keep);
  unlock(pool);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemPoolGetAttribute(CUmemoryPool pool, int attribute, void *value) {
  CHECK_POOL(pool);
  CHECK_ARGUMENT(value != NULL && !pool->is_import);
  const uint64_t numbers[] = {[CU_POOL_RELEASE_THRESHOLD] = pool->threshold,
                              [CU_POOL_RESERVED_CURRENT] = pool->reserved,
                              [CU_POOL_RESERVED_HIGH] = pool->reserved_high,
                              [CU_POOL_USED_CURRENT] = pool->used,
                              [CU_POOL_USED_HIGH] = pool->used_high};
  CHECK_ARGUMENT(attribute >= REUSE_FIRST && attribute <= CU_POOL_USED_HIGH);
  if (attribute <= REUSE_LAST) *(int *)value = pool->reuse[attribute];
  else *(uint64_t *)value = numbers[attribute];
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemPoolSetAttribute(CUmemoryPool pool, int attribute, void *value) {
  CHECK_POOL(pool);
  CHECK_ARGUMENT(value != NULL && !pool->is_import && attribute >= REUSE_FIRST && attribute <= CU_POOL_USED_HIGH);
  if (attribute <= REUSE_LAST) {
    pool->reuse[attribute] = *(const int *)value;
    return CUDA_SUCCESS;
  }
  uint64_t number = *(const uint64_t *)value;
  if (attribute == CU_POOL_RELEASE_THRESHOLD) {
    pool->threshold = number;
    return CUDA_SUCCESS;
  }
  CHECK_ARGUMENT(number == 0 && (attribute == CU_POOL_RESERVED_HIGH || attribute == CU_POOL_USED_HIGH));
  if (attribute == CU_POOL_RESERVED_HIGH) pool->reserved_high = pool->reserved;
  else pool->used_high = pool->used;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemPoolSetAccess(CUmemoryPool pool, const void *access, size_t count) {
  CHECK_POOL(pool);
  CHECK_ARGUMENT(access != NULL && count > 0);
  return CUDA_SUCCESS;
}
