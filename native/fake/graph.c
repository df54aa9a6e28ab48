// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: graphs and their nodes.
#include "graph-memory.h"

#include <stdlib.h>
#include <string.h>

#define GRAPH_MAGIC 0x68707267u
#define NODE_MAGIC 0x65646f6eu

bool graph_is(CUgraph graph) { return graph != NULL && graph->magic == GRAPH_MAGIC; }
bool graph_is_node(CUgraphNode node) { return node != NULL && node->magic == NODE_MAGIC; }

#define CHECK_GRAPH(graph)                                  \
  do {                                                      \
    CHECK_READY();                                          \
    if (!graph_is(graph)) return CUDA_ERROR_INVALID_VALUE;  \
  } while (0)
#define CHECK_NODE(node, kind)                                                                       \
  do {                                                                                               \
    CHECK_READY();                                                                                   \
    if (!graph_is_node(node) || (node)->type != (kind)) return CUDA_ERROR_INVALID_VALUE;             \
  } while (0)

CUgraph graph_make(void) {
  CUgraph graph = calloc(1, sizeof(*graph));
  if (graph != NULL) graph->magic = GRAPH_MAGIC;
  return graph;
}

void graph_free(CUgraph graph) {
  for (uint32_t i = 0; i < graph->count; i++) {
    CUgraphNode node = graph->nodes[i];
    if (node->child != NULL) graph_free(node->child);
    free(node->dependencies);
    node->magic = 0;
    free(node);
  }
  free(graph->nodes);
  graph->magic = 0;
  free(graph);
}

static bool has_room(CUgraph graph) {
  if (graph->count < graph->capacity) return true;
  uint32_t capacity = graph->capacity == 0 ? 16 : graph->capacity * 2;
  CUgraphNode *nodes = realloc(graph->nodes, capacity * sizeof(*nodes));
  if (nodes == NULL) return false;
  graph->nodes = nodes;
  graph->capacity = capacity;
  return true;
}

static bool copy_dependencies(CUgraphNode node, const CUgraphNode *dependencies, size_t count) {
  if (count == 0) return true;
  node->dependencies = malloc(count * sizeof(*dependencies));
  if (node->dependencies == NULL) return false;
  memcpy(node->dependencies, dependencies, count * sizeof(*dependencies));
  node->dependency_count = (uint32_t)count;
  return true;
}

CUresult graph_add(CUgraph graph, const struct CUgraphNode_st *like, const CUgraphNode *dependencies, size_t count,
                   CUgraphNode *out) {
  CHECK_ARGUMENT(count == 0 || dependencies != NULL);
  for (size_t i = 0; i < count; i++)
    CHECK_ARGUMENT(graph_is_node(dependencies[i]) && dependencies[i]->graph == graph);
  CUgraphNode node = malloc(sizeof(*node));
  if (node == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  *node = *like;
  node->magic = NODE_MAGIC;
  node->graph = graph;
  node->index = graph->count;
  node->dependencies = NULL;
  node->dependency_count = 0;
  if (!has_room(graph) || !copy_dependencies(node, dependencies, count)) {
    free(node);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  graph->nodes[graph->count++] = node;
  if (out != NULL) *out = node;
  return CUDA_SUCCESS;
}

/* Nodes of the copy stand where the original's stand, so dependencies are found by index. */
static CUresult copy_node(CUgraph to, const struct CUgraphNode_st *node) {
  CUgraphNode copied;
  struct CUgraphNode_st like = *node;
  CUresult result = CUDA_SUCCESS;
  if (node->child != NULL) result = graph_copy(node->child, &like.child);
  if (result == CUDA_SUCCESS) result = graph_add(to, &like, NULL, 0, &copied);
  if (result != CUDA_SUCCESS || node->dependency_count == 0) return result;
  if (!copy_dependencies(copied, node->dependencies, node->dependency_count)) return CUDA_ERROR_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < copied->dependency_count; i++)
    copied->dependencies[i] = to->nodes[node->dependencies[i]->index];
  return CUDA_SUCCESS;
}

CUresult graph_copy(CUgraph graph, CUgraph *out) {
  *out = graph_make();
  if (*out == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < graph->count; i++) {
    CUresult result = copy_node(*out, graph->nodes[i]);
    if (result == CUDA_SUCCESS) continue;
    graph_free(*out);
    *out = NULL;
    return result;
  }
  (*out)->is_child = graph->is_child;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphCreate(CUgraph *graph, unsigned int flags) {
  CHECK_READY();
  CHECK_ARGUMENT(graph != NULL && flags == 0);
  *graph = graph_make();
  return *graph == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphDestroy(CUgraph graph) {
  CHECK_GRAPH(graph);
  CHECK_ARGUMENT(!graph->is_child);
  graph_free(graph);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphClone(CUgraph *clone, CUgraph graph) {
  CHECK_GRAPH(graph);
  CHECK_ARGUMENT(clone != NULL);
  return graph_copy(graph, clone);
}

/* ---- nodes ---- */

CUresult graph_check_kernel(const struct cuda_kernel_params *params) {
  if (!kernel_is_function(params->function)) return CUDA_ERROR_INVALID_HANDLE;
  for (int i = 0; i < 3; i++) CHECK_ARGUMENT(params->grid[i] > 0 && params->block[i] > 0);
  return CUDA_SUCCESS;
}

#define NODE_ARGUMENTS CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count

/* Only what both forms of the parameters have is read. */
static void take_kernel(struct cuda_kernel_params *out, const struct cuda_kernel_params *params) {
  memset(out, 0, sizeof(*out));
  memcpy(out, params, offsetof(struct cuda_kernel_params, kernel));
}

FAKE_EXPORT CUresult cuGraphAddKernelNode(NODE_ARGUMENTS, const struct cuda_kernel_params *params) {
  struct CUgraphNode_st like = {.type = CU_NODE_KERNEL};
  CHECK_GRAPH(graph);
  CHECK_ARGUMENT(node != NULL && params != NULL);
  CUresult result = graph_check_kernel(params);
  take_kernel(&like.kernel, params);
  return result == CUDA_SUCCESS ? graph_add(graph, &like, dependencies, count, node) : result;
}

FAKE_EXPORT CUresult cuGraphAddKernelNode_v2(NODE_ARGUMENTS, const struct cuda_kernel_params *params) {
  return cuGraphAddKernelNode(node, graph, dependencies, count, params);
}

FAKE_EXPORT CUresult cuGraphAddEmptyNode(NODE_ARGUMENTS) {
  CHECK_GRAPH(graph);
  CHECK_ARGUMENT(node != NULL);
  return graph_add(graph, &(struct CUgraphNode_st){.type = CU_NODE_EMPTY}, dependencies, count, node);
}

/* Addresses cannot be copied: such a graph has to be moved. */
FAKE_EXPORT CUresult cuGraphAddChildGraphNode(NODE_ARGUMENTS, CUgraph child) {
  struct CUgraphNode_st like = {.type = CU_NODE_GRAPH};
  CHECK_GRAPH(graph);
  CHECK_ARGUMENT(node != NULL && graph_is(child) && !graph_memory_is_in(child));
  CUresult result = graph_copy(child, &like.child);
  if (result != CUDA_SUCCESS) return result;
  like.child->is_child = true;
  return graph_add(graph, &like, dependencies, count, node);
}

/* Of all kinds of nodes, child graphs alone: what no older call can do is to move one. */
FAKE_EXPORT CUresult cuGraphAddNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, const void *edges,
                                       size_t count, struct cuda_node_params *params) {
  (void)edges;
  CHECK_GRAPH(graph);
  CHECK_ARGUMENT(node != NULL && params != NULL && params->type == CU_NODE_GRAPH && graph_is(params->child.graph));
  CUgraph child = params->child.graph;
  if (params->child.ownership == CU_CHILD_GRAPH_CLONE)
    return cuGraphAddChildGraphNode(node, graph, dependencies, count, child);
  CHECK_ARGUMENT(params->child.ownership == CU_CHILD_GRAPH_MOVE && child != graph && !child->is_child);
  struct CUgraphNode_st like = {.type = CU_NODE_GRAPH, .child = child};
  CUresult result = graph_add(graph, &like, dependencies, count, node);
  if (result == CUDA_SUCCESS) child->is_child = true;
  return result;
}

FAKE_EXPORT CUresult cuGraphKernelNodeGetParams(CUgraphNode node, struct cuda_kernel_params *params) {
  CHECK_NODE(node, CU_NODE_KERNEL);
  CHECK_ARGUMENT(params != NULL);
  memcpy(params, &node->kernel, offsetof(struct cuda_kernel_params, kernel));
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode node, struct cuda_kernel_params *params) {
  CHECK_NODE(node, CU_NODE_KERNEL);
  CHECK_ARGUMENT(params != NULL);
  *params = node->kernel;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphKernelNodeSetParams(CUgraphNode node, const struct cuda_kernel_params *params) {
  CHECK_NODE(node, CU_NODE_KERNEL);
  CHECK_ARGUMENT(params != NULL);
  CUresult result = graph_check_kernel(params);
  if (result == CUDA_SUCCESS) take_kernel(&node->kernel, params);
  return result;
}

FAKE_EXPORT CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node, const struct cuda_kernel_params *params) {
  return cuGraphKernelNodeSetParams(node, params);
}

/* Says how many there are, or fills what there is room for. */
FAKE_EXPORT CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count) {
  CHECK_GRAPH(graph);
  CHECK_ARGUMENT(count != NULL);
  for (size_t i = 0; nodes != NULL && i < *count; i++) nodes[i] = i < graph->count ? graph->nodes[i] : NULL;
  if (nodes == NULL || *count > graph->count) *count = graph->count;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphNodeGetType(CUgraphNode node, int *type) {
  CHECK_READY();
  CHECK_ARGUMENT(graph_is_node(node) && type != NULL);
  *type = node->type;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph *graph) {
  CHECK_NODE(node, CU_NODE_GRAPH);
  CHECK_ARGUMENT(graph != NULL);
  *graph = node->child;
  return CUDA_SUCCESS;
}
