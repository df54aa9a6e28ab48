// SPDX-License-Identifier: Apache-2.0
// Graphs' memory is charged at the launch, kept until trimmed; linked with the driver, run in a slice of 256 MiB.
#include "driver-calls.h"
#include "test.h"

#define MIB (1ull << 20)
#define TOTAL (256 * MIB)

static CUstream stream;

static size_t used(void) {
  size_t free_bytes = 0, total_bytes = 0;
  CLAIM(cuMemGetInfo_v2(&free_bytes, &total_bytes) == CUDA_SUCCESS && total_bytes == TOTAL);
  return total_bytes - free_bytes;
}

static CUgraph a_graph_that_allocates(size_t bytes, CUgraphNode *node, CUdeviceptr *pointer) {
  struct cuda_graph_alloc params = {.props = {.type = 1, .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}}, .bytes = bytes};
  CUgraph graph;
  CLAIM(cuGraphCreate(&graph, 0) == CUDA_SUCCESS);
  CLAIM(cuGraphAddMemAllocNode(node, graph, NULL, 0, &params) == CUDA_SUCCESS && params.address != 0);
  *pointer = params.address;
  return graph;
}

static CUgraph a_graph_that_frees(size_t bytes) {
  CUgraphNode node, end;
  CUdeviceptr pointer;
  CUgraph graph = a_graph_that_allocates(bytes, &node, &pointer);
  CLAIM(cuGraphAddMemFreeNode(&end, graph, &node, 1, pointer) == CUDA_SUCCESS);
  return graph;
}

static CUgraphExec instantiated(CUgraph graph) {
  CUgraphExec exec;
  CLAIM(cuGraphInstantiateWithFlags(&exec, graph, 0) == CUDA_SUCCESS);
  return exec;
}

static CUgraphExec made_by_nodes(size_t bytes) { return instantiated(a_graph_that_frees(bytes)); }

/* A graph with memory cannot be copied into another, only moved. */
static CUgraphExec made_in_a_child(size_t bytes) {
  CUgraph graph;
  CUgraphNode node;
  CUgraph child = a_graph_that_frees(bytes);
  struct cuda_node_params params = {.type = CU_GRAPH_NODE_TYPE_GRAPH};
  params.child.graph = child;
  CLAIM(cuGraphCreate(&graph, 0) == CUDA_SUCCESS);
  CLAIM(cuGraphAddChildGraphNode(&node, graph, NULL, 0, child) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuGraphAddNode_v2(&node, graph, NULL, NULL, 0, &params) == CUDA_ERROR_INVALID_VALUE);
  params.child.ownership = CU_CHILD_GRAPH_MOVE;
  CLAIM(cuGraphAddNode_v2(&node, graph, NULL, NULL, 0, &params) == CUDA_SUCCESS);
  return instantiated(graph);
}

static CUgraphExec made_by_capture(size_t bytes) {
  CUgraph graph;
  CUgraphExec exec;
  CUdeviceptr pointer = 0;
  CLAIM(cuStreamBeginCapture_v2(stream, CU_CAPTURE_MODE_RELAXED) == CUDA_SUCCESS);
  CLAIM(cuMemAllocAsync(&pointer, bytes, stream) == CUDA_SUCCESS && pointer != 0);
  CLAIM(cuMemFreeAsync(pointer, stream) == CUDA_SUCCESS);
  CLAIM(cuStreamEndCapture(stream, &graph) == CUDA_SUCCESS);
  CLAIM(cuGraphInstantiateWithFlags(&exec, graph, 0) == CUDA_SUCCESS);
  return exec;
}

static void is_charged_at_the_launch(CUgraphExec exec) {
  CLAIM(used() == 0);
  for (int i = 0; i < 3; i++) CLAIM(cuGraphLaunch(exec, stream) == CUDA_SUCCESS && used() == 100 * MIB);
  CLAIM(cuStreamSynchronize(stream) == CUDA_SUCCESS && used() == 100 * MIB);
  CLAIM(cuDeviceGraphMemTrim(0) == CUDA_SUCCESS && used() == 0);
  CLAIM(cuGraphUpload(exec, stream) == CUDA_SUCCESS);
  CLAIM(cuGraphLaunch(exec, stream) == CUDA_SUCCESS && used() == 100 * MIB);
  CLAIM(cuGraphExecDestroy(exec) == CUDA_SUCCESS && used() == 100 * MIB);
  CLAIM(cuDeviceGraphMemTrim(0) == CUDA_SUCCESS && used() == 0);
}

static void what_outlives_its_launch_is_charged_until_freed_and_trimmed(void) {
  CUgraphNode node;
  CUdeviceptr pointer, other;
  CUgraphExec exec = instantiated(a_graph_that_allocates(100 * MIB, &node, &pointer));
  CLAIM(used() == 0 && cuMemFreeAsync(pointer, stream) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuGraphLaunch(exec, stream) == CUDA_SUCCESS && used() == 100 * MIB);
  CLAIM(cuGraphLaunch(exec, stream) == CUDA_ERROR_INVALID_VALUE && used() == 100 * MIB);
  CLAIM(cuDeviceGraphMemTrim(0) == CUDA_SUCCESS && used() == 100 * MIB);
  CLAIM(cuMemAlloc_v2(&other, 200 * MIB) == CUDA_ERROR_OUT_OF_MEMORY && used() == 100 * MIB);
  CLAIM(cuMemFreeAsync(pointer, stream) == CUDA_SUCCESS && used() == 100 * MIB);
  CLAIM(cuMemFreeAsync(pointer, stream) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuDeviceGraphMemTrim(0) == CUDA_SUCCESS && used() == 0);
  CLAIM(cuGraphLaunch(exec, stream) == CUDA_SUCCESS && used() == 100 * MIB);
  CLAIM(cuGraphExecDestroy(exec) == CUDA_SUCCESS && used() == 100 * MIB);
  CLAIM(cuMemFree_v2(pointer) == CUDA_SUCCESS && cuDeviceGraphMemTrim(0) == CUDA_SUCCESS && used() == 0);
}

static void what_does_not_fit_is_not_launched(void) {
  CUdeviceptr plain;
  CUgraphExec large = made_by_nodes(300 * MIB), half = made_by_nodes(160 * MIB);
  CLAIM(cuGraphLaunch(large, stream) == CUDA_ERROR_OUT_OF_MEMORY && used() == 0);
  CLAIM(cuMemAlloc_v2(&plain, 128 * MIB) == CUDA_SUCCESS);
  CLAIM(cuGraphLaunch(half, stream) == CUDA_ERROR_OUT_OF_MEMORY && used() == 128 * MIB);
  CLAIM(cuMemFree_v2(plain) == CUDA_SUCCESS && cuGraphLaunch(half, stream) == CUDA_SUCCESS && used() == 160 * MIB);
  CLAIM(cuStreamSynchronize(stream) == CUDA_SUCCESS);
  CLAIM(cuMemAlloc_v2(&plain, 200 * MIB) == CUDA_SUCCESS && used() == 200 * MIB);
  CLAIM(cuMemFree_v2(plain) == CUDA_SUCCESS && used() == 0);
}

int main(void) {
  CUcontext primary;
  CLAIM(cuInit(0) == CUDA_SUCCESS);
  CLAIM(cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS && cuCtxSetCurrent(primary) == CUDA_SUCCESS);
  CLAIM(cuStreamCreate(&stream, 1) == CUDA_SUCCESS);
  is_charged_at_the_launch(made_by_nodes(100 * MIB));
  is_charged_at_the_launch(made_by_capture(100 * MIB));
  is_charged_at_the_launch(made_in_a_child(100 * MIB));
  what_outlives_its_launch_is_charged_until_freed_and_trimmed();
  what_does_not_fit_is_not_launched();
  printf("{\"held\":true}\n");
  return 0;
}
