// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: graphs made ready to run, changed while they are, and launched.
#include <stdlib.h>
#include <string.h>

#include "graph.h"

#define EXEC_MAGIC 0x63657867u
#define FLAGS_KNOWN 0xfull

struct graph_kind graph_kinds[GRAPH_KINDS];

bool graph_is_exec(CUgraphExec exec) { return exec != NULL && exec->magic == EXEC_MAGIC; }

#define CHECK_EXEC(exec)                                         \
  do {                                                           \
    CHECK_READY();                                               \
    if (!graph_is_exec(exec)) return CUDA_ERROR_INVALID_VALUE;   \
  } while (0)

/* ---- instantiate ---- */

static CUresult instantiate(CUgraphExec *exec, CUgraph graph, unsigned long long flags) {
  CHECK_READY();
  CHECK_ARGUMENT(exec != NULL && graph_is(graph) && (flags & ~FLAGS_KNOWN) == 0);
  CUgraphExec made = calloc(1, sizeof(*made));
  if (made == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  made->magic = EXEC_MAGIC;
  made->source = graph;
  made->flags = flags;
  CUresult result = graph_copy(graph, &made->graph);
  if (result != CUDA_SUCCESS) free(made);
  else *exec = made;
  return result;
}

FAKE_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags) {
  return instantiate(exec, graph, flags);
}

FAKE_EXPORT CUresult cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph, CUgraphNode *error_node, char *log, size_t size) {
  if (error_node != NULL) *error_node = NULL;
  if (log != NULL && size > 0) log[0] = '\0';
  return instantiate(exec, graph, 0);
}

FAKE_EXPORT CUresult cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, CUgraphNode *error_node, char *log, size_t size) {
  return cuGraphInstantiate_v2(exec, graph, error_node, log, size);
}

FAKE_EXPORT CUresult cuGraphInstantiateWithParams(CUgraphExec *exec, CUgraph graph, struct cuda_instantiate_params *params) {
  CHECK_READY();
  CHECK_ARGUMENT(params != NULL);
  CUresult result = instantiate(exec, graph, params->flags);
  params->error_node = NULL;
  params->result = result == CUDA_SUCCESS ? 0 : 1;
  return result;
}

FAKE_EXPORT CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec *exec, CUgraph graph,
                                                       struct cuda_instantiate_params *params) {
  return cuGraphInstantiateWithParams(exec, graph, params);
}

static void forget_nodes(CUgraphExec exec, CUgraph graph) {
  for (uint32_t i = 0; i < graph->count; i++) {
    CUgraphNode node = graph->nodes[i];
    if (node->child != NULL) forget_nodes(exec, node->child);
    if (graph_kinds[node->type].forget != NULL) graph_kinds[node->type].forget(exec, node);
  }
}

FAKE_EXPORT CUresult cuGraphExecDestroy(CUgraphExec exec) {
  CHECK_EXEC(exec);
  forget_nodes(exec, exec->graph);
  graph_free(exec->graph);
  exec->magic = 0;
  free(exec);
  return CUDA_SUCCESS;
}

/* ---- change ---- */

static int differs(CUgraph from, CUgraph to) {
  if (from->count != to->count) return CU_UPDATE_TOPOLOGY_CHANGED;
  for (uint32_t i = 0; i < from->count; i++) {
    if (from->nodes[i]->type != to->nodes[i]->type) return CU_UPDATE_NODE_TYPE_CHANGED;
    if (from->nodes[i]->dependency_count != to->nodes[i]->dependency_count) return CU_UPDATE_TOPOLOGY_CHANGED;
    int inside = from->nodes[i]->child != NULL ? differs(from->nodes[i]->child, to->nodes[i]->child) : CU_UPDATE_SUCCESS;
    if (inside != CU_UPDATE_SUCCESS) return inside;
  }
  return CU_UPDATE_SUCCESS;
}

/* Memory nodes keep what they have; all others become the new graph's. */
static void take_parameters(CUgraph to, CUgraph from) {
  for (uint32_t i = 0; i < to->count; i++) {
    to->nodes[i]->kernel = from->nodes[i]->kernel;
    to->nodes[i]->function = from->nodes[i]->function;
    to->nodes[i]->argument = from->nodes[i]->argument;
    if (to->nodes[i]->child != NULL) take_parameters(to->nodes[i]->child, from->nodes[i]->child);
  }
}

static CUresult update(CUgraphExec exec, CUgraph graph, int *answer) {
  *answer = differs(exec->graph, graph);
  if (*answer != CU_UPDATE_SUCCESS) return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  take_parameters(exec->graph, graph);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode *error_node, int *answer) {
  CHECK_EXEC(exec);
  CHECK_ARGUMENT(graph_is(graph) && answer != NULL);
  if (error_node != NULL) *error_node = NULL;
  return update(exec, graph, answer);
}

FAKE_EXPORT CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, struct cuda_update_info *info) {
  CHECK_EXEC(exec);
  CHECK_ARGUMENT(graph_is(graph) && info != NULL);
  *info = (struct cuda_update_info){0};
  return update(exec, graph, &info->result);
}

/* `node` is of the graph that was instantiated; the copy's stands at the same place. */
FAKE_EXPORT CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                    const struct cuda_kernel_params *params) {
  CHECK_EXEC(exec);
  CHECK_ARGUMENT(graph_is_node(node) && node->type == CU_NODE_KERNEL && params != NULL);
  CHECK_ARGUMENT(node->graph == exec->source && node->index < exec->graph->count);
  CUresult result = graph_check_kernel(params);
  if (result != CUDA_SUCCESS) return result;
  memcpy(&exec->graph->nodes[node->index]->kernel, params, offsetof(struct cuda_kernel_params, kernel));
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                                       const struct cuda_kernel_params *params) {
  return cuGraphExecKernelNodeSetParams(exec, node, params);
}

/* ---- launch ---- */

static void add_work(CUgraph graph, uint32_t device, struct timeline_work *work) {
  for (uint32_t i = 0; i < graph->count; i++) {
    CUgraphNode node = graph->nodes[i];
    if (node->child != NULL) add_work(node->child, device, work);
    if (node->type != CU_NODE_KERNEL) continue;
    struct launch_shape shape;
    memcpy(shape.grid, node->kernel.grid, sizeof(shape.grid));
    memcpy(shape.block, node->kernel.block, sizeof(shape.block));
    work->gpu_ns += kernel_gpu_ns(node->kernel.function, &shape, device);
    uint32_t sms = node->kernel.function->kernel.sm_permille;
    if (sms > work->sm_permille) work->sm_permille = sms;
  }
}

static CUresult run_kinds(CUgraphExec exec, CUgraph graph, const struct stream_place *place) {
  for (uint32_t i = 0; i < graph->count; i++) {
    CUgraphNode node = graph->nodes[i];
    CUresult result = node->child != NULL ? run_kinds(exec, node->child, place) : CUDA_SUCCESS;
    if (result == CUDA_SUCCESS && graph_kinds[node->type].launch != NULL)
      result = graph_kinds[node->type].launch(exec, node, place);
    if (result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

static CUresult capture_launch(CUgraphExec exec, const struct stream_place *place) {
  struct CUgraphNode_st like = {.type = CU_NODE_GRAPH};
  CUresult result = graph_copy(exec->graph, &like.child);
  if (result != CUDA_SUCCESS) return result;
  like.child->is_child = true;
  return capture_add(place, &like, NULL);
}

static CUresult launch(CUgraphExec exec, CUstream stream, bool is_per_thread) {
  struct stream_place place;
  struct timeline_moment moment;
  bool is_capturing = false;
  CHECK_EXEC(exec);
  CUresult result = stream_find(stream, is_per_thread, &place);
  if (result == CUDA_SUCCESS) result = capture_of(&place, &is_capturing);
  if (result != CUDA_SUCCESS) return result;
  if (is_capturing) return capture_launch(exec, &place);
  struct timeline_work work = {.kind = TIMELINE_KERNEL, .sm_permille = 1};
  add_work(exec->graph, place.context->device, &work);
  result = run_kinds(exec, exec->graph, &place);
  if (result != CUDA_SUCCESS || (work.gpu_ns == 0 && !stream_is_timed(place.context))) return result;
  return stream_push(&place, &work, &moment);
}

FAKE_EXPORT CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) { return launch(exec, stream, false); }
FAKE_EXPORT CUresult cuGraphLaunch_ptsz(CUgraphExec exec, CUstream stream) { return launch(exec, stream, true); }

static CUresult upload(CUgraphExec exec, CUstream stream, bool is_per_thread) {
  struct stream_place place;
  bool is_capturing = false;
  CHECK_EXEC(exec);
  CUresult result = stream_find(stream, is_per_thread, &place);
  if (result == CUDA_SUCCESS) result = capture_of(&place, &is_capturing);
  return result == CUDA_SUCCESS && is_capturing ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : result;
}

FAKE_EXPORT CUresult cuGraphUpload(CUgraphExec exec, CUstream stream) { return upload(exec, stream, false); }
FAKE_EXPORT CUresult cuGraphUpload_ptsz(CUgraphExec exec, CUstream stream) { return upload(exec, stream, true); }
