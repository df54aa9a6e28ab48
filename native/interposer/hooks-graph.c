// SPDX-License-Identifier: Apache-2.0
// Graphs: one launch is all of its work, and costs what the same graph took before.
#include "compute.h"
#include "graph-memory.h"
#include "hooks.h"

#define PER_THREAD(stream) \
  ((stream) == NULL ? (CUstream)(uintptr_t)CU_STREAM_PER_THREAD_NUMBER : (stream))

typedef CUresult (*launch_fn)(CUgraphExec, CUstream);

static CUresult launch_timed(launch_fn real, CUgraphExec exec, CUstream stream, CUstream plain) {
  struct compute_launch launch;
  launch.key = NULL;
  struct cost_shape shape;
  if (exec == NULL || !compute_is_limited()) return real(exec, stream);
  compute_shape_graph(&shape, exec);
  compute_before(&launch, &shape, plain, COMPUTE_KERNEL);
  return compute_after(&launch, real(exec, stream));
}

/* Memory first: a launch that does not fit costs no device time. */
static CUresult launch_graph(launch_fn real, CUgraphExec exec, CUstream stream, CUstream plain) {
  struct graph_memory_turn turn;
  CUresult result = graph_memory_before(&turn, exec, plain);
  return result == CUDA_SUCCESS ? graph_memory_after(&turn, launch_timed(real, exec, stream, plain)) : result;
}

HOOK_EXPORT CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
  return launch_graph(REAL(cuGraphLaunch), exec, stream, stream);
}

HOOK_EXPORT CUresult cuGraphLaunch_ptsz(CUgraphExec exec, CUstream stream) {
  return launch_graph(REAL(cuGraphLaunch_ptsz), exec, stream, PER_THREAD(stream));
}

/* Takes a graph's memory ahead of its launch. */
static CUresult upload_graph(launch_fn real, CUgraphExec exec, CUstream stream, CUstream plain) {
  struct graph_memory_turn turn;
  CUresult result = graph_memory_before(&turn, exec, plain);
  return result == CUDA_SUCCESS ? graph_memory_uploaded(&turn, real(exec, stream)) : result;
}

HOOK_EXPORT CUresult cuGraphUpload(CUgraphExec exec, CUstream stream) {
  return upload_graph(REAL(cuGraphUpload), exec, stream, stream);
}

HOOK_EXPORT CUresult cuGraphUpload_ptsz(CUgraphExec exec, CUstream stream) {
  return upload_graph(REAL(cuGraphUpload_ptsz), exec, stream, PER_THREAD(stream));
}

/* ---- made: another graph may have had this address ---- */

static CUresult made(CUresult result, const CUgraphExec *exec, CUgraph graph) {
  if (result != CUDA_SUCCESS || exec == NULL) return result;
  compute_forget_graph(*exec);
  graph_memory_learn(*exec, graph);
  return result;
}

HOOK_EXPORT CUresult cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, CUgraphNode *node, char *log, size_t size) {
  return made(REAL(cuGraphInstantiate)(exec, graph, node, log, size), exec, graph);
}

HOOK_EXPORT CUresult cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph, CUgraphNode *node, char *log,
                                           size_t size) {
  return made(REAL(cuGraphInstantiate_v2)(exec, graph, node, log, size), exec, graph);
}

HOOK_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags) {
  return made(REAL(cuGraphInstantiateWithFlags)(exec, graph, flags), exec, graph);
}

HOOK_EXPORT CUresult cuGraphInstantiateWithParams(CUgraphExec *exec, CUgraph graph, void *params) {
  return made(REAL(cuGraphInstantiateWithParams)(exec, graph, params), exec, graph);
}

HOOK_EXPORT CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec *exec, CUgraph graph, void *params) {
  return made(REAL(cuGraphInstantiateWithParams_ptsz)(exec, graph, params), exec, graph);
}

/* ---- changed ---- */

static CUresult changed(CUresult result, CUgraphExec exec, CUgraph graph) {
  if (result != CUDA_SUCCESS) return result;
  compute_doubt_graph(exec);
  graph_memory_learn(exec, graph);
  return result;
}

HOOK_EXPORT CUresult cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode *node, int *answer) {
  return changed(REAL(cuGraphExecUpdate)(exec, graph, node, answer), exec, graph);
}

HOOK_EXPORT CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, void *info) {
  return changed(REAL(cuGraphExecUpdate_v2)(exec, graph, info), exec, graph);
}

HOOK_EXPORT CUresult cuGraphExecDestroy(CUgraphExec exec) {
  CUresult result = REAL(cuGraphExecDestroy)(exec);
  if (result != CUDA_SUCCESS) return result;
  compute_forget_graph(exec);
  graph_memory_forget(exec);
  return result;
}
