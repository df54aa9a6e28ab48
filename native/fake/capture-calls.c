// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: the calls by which a program begins, ends and asks about captures, in all their forms.
#include <string.h>

#include "graph.h"

static CUresult begin(CUstream stream, bool is_per_thread, int mode, CUgraph graph) {
  struct stream_place place;
  CUresult result = stream_find(stream, is_per_thread, &place);
  return result == CUDA_SUCCESS ? capture_begin(&place, mode, graph) : result;
}

FAKE_EXPORT CUresult cuStreamBeginCapture(CUstream stream) { return begin(stream, false, CU_CAPTURE_GLOBAL, NULL); }
FAKE_EXPORT CUresult cuStreamBeginCapture_ptsz(CUstream stream) { return begin(stream, true, CU_CAPTURE_GLOBAL, NULL); }
FAKE_EXPORT CUresult cuStreamBeginCapture_v2(CUstream stream, int mode) { return begin(stream, false, mode, NULL); }
FAKE_EXPORT CUresult cuStreamBeginCapture_v2_ptsz(CUstream stream, int mode) { return begin(stream, true, mode, NULL); }

static CUresult begin_to_graph(CUstream stream, bool is_per_thread, int mode, CUgraph graph) {
  CHECK_READY();
  CHECK_ARGUMENT(graph_is(graph));
  return begin(stream, is_per_thread, mode, graph);
}

#define TO_GRAPH CUstream stream, CUgraph graph, const CUgraphNode *dependencies, const void *edges, size_t count, int mode

FAKE_EXPORT CUresult cuStreamBeginCaptureToGraph(TO_GRAPH) {
  (void)dependencies, (void)edges, (void)count;
  return begin_to_graph(stream, false, mode, graph);
}

FAKE_EXPORT CUresult cuStreamBeginCaptureToGraph_ptsz(TO_GRAPH) {
  (void)dependencies, (void)edges, (void)count;
  return begin_to_graph(stream, true, mode, graph);
}

static CUresult end(CUstream stream, bool is_per_thread, CUgraph *graph) {
  struct stream_place place;
  CUresult result = stream_find(stream, is_per_thread, &place);
  CHECK_ARGUMENT(graph != NULL);
  return result == CUDA_SUCCESS ? capture_end(&place, graph) : result;
}

FAKE_EXPORT CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) { return end(stream, false, graph); }
FAKE_EXPORT CUresult cuStreamEndCapture_ptsz(CUstream stream, CUgraph *graph) { return end(stream, true, graph); }

/* ---- questions: what is not asked for is NULL ---- */

struct question {
  int *status;
  uint64_t *id;
  CUgraph *graph;
  const CUgraphNode **dependencies;
  size_t *count;
};

static CUresult ask(CUstream stream, bool is_per_thread, const struct question *question) {
  struct stream_place place;
  struct capture_status status;
  CUresult result = stream_find(stream, is_per_thread, &place);
  CHECK_ARGUMENT(question->status != NULL);
  if (result == CUDA_SUCCESS) result = capture_status(&place, &status);
  if (result != CUDA_SUCCESS) return result;
  *question->status = status.status;
  if (status.status != CU_CAPTURE_ACTIVE) return CUDA_SUCCESS;
  if (question->id != NULL) *question->id = status.id;
  if (question->graph != NULL) *question->graph = status.graph;
  if (question->dependencies != NULL) *question->dependencies = status.point->nodes;
  if (question->count != NULL) *question->count = status.point->count;
  return CUDA_SUCCESS;
}

#define ASK(is_per_thread, ...) ask(stream, is_per_thread, &(struct question){__VA_ARGS__})

FAKE_EXPORT CUresult cuStreamIsCapturing(CUstream stream, int *status) { return ASK(false, .status = status); }
FAKE_EXPORT CUresult cuStreamIsCapturing_ptsz(CUstream stream, int *status) { return ASK(true, .status = status); }

FAKE_EXPORT CUresult cuStreamGetCaptureInfo(CUstream stream, int *status, uint64_t *id) {
  return ASK(false, .status = status, .id = id);
}

FAKE_EXPORT CUresult cuStreamGetCaptureInfo_ptsz(CUstream stream, int *status, uint64_t *id) {
  return ASK(true, .status = status, .id = id);
}

#define INFO CUstream stream, int *status, uint64_t *id, CUgraph *graph, const CUgraphNode **dependencies

FAKE_EXPORT CUresult cuStreamGetCaptureInfo_v2(INFO, size_t *count) {
  return ASK(false, status, id, graph, dependencies, count);
}

FAKE_EXPORT CUresult cuStreamGetCaptureInfo_v2_ptsz(INFO, size_t *count) {
  return ASK(true, status, id, graph, dependencies, count);
}

FAKE_EXPORT CUresult cuStreamGetCaptureInfo_v3(INFO, const void **edges, size_t *count) {
  if (edges != NULL) *edges = NULL;
  return ASK(false, status, id, graph, dependencies, count);
}

FAKE_EXPORT CUresult cuStreamGetCaptureInfo_v3_ptsz(INFO, const void **edges, size_t *count) {
  if (edges != NULL) *edges = NULL;
  return ASK(true, status, id, graph, dependencies, count);
}
