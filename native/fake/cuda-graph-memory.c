// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: memory that graphs allocate. A node has its address when it is added; memory is taken at the first launch
// or upload, in pieces of 2 MiB, kept for the next launch, and given back by trimming only. What a graph allocates and
// does not free lives on as a pointer until somebody frees it, and the graph cannot be launched again before.
#include <string.h>

#include "graph.h"
#include "pool.h"

#define PIECE (2ull << 20)
/* In the map: what lives between a launch that allocated it and what frees it. Bytes in pieces. */
#define LIVE 0x1cu
#define AUTO_FREE_ON_LAUNCH 1ull

static struct {
  uint64_t reserved;
  uint64_t live; /* of it */
  uint64_t high;
  uint64_t trims;
} kept[FAKE_GPUS_MAX];
static uint32_t busy;

static void lock(void) {
  while (__atomic_exchange_n(&busy, 1u, __ATOMIC_ACQUIRE) != 0) {
  }
}

static void unlock(void) { __atomic_store_n(&busy, 0u, __ATOMIC_RELEASE); }

static bool is_device(CUdevice device) { return device >= 0 && (uint32_t)device < fake_cuda.world.count; }

/* A node's owner: its device in the low byte, above it one more than the trims at which it got its memory. */
static uint32_t device_of(const struct CUgraphNode_st *node) { return (uint32_t)(node->owner & 0xff); }

bool graph_memory_free(CUdeviceptr pointer) {
  struct ptrmap_entry entry;
  if (!ptrmap_take(&fake_cuda.map, pointer, LIVE, &entry)) return false;
  lock();
  kept[entry.device].live -= entry.bytes;
  unlock();
  return true;
}

static bool take_memory(CUgraphNode node, uint32_t device, uint64_t bytes) {
  bool has_memory = node->owner >> 8 == kept[device].trims + 1;
  if (has_memory) return true;
  if (!world_charge(&fake_cuda.world, cuda_gpu(device)->index, bytes, REGION_CLASS_ASYNC)) return false;
  kept[device].reserved += bytes;
  if (kept[device].high < kept[device].reserved) kept[device].high = kept[device].reserved;
  node->owner = device | (kept[device].trims + 1) << 8;
  return true;
}

static CUresult launch_alloc(CUgraphExec exec, CUgraphNode node, const struct stream_place *place) {
  (void)place;
  uint32_t device = device_of(node);
  uint64_t bytes = (node->bytes + PIECE - 1) / PIECE * PIECE;
  struct ptrmap_entry live = {.key = node->address, .bytes = bytes, .refs = 1, .kind = LIVE, .device = (uint8_t)device};
  live.owner = device;
  bool is_live = ptrmap_get(&fake_cuda.map, node->address, LIVE, &live);
  if (is_live) return (exec->flags & AUTO_FREE_ON_LAUNCH) != 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  lock();
  bool fits = take_memory(node, device, bytes);
  if (fits) kept[device].live += bytes;
  unlock();
  if (fits) ptrmap_put(&fake_cuda.map, &live);
  return fits ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult launch_free(CUgraphExec exec, CUgraphNode node, const struct stream_place *place) {
  (void)exec, (void)place;
  return graph_memory_free(node->address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

__attribute__((constructor)) static void add_kinds(void) {
  graph_kinds[CU_GRAPH_NODE_TYPE_MEM_ALLOC].launch = launch_alloc;
  graph_kinds[CU_GRAPH_NODE_TYPE_MEM_FREE].launch = launch_free;
}

/* What lives stays; its node gets new memory when it is launched again. */
static void trim(uint32_t device) {
  lock();
  uint64_t idle = kept[device].reserved - kept[device].live;
  if (idle > 0) world_refund(&fake_cuda.world, cuda_gpu(device)->index, idle, REGION_CLASS_ASYNC);
  kept[device].reserved = kept[device].live;
  kept[device].trims++;
  unlock();
}

static void drop_live(const struct ptrmap_entry *entry, void *context) {
  (void)context;
  kept[entry->device].live -= entry->bytes;
}

void graph_memory_reset(uint32_t device) {
  ptrmap_sweep(&fake_cuda.map, device, LIVE, drop_live, NULL);
  trim(device);
}

bool graph_memory_is_in(CUgraph graph) {
  for (uint32_t i = 0; i < graph->count; i++) {
    CUgraphNode node = graph->nodes[i];
    if (node->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || node->type == CU_GRAPH_NODE_TYPE_MEM_FREE) return true;
    if (node->child != NULL && graph_memory_is_in(node->child)) return true;
  }
  return false;
}

static CUresult make_node(struct CUgraphNode_st *node, uint64_t bytes, uint32_t device) {
  CHECK_ARGUMENT(bytes > 0);
  if (bytes > REGION_USED_MASK) return CUDA_ERROR_OUT_OF_MEMORY;
  *node = (struct CUgraphNode_st){
      .type = CU_GRAPH_NODE_TYPE_MEM_ALLOC, .address = arena_take(bytes), .bytes = bytes, .owner = device};
  return node->address != 0 ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

#define NODE_ARGUMENTS CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count

FAKE_EXPORT CUresult cuGraphAddMemAllocNode(NODE_ARGUMENTS, struct cuda_graph_alloc *params) {
  struct CUgraphNode_st like;
  CHECK_READY();
  CHECK_ARGUMENT(params != NULL && params->props.location.type == CU_MEM_LOCATION_TYPE_DEVICE && graph_is(graph));
  if (!is_device(params->props.location.id)) return CUDA_ERROR_INVALID_DEVICE;
  CUresult result = make_node(&like, params->bytes, (uint32_t)params->props.location.id);
  if (result == CUDA_SUCCESS) result = graph_add(graph, &like, dependencies, count, node);
  if (result == CUDA_SUCCESS) params->address = like.address;
  return result;
}

FAKE_EXPORT CUresult cuGraphAddMemFreeNode(NODE_ARGUMENTS, CUdeviceptr pointer) {
  CHECK_READY();
  CHECK_ARGUMENT(pointer != 0 && graph_is(graph));
  struct CUgraphNode_st like = {.type = CU_GRAPH_NODE_TYPE_MEM_FREE, .address = pointer};
  return graph_add(graph, &like, dependencies, count, node);
}

FAKE_EXPORT CUresult cuGraphMemAllocNodeGetParams(CUgraphNode node, struct cuda_graph_alloc *params) {
  CHECK_READY();
  CHECK_ARGUMENT(params != NULL && graph_is_node(node) && node->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC);
  memset(params, 0, sizeof(*params));
  params->props.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  params->props.location = (struct cuda_mem_location){CU_MEM_LOCATION_TYPE_DEVICE, (int)device_of(node)};
  params->bytes = node->bytes;
  params->address = node->address;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGetGraphMemAttribute(CUdevice device, int attribute, void *value) {
  CHECK_READY();
  CHECK_ARGUMENT(value != NULL && attribute >= CU_GRAPH_MEM_USED_CURRENT && attribute <= CU_GRAPH_MEM_RESERVED_HIGH);
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  bool is_used = attribute == CU_GRAPH_MEM_USED_CURRENT;
  bool is_high = attribute == CU_GRAPH_MEM_USED_HIGH || attribute == CU_GRAPH_MEM_RESERVED_HIGH;
  *(uint64_t *)value = is_high ? kept[device].high : is_used ? kept[device].live : kept[device].reserved;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGraphMemTrim(CUdevice device) {
  CHECK_READY();
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  trim((uint32_t)device);
  return CUDA_SUCCESS;
}

/* ---- captured ---- */

CUresult graph_memory_capture(CUdeviceptr *out, size_t size, const struct stream_place *place) {
  struct CUgraphNode_st like;
  CUgraphNode node;
  CHECK_ARGUMENT(out != NULL);
  CUresult result = make_node(&like, size, place->context->device);
  if (result == CUDA_SUCCESS) result = capture_add(place, &like, &node);
  if (result == CUDA_SUCCESS) *out = like.address;
  return result;
}

CUresult graph_memory_capture_free(CUdeviceptr pointer, const struct stream_place *place) {
  CUgraphNode node;
  struct CUgraphNode_st like = {.type = CU_GRAPH_NODE_TYPE_MEM_FREE, .address = pointer};
  return capture_add(place, &like, &node);
}
