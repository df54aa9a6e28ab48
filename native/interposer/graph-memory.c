// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "graph-memory.h"

#include <sys/mman.h>

#include "account.h"
#include "hooks.h"
#include "pool.h"

/* An executable graph has an entry for each device it allocates on. */
#define KIND_OF(index) ((uint8_t)(PTRMAP_GRAPH + (index)))
#define ENTRY_OUTLIVES 1 /* allocates what it does not free: that stays after the launch */
#define CHILDREN_DEEP 8u

/* What a graph may take on each device; built by walking its nodes once an instantiation. */
struct need {
  uint64_t bytes[KERF_DEVICES_MAX];
  struct pool *pools[KERF_DEVICES_MAX];
  uint32_t allocations;
  uint32_t frees;
};

static void add_allocation(struct need *need, CUgraphNode node) {
  struct cuda_graph_alloc params = {0};
  if (DRIVER(cuGraphMemAllocNodeGetParams)(node, &params) != CUDA_SUCCESS) return;
  need->allocations++;
  if (params.props.location.type != CU_MEM_LOCATION_TYPE_DEVICE) return;
  struct pool *pool = pool_of_graphs(params.props.location.id);
  if (pool == NULL) return;
  need->pools[pool->index] = pool;
  need->bytes[pool->index] += account_round(params.bytes);
}

static void add_graph(struct need *need, CUgraph graph, uint32_t depth);

static void add_node(struct need *need, CUgraphNode node, uint32_t depth) {
  int type = -1;
  CUgraph child;
  if (DRIVER(cuGraphNodeGetType)(node, &type) != CUDA_SUCCESS) return;
  if (type == CU_GRAPH_NODE_TYPE_MEM_ALLOC) add_allocation(need, node);
  if (type == CU_GRAPH_NODE_TYPE_MEM_FREE) need->frees++;
  if (type != CU_GRAPH_NODE_TYPE_GRAPH || depth == CHILDREN_DEEP) return;
  if (DRIVER(cuGraphChildGraphNodeGetGraph)(node, &child) == CUDA_SUCCESS) add_graph(need, child, depth + 1);
}

/* Room for the list comes from mmap: hooks may run inside the tenant's allocator. */
static void add_graph(struct need *need, CUgraph graph, uint32_t depth) {
  size_t count = 0;
  if (DRIVER(cuGraphGetNodes)(graph, NULL, &count) != CUDA_SUCCESS || count == 0) return;
  size_t size = count * sizeof(CUgraphNode);
  CUgraphNode *nodes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (nodes == MAP_FAILED) return;
  if (DRIVER(cuGraphGetNodes)(graph, nodes, &count) == CUDA_SUCCESS)
    for (size_t i = 0; i < count && i < size / sizeof(CUgraphNode); i++) add_node(need, nodes[i], depth);
  munmap(nodes, size);
}

void graph_memory_learn(CUgraphExec exec, CUgraph graph) {
  struct need need = {0};
  graph_memory_forget(exec);
  add_graph(&need, graph, 0);
  if (need.allocations == 0) return;
  struct ptrmap *map = account_map();
  for (uint32_t i = 0; i < KERF_DEVICES_MAX && map != NULL; i++) {
    if (need.pools[i] == NULL) continue;
    struct ptrmap_entry entry = {.key = (uint64_t)(uintptr_t)exec,
                                 .bytes = need.bytes[i],
                                 .owner = (uint64_t)(uintptr_t)need.pools[i],
                                 .refs = 0,
                                 .kind = KIND_OF(i),
                                 .flags = need.allocations > need.frees ? ENTRY_OUTLIVES : 0};
    ptrmap_put(map, &entry);
    pool_settle(&(struct pool_turn){.pool = need.pools[i]}, CUDA_SUCCESS);
  }
}

/* An entry's refs: one more than the trims of its pool at the last launch; it has its memory still where they agree. */
static bool has_memory(const struct ptrmap_entry *entry) {
  const struct pool *pool = (const struct pool *)(uintptr_t)entry->owner;
  return entry->refs == __atomic_load_n(&pool->trims, __ATOMIC_SEQ_CST) + 1;
}

static uint64_t outliving(const struct ptrmap_entry *entry) {
  return (entry->flags & ENTRY_OUTLIVES) != 0 ? entry->bytes : 0;
}

static bool is_capturing(CUstream stream) {
  int status = CU_STREAM_NOT_CAPTURING;
  return DRIVER(cuStreamIsCapturing)(stream, &status) == CUDA_SUCCESS && status != CU_STREAM_NOT_CAPTURING;
}

CUresult graph_memory_before(struct graph_memory_turn *turn, CUgraphExec exec, CUstream stream) {
  struct ptrmap_entry entry;
  turn->exec = exec;
  turn->count = 0;
  if (!pool_has_graphs() || is_capturing(stream)) return CUDA_SUCCESS;
  struct ptrmap *map = account_map();
  turn->stream = pool_stream(stream, false);
  for (uint32_t i = 0; i < KERF_DEVICES_MAX && map != NULL; i++) {
    if (!ptrmap_get(map, (uint64_t)(uintptr_t)exec, KIND_OF(i), &entry) || has_memory(&entry)) continue;
    struct pool_turn *next = &turn->turns[turn->count];
    *next = (struct pool_turn){.pool = (struct pool *)(uintptr_t)entry.owner,
                               .bytes = entry.bytes,
                               .live = entry.refs == 0 ? outliving(&entry) : 0};
    CUresult result = pool_charge(next, turn->stream);
    if (result != CUDA_SUCCESS) return graph_memory_after(turn, result);
    turn->count++;
  }
  return CUDA_SUCCESS;
}

static void mark_launched(CUgraphExec exec, const struct pool *pool) {
  struct ptrmap_entry entry;
  struct ptrmap *map = account_map();
  if (map == NULL || !ptrmap_take(map, (uint64_t)(uintptr_t)exec, KIND_OF(pool->index), &entry)) return;
  entry.refs = __atomic_load_n(&pool->trims, __ATOMIC_SEQ_CST) + 1;
  ptrmap_put(map, &entry);
}

/* A driver that takes nothing at an upload takes it at the launch, which is charged ahead like the first. */
CUresult graph_memory_uploaded(const struct graph_memory_turn *turn, CUresult result) {
  for (uint32_t i = 0; i < turn->count; i++) {
    struct pool_turn done = turn->turns[i];
    pool_settle(&done, result);
    if (result == CUDA_SUCCESS && done.live != 0) pool_gave(done.pool, done.live, 0);
  }
  return result;
}

CUresult graph_memory_after(const struct graph_memory_turn *turn, CUresult result) {
  for (uint32_t i = 0; i < turn->count; i++) {
    const struct pool_turn *done = &turn->turns[i];
    pool_settle(done, result);
    if (result != CUDA_SUCCESS) continue;
    mark_launched(turn->exec, done->pool);
    pool_gave(done->pool, 0, turn->stream);
  }
  return result;
}

void graph_memory_forget(CUgraphExec exec) {
  struct ptrmap_entry entry;
  if (!pool_has_graphs()) return;
  struct ptrmap *map = account_map();
  for (uint32_t i = 0; i < KERF_DEVICES_MAX && map != NULL; i++) {
    if (!ptrmap_take(map, (uint64_t)(uintptr_t)exec, KIND_OF(i), &entry)) continue;
    struct pool *pool = (struct pool *)(uintptr_t)entry.owner;
    if (entry.refs != 0) pool_gave(pool, outliving(&entry), 0);
    pool_settle(&(struct pool_turn){.pool = pool}, CUDA_SUCCESS);
  }
}
