// SPDX-License-Identifier: Apache-2.0
// Stream-ordered memory and pools: charged is what a pool has reserved (pool.h). What is allocated while its stream is
// captured becomes a node of a graph, and is charged when the graph is launched (graph-memory.h).
#include "account.h"
#include "graph-memory.h"
#include "hooks.h"
#include "pool.h"

typedef CUresult (*alloc_fn)(CUdeviceptr *, size_t, CUstream);
typedef CUresult (*pool_alloc_fn)(CUdeviceptr *, size_t, CUmemoryPool, CUstream);
typedef CUresult (*free_fn)(CUdeviceptr, CUstream);

/* One of the four calls; source is NULL for those that leave the pool to the device. */
struct request {
  alloc_fn alloc;
  pool_alloc_fn alloc_from;
  free_fn release;
  CUdeviceptr *out;
  size_t size;
  CUmemoryPool source;
  CUstream stream;
  bool is_per_thread;
};

static CUresult ask_driver(const struct request *ask) {
  if (ask->alloc != NULL) return ask->alloc(ask->out, ask->size, ask->stream);
  return ask->alloc_from(ask->out, ask->size, ask->source, ask->stream);
}

static bool is_capturing(const struct request *ask) {
  int status = CU_STREAM_NOT_CAPTURING;
  CUresult result = ask->is_per_thread ? DRIVER(cuStreamIsCapturing_ptsz)(ask->stream, &status)
                                       : DRIVER(cuStreamIsCapturing)(ask->stream, &status);
  return result == CUDA_SUCCESS && status != CU_STREAM_NOT_CAPTURING;
}

CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device);

static bool is_pool(CUmemoryPool source) {
  uint64_t bytes;
  return DRIVER(cuMemPoolGetAttribute)(source, CU_POOL_RESERVED_CURRENT, &bytes) == CUDA_SUCCESS;
}

/* One that the driver grants, if it has the memory. Of others it shall say itself what is wrong. */
static bool is_ordinary(const struct request *ask) {
  CUcontext context;
  CUdevice device;
  return account_stream_device(ask->stream, &context, &device) == CUDA_SUCCESS &&
         (ask->source == NULL || is_pool(ask->source));
}

static CUresult refuse(const struct request *ask, CUresult refused) {
  if (is_ordinary(ask)) return refused;
  CUresult result = ask_driver(ask);
  if (result != CUDA_SUCCESS) return result;
  ask->release(*ask->out, ask->stream);
  return refused;
}

/* The pool's own device, which need not be the stream's; one that nobody told us of is taken for the stream's. */
static CUresult find_pool(const struct request *ask, struct pool **pool) {
  CUcontext context;
  CUdevice device;
  CUmemoryPool source = ask->source;
  if (account_map() == NULL) return CUDA_ERROR_NO_DEVICE;
  *pool = source != NULL ? pool_find(source) : NULL;
  if (*pool != NULL) return CUDA_SUCCESS;
  CUresult result = account_stream_device(ask->stream, &context, &device);
  if (result == CUDA_SUCCESS && source == NULL) result = REAL(cuDeviceGetMemPool)(&source, device);
  else if (result == CUDA_SUCCESS && !is_pool(source)) return CUDA_ERROR_INVALID_VALUE;
  if (result != CUDA_SUCCESS) return result;
  *pool = pool_of_driver(source, device);
  return *pool != NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static void remember(const struct request *ask, const struct pool_turn *turn) {
  struct ptrmap_entry entry = {.key = *ask->out,
                               .bytes = turn->live,
                               .owner = (uint64_t)(uintptr_t)turn->pool,
                               .refs = 1,
                               .kind = PTRMAP_POINTER,
                               .device = (uint8_t)turn->pool->index,
                               .memory_class = REGION_CLASS_ASYNC};
  account_keep(&entry);
}

static CUresult allocate(const struct request *ask) {
  struct pool *pool;
  if (ask->out == NULL || ask->size == 0 || is_capturing(ask)) return ask_driver(ask);
  CUresult result = find_pool(ask, &pool);
  if (result != CUDA_SUCCESS) return refuse(ask, result);
  uint64_t bytes = account_round(ask->size);
  struct pool_turn turn = {.pool = pool, .bytes = bytes, .live = bytes};
  result = pool_charge(&turn, pool_stream(ask->stream, ask->is_per_thread));
  if (result != CUDA_SUCCESS) return refuse(ask, result);
  CUresult answered = ask_driver(ask);
  result = pool_settle(&turn, answered);
  if (result == CUDA_SUCCESS) remember(ask, &turn);
  if (result == answered) return result;
  ask->release(*ask->out, ask->stream);
  pool_gave(pool, bytes, pool_stream(ask->stream, ask->is_per_thread));
  return result;
}

HOOK_EXPORT CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream);
HOOK_EXPORT CUresult cuMemFreeAsync_ptsz(CUdeviceptr pointer, CUstream stream);

HOOK_EXPORT CUresult cuMemAllocAsync(CUdeviceptr *out, size_t size, CUstream stream) {
  return allocate(&(struct request){.alloc = REAL(cuMemAllocAsync),
                                    .release = REAL(cuMemFreeAsync),
                                    .out = out,
                                    .size = size,
                                    .stream = stream});
}

HOOK_EXPORT CUresult cuMemAllocAsync_ptsz(CUdeviceptr *out, size_t size, CUstream stream) {
  return allocate(&(struct request){.alloc = REAL(cuMemAllocAsync_ptsz),
                                    .release = REAL(cuMemFreeAsync_ptsz),
                                    .out = out,
                                    .size = size,
                                    .stream = stream,
                                    .is_per_thread = true});
}

HOOK_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr *out, size_t size, CUmemoryPool pool, CUstream stream) {
  if (pool == NULL) return REAL(cuMemAllocFromPoolAsync)(out, size, pool, stream);
  return allocate(&(struct request){.alloc_from = REAL(cuMemAllocFromPoolAsync),
                                    .release = REAL(cuMemFreeAsync),
                                    .out = out,
                                    .size = size,
                                    .source = pool,
                                    .stream = stream});
}

HOOK_EXPORT CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *out, size_t size, CUmemoryPool pool, CUstream stream) {
  if (pool == NULL) return REAL(cuMemAllocFromPoolAsync_ptsz)(out, size, pool, stream);
  return allocate(&(struct request){.alloc_from = REAL(cuMemAllocFromPoolAsync_ptsz),
                                    .release = REAL(cuMemFreeAsync_ptsz),
                                    .out = out,
                                    .size = size,
                                    .source = pool,
                                    .stream = stream,
                                    .is_per_thread = true});
}

static void give_to_pool(const struct ptrmap_entry *entry, uint64_t stream) {
  if ((entry->flags & PTRMAP_SHARED) != 0) account_end_share(entry);
  pool_gave((struct pool *)(uintptr_t)entry->owner, entry->bytes, stream);
}

/* A pointer that is not in the map is a graph's: its memory stays with the device until trimmed. */
static CUresult release(free_fn real, CUdeviceptr pointer, CUstream stream, bool is_per_thread) {
  struct ptrmap_entry entry;
  bool is_ours = account_take(pointer, PTRMAP_POINTER, &entry);
  CUresult result = real(pointer, stream);
  if (!is_ours) return result;
  if (result != CUDA_SUCCESS) account_keep(&entry);
  else if (entry.memory_class != REGION_CLASS_ASYNC) account_drop(&entry);
  else give_to_pool(&entry, pool_stream(stream, is_per_thread));
  return result;
}

HOOK_EXPORT CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream) {
  return release(REAL(cuMemFreeAsync), pointer, stream, false);
}

HOOK_EXPORT CUresult cuMemFreeAsync_ptsz(CUdeviceptr pointer, CUstream stream) {
  return release(REAL(cuMemFreeAsync_ptsz), pointer, stream, true);
}

/* ---- pools ---- */

/* Told again and again; one that is known already stays what it is. */
static CUresult learn(CUresult result, const CUmemoryPool *pool, CUdevice device) {
  if (result == CUDA_SUCCESS) pool_of_driver(*pool, device);
  return result;
}

HOOK_EXPORT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device) {
  return learn(REAL(cuDeviceGetDefaultMemPool)(pool, device), pool, device);
}

HOOK_EXPORT CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device) {
  return learn(REAL(cuDeviceGetMemPool)(pool, device), pool, device);
}

/* Managed memory without a place of its own counts where the program is now, as cuMemAllocManaged does. */
static CUresult learn_place(CUresult result, CUmemoryPool pool, const struct cuda_mem_location *place, int type) {
  CUcontext context;
  CUdevice device;
  if (result != CUDA_SUCCESS) return result;
  if (place->type == CU_MEM_LOCATION_TYPE_DEVICE) pool_of_driver(pool, place->id);
  else if (type != CU_MEM_ALLOCATION_TYPE_MANAGED) pool_is_elsewhere(pool);
  else if (account_stream_device(NULL, &context, &device) == CUDA_SUCCESS) pool_of_driver(pool, device);
  return result;
}

HOOK_EXPORT CUresult cuMemGetDefaultMemPool(CUmemoryPool *pool, struct cuda_mem_location *place, int type) {
  CUresult result = REAL(cuMemGetDefaultMemPool)(pool, place, type);
  return result == CUDA_SUCCESS ? learn_place(result, *pool, place, type) : result;
}

HOOK_EXPORT CUresult cuMemGetMemPool(CUmemoryPool *pool, struct cuda_mem_location *place, int type) {
  CUresult result = REAL(cuMemGetMemPool)(pool, place, type);
  return result == CUDA_SUCCESS ? learn_place(result, *pool, place, type) : result;
}

HOOK_EXPORT CUresult cuMemPoolCreate(CUmemoryPool *pool, const struct cuda_pool_props *props) {
  CUresult result = REAL(cuMemPoolCreate)(pool, props);
  return result == CUDA_SUCCESS ? learn_place(result, *pool, &props->location, props->type) : result;
}

HOOK_EXPORT CUresult cuMemPoolDestroy(CUmemoryPool source) {
  struct ptrmap_entry entry;
  bool is_known = account_take((uint64_t)(uintptr_t)source, PTRMAP_POOL, &entry);
  CUresult result = REAL(cuMemPoolDestroy)(source);
  if (!is_known) return result;
  if (result == CUDA_SUCCESS) pool_gone((struct pool *)(uintptr_t)entry.owner);
  else account_keep(&entry);
  return result;
}

HOOK_EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool source, size_t keep) {
  CUresult result = REAL(cuMemPoolTrimTo)(source, keep);
  struct pool *pool = result == CUDA_SUCCESS ? pool_find(source) : NULL;
  if (pool != NULL) pool_trimmed(pool);
  return result;
}

/* Nothing can be allocated from it here; what is imported from it: hooks-share.c. */
HOOK_EXPORT CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool *pool, void *handle, int type,
                                                        unsigned long long flags) {
  CUresult result = REAL(cuMemPoolImportFromShareableHandle)(pool, handle, type, flags);
  if (result == CUDA_SUCCESS) pool_is_elsewhere(*pool);
  return result;
}

HOOK_EXPORT CUresult cuDeviceGraphMemTrim(CUdevice device) {
  CUresult result = REAL(cuDeviceGraphMemTrim)(device);
  if (result == CUDA_SUCCESS && pool_has_graphs()) pool_trimmed(pool_of_graphs(device));
  return result;
}

/* ---- synchronisations, at which pools let go of what is beyond their threshold ---- */

typedef CUresult (*stream_fn)(CUstream);

static CUresult wait_for(stream_fn real, CUstream stream, uint64_t name) {
  uint64_t mark = pool_mark();
  CUresult result = real(stream);
  if (result == CUDA_SUCCESS) pool_rested(name, mark);
  return result;
}

HOOK_EXPORT CUresult cuStreamSynchronize(CUstream stream) {
  return wait_for(REAL(cuStreamSynchronize), stream, pool_stream(stream, false));
}

HOOK_EXPORT CUresult cuStreamSynchronize_ptsz(CUstream stream) {
  return wait_for(REAL(cuStreamSynchronize_ptsz), stream, pool_stream(stream, true));
}

HOOK_EXPORT CUresult cuEventSynchronize(CUevent event) {
  CUresult result = REAL(cuEventSynchronize)(event);
  if (result == CUDA_SUCCESS) pool_rested(0, 0);
  return result;
}

HOOK_EXPORT CUresult cuCtxSynchronize(void) {
  uint64_t mark = pool_mark();
  CUresult result = REAL(cuCtxSynchronize)();
  if (result == CUDA_SUCCESS) pool_all_rested(mark);
  return result;
}

HOOK_EXPORT CUresult cuCtxSynchronize_v2(CUcontext context) {
  uint64_t mark = pool_mark();
  CUresult result = REAL(cuCtxSynchronize_v2)(context);
  if (result == CUDA_SUCCESS && context == NULL) pool_all_rested(mark);
  else if (result == CUDA_SUCCESS) pool_rested(0, 0);
  return result;
}
