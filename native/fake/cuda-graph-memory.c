// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: memory that graphs allocate. A node has its address when it is added; memory is taken at the first launch
// or upload, in pieces of 2 MiB, kept for the next launch, and given back by trimming only.
#include <string.h>

#include "graph.h"
#include "pool.h"

#define PIECE (2ull << 20)

static struct {
  uint64_t reserved;
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

static CUresult launch_alloc(CUgraphExec exec, CUgraphNode node, const struct stream_place *place) {
  (void)exec, (void)place;
  uint32_t device = device_of(node);
  uint64_t bytes = (node->bytes + PIECE - 1) / PIECE * PIECE;
  lock();
  bool has_memory = node->owner >> 8 == kept[device].trims + 1;
  bool fits = has_memory || world_charge(&fake_cuda.world, cuda_gpu(device)->index, bytes, REGION_CLASS_ASYNC);
  if (fits && !has_memory) {
    kept[device].reserved += bytes;
    if (kept[device].high < kept[device].reserved) kept[device].high = kept[device].reserved;
    node->owner = device | (kept[device].trims + 1) << 8;
  }
  unlock();
  return fits ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

__attribute__((constructor)) static void add_kind(void) {
  graph_kinds[CU_GRAPH_NODE_TYPE_MEM_ALLOC].launch = launch_alloc;
}

static void trim(uint32_t device) {
  lock();
  if (kept[device].reserved > 0)
    world_refund(&fake_cuda.world, cuda_gpu(device)->index, kept[device].reserved, REGION_CLASS_ASYNC);
  kept[device].reserved = 0;
  kept[device].trims++;
  unlock();
}

void graph_memory_reset(uint32_t device) { trim(device); }

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
  bool is_high = attribute == CU_GRAPH_MEM_USED_HIGH || attribute == CU_GRAPH_MEM_RESERVED_HIGH;
  *(uint64_t *)value = is_high ? kept[device].high : kept[device].reserved;
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
