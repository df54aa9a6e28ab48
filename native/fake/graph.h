// SPDX-License-Identifier: Apache-2.0
// Inside of the fake libcuda: graphs, what is in them, and streams that record into one.
//
// A kind of node that does something on the host at a launch (graph memory) has a row in graph_kinds; kernels only
// take GPU time, and a launch takes the sum of its kernels'.
#ifndef KERF_FAKE_GRAPH_H
#define KERF_FAKE_GRAPH_H

#include "cuda-graph-abi.h"
#include "work.h"

struct CUgraphNode_st {
  uint32_t magic;
  int type;
  CUgraph graph;
  uint32_t index; /* in its graph */
  uint32_t dependency_count;
  CUgraphNode *dependencies;
  struct cuda_kernel_params kernel;
  CUgraph child;
  CUhostFn function;
  void *argument;
  uint64_t address; /* of memory nodes */
  uint64_t bytes;
  uint64_t owner;
};

struct CUgraph_st {
  uint32_t magic;
  uint32_t count;
  uint32_t capacity;
  bool is_child; /* belongs to a node */
  CUgraphNode *nodes;
};

/* A copy of the graph as it was instantiated or updated. */
struct CUgraphExec_st {
  uint32_t magic;
  CUgraph graph;
  CUgraph source; /* only compared */
  unsigned long long flags; /* of its instantiation */
};

/* What a kind of node does beside taking GPU time; in the order of the nodes, on the launching thread. */
struct graph_kind {
  CUresult (*launch)(CUgraphExec exec, CUgraphNode node, const struct stream_place *place);
  /* The node's executable is destroyed. */
  void (*forget)(CUgraphExec exec, CUgraphNode node);
};

#define GRAPH_KINDS 16
extern struct graph_kind graph_kinds[GRAPH_KINDS];

bool graph_is(CUgraph graph);
bool graph_is_node(CUgraphNode node);
bool graph_is_exec(CUgraphExec exec);
CUgraph graph_make(void);
void graph_free(CUgraph graph);
/* Adds a node of `like`'s type and parameters. */
CUresult graph_add(CUgraph graph, const struct CUgraphNode_st *like, const CUgraphNode *dependencies, size_t count,
                   CUgraphNode *out);
CUresult graph_copy(CUgraph graph, CUgraph *out);
/* A kernel's parameters are such as a launch would take. */
CUresult graph_check_kernel(const struct cuda_kernel_params *params);

/* ---- capture.c ---- */

/* Is anything recorded from the stream? CAPTURE_INVALIDATED where it was and broke. */
CUresult capture_of(const struct stream_place *place, bool *is_capturing);
/* Records a node behind what the stream recorded last. */
CUresult capture_add(const struct stream_place *place, const struct CUgraphNode_st *like, CUgraphNode *out);
/* For calls that wait for a stream or ask it: not allowed of a capturing one, and breaks its capture. */
CUresult capture_check_wait(const struct stream_place *place);
/* For calls on the legacy stream, and such as wait for the whole context. */
CUresult capture_check_context(const struct CUctx_st *context);
/* For calls that are "potentially unsafe" while somebody captures (cuMemAlloc, cuEventQuery): breaks the captures
 * that forbid them to this thread. */
CUresult capture_check_unsafe(void);
/* The stream goes on behind the captured event too, joining its capture if it is in none. */
CUresult capture_join(const struct stream_place *place, const struct capture_point *point);
/* Where a capturing stream is; that of a default stream is its thread's. NULL for the legacy stream. */
struct capture_point *capture_point_of(const struct stream_place *place);
void capture_drop(struct capture_point *point);

struct capture_status {
  int status; /* CU_CAPTURE_… */
  uint64_t id;
  CUgraph graph;
  const struct capture_point *point;
};

/* Records into `graph`, into one of its own where that is NULL. */
CUresult capture_begin(const struct stream_place *place, int mode, CUgraph graph);
CUresult capture_end(const struct stream_place *place, CUgraph *graph);
CUresult capture_status(const struct stream_place *place, struct capture_status *status);
/* A capturing stream was told to wait for work that is not recorded. */
CUresult capture_break_isolation(const struct stream_place *place);
/* Somebody asked for what cannot be known of a captured event. */
CUresult capture_break_event(const struct capture_point *point);

#endif
