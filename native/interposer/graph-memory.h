// SPDX-License-Identifier: Apache-2.0
// Memory that graphs allocate. The driver takes it when a graph is first launched or uploaded, keeps it for the next
// graph, and tells per device what it keeps. hooks-graph.c calls us:
//
//   cuGraphInstantiate*, cuGraphExecUpdate   after success: graph_memory_learn
//   cuGraphLaunch, cuGraphUpload             graph_memory_before → the driver's call → graph_memory_after
//   cuGraphExecDestroy                       after success: graph_memory_forget
//
// A launch into a stream that is being captured launches nothing, and takes nothing.
#ifndef KERF_GRAPH_MEMORY_H
#define KERF_GRAPH_MEMORY_H

#include <stdint.h>

#include "cuda-abi.h"
#include "pool.h"
#include "region.h"

/* What one launch has charged ahead; lives on the hook's stack. */
struct graph_memory_turn {
  CUgraphExec exec;
  uint64_t stream;
  uint32_t count; /* 0: this graph needs nothing more */
  struct pool_turn turns[KERF_DEVICES_MAX];
};

/* How much the nodes of the graph may take, its child graphs' too. */
void graph_memory_learn(CUgraphExec exec, CUgraph graph);
/* The stream as a plain function names it (2 is the thread's own). OUT_OF_MEMORY where it does not fit; then the driver is not called, and graph_memory_after neither. */
CUresult graph_memory_before(struct graph_memory_turn *turn, CUgraphExec exec, CUstream stream);
/* Whatever the driver answered. Returns `result`. */
CUresult graph_memory_after(const struct graph_memory_turn *turn, CUresult result);
/* The same after an upload. */
CUresult graph_memory_uploaded(const struct graph_memory_turn *turn, CUresult result);
void graph_memory_forget(CUgraphExec exec);

#endif
