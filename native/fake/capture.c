// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: streams that record instead of running. A forbidden call breaks the capture, as in the driver: it
// answers with an error, all that comes after does, and cuStreamEndCapture gives no graph.
#include <pthread.h>
#include <string.h>

#include "graph.h"

#define CAPTURES 64u

struct capture {
  uint64_t id; /* 0: free */
  int mode;
  bool is_broken;
  bool is_blocking; /* takes part: a stream that waits for the legacy one */
  bool is_graph_given; /* recorded into a graph of the program's */
  const void *thread;
  const struct CUctx_st *context;
  struct capture_point *origin;
  CUgraph graph;
  uint32_t joined_count;
  struct capture_point *joined[CAPTURES];
};

static struct capture captures[CAPTURES];
static uint32_t live;
static uint64_t last_id;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread struct capture_point own_point; /* of the thread's default stream */
static struct capture_point nobodys_point;
static __thread int thread_mode = CU_CAPTURE_GLOBAL;

static bool is_anybody(void) { return __atomic_load_n(&live, __ATOMIC_ACQUIRE) > 0; }

struct capture_point *capture_point_of(const struct stream_place *place) {
  if (place->stream != NULL) return &place->stream->point;
  return place->lane == LANE_LEGACY ? NULL : &own_point;
}

static struct capture *find(uint64_t id) {
  for (uint32_t i = 0; i < CAPTURES && id != 0; i++)
    if (captures[i].id == id) return &captures[i];
  return NULL;
}

/* ---- what breaks a capture ---- */

static CUresult check_legacy(const struct CUctx_st *context, CUresult answer) {
  bool is_any = false;
  for (uint32_t i = 0; i < CAPTURES; i++) {
    if (captures[i].id == 0 || captures[i].context != context) continue;
    if (answer == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT && !captures[i].is_blocking) continue;
    captures[i].is_broken = is_any = true;
  }
  return is_any ? answer : CUDA_SUCCESS;
}

static CUresult find_of(const struct stream_place *place, struct capture **capture) {
  struct capture_point *point = capture_point_of(place);
  *capture = NULL;
  if (point == NULL) return check_legacy(place->context, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  *capture = find(point->capture);
  return *capture != NULL && (*capture)->is_broken ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
}

CUresult capture_of(const struct stream_place *place, bool *is_capturing) {
  struct capture *capture;
  *is_capturing = false;
  if (!is_anybody()) return CUDA_SUCCESS;
  pthread_mutex_lock(&lock);
  CUresult result = find_of(place, &capture);
  *is_capturing = result == CUDA_SUCCESS && capture != NULL;
  pthread_mutex_unlock(&lock);
  return result;
}

CUresult capture_check_context(const struct CUctx_st *context) {
  if (!is_anybody()) return CUDA_SUCCESS;
  pthread_mutex_lock(&lock);
  CUresult result = check_legacy(context, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  pthread_mutex_unlock(&lock);
  return result == CUDA_SUCCESS ? capture_check_unsafe() : result;
}

/* A relaxed thread may do anything; a thread-local one looks only at its own captures; relaxed captures allow all. */
static bool forbids(const struct capture *capture) {
  if (capture->id == 0 || capture->mode == CU_CAPTURE_RELAXED) return false;
  bool is_own = capture->thread == &thread_mode;
  return is_own || (capture->mode == CU_CAPTURE_GLOBAL && thread_mode == CU_CAPTURE_GLOBAL);
}

CUresult capture_check_unsafe(void) {
  bool is_any = false;
  if (!is_anybody() || thread_mode == CU_CAPTURE_RELAXED) return CUDA_SUCCESS;
  pthread_mutex_lock(&lock);
  for (uint32_t i = 0; i < CAPTURES; i++) {
    if (!forbids(&captures[i])) continue;
    captures[i].is_broken = is_any = true;
  }
  pthread_mutex_unlock(&lock);
  return is_any ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult capture_check_wait(const struct stream_place *place) {
  struct capture *capture;
  if (!is_anybody()) return CUDA_SUCCESS;
  pthread_mutex_lock(&lock);
  CUresult result = find_of(place, &capture);
  if (capture != NULL && result == CUDA_SUCCESS) {
    capture->is_broken = true;
    result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  pthread_mutex_unlock(&lock);
  return result == CUDA_SUCCESS ? capture_check_unsafe() : result;
}

static CUresult break_with(uint64_t id, CUresult answer) {
  pthread_mutex_lock(&lock);
  struct capture *capture = find(id);
  if (capture != NULL) capture->is_broken = true;
  pthread_mutex_unlock(&lock);
  return answer;
}

CUresult capture_break_event(const struct capture_point *point) {
  return break_with(point->capture, CUDA_ERROR_CAPTURED_EVENT);
}

CUresult capture_break_isolation(const struct stream_place *place) {
  return break_with(capture_point_of(place)->capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
}

/* ---- recording ---- */

CUresult capture_add(const struct stream_place *place, const struct CUgraphNode_st *like, CUgraphNode *out) {
  CUgraphNode node = NULL;
  struct capture_point *point = capture_point_of(place);
  pthread_mutex_lock(&lock);
  struct capture *capture = find(point->capture);
  CUresult result = capture == NULL ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
                                    : graph_add(capture->graph, like, point->nodes, point->count, &node);
  if (result == CUDA_SUCCESS) {
    point->nodes[0] = node;
    point->count = 1;
  }
  pthread_mutex_unlock(&lock);
  if (out != NULL) *out = node;
  return result;
}

static bool has_node(const struct capture_point *point, CUgraphNode node) {
  for (uint32_t i = 0; i < point->count; i++)
    if (point->nodes[i] == node) return true;
  return false;
}

/* More than a point holds become one empty node. */
static CUresult go_behind(struct capture *capture, struct capture_point *point, CUgraphNode node) {
  if (has_node(point, node)) return CUDA_SUCCESS;
  if (point->count == CAPTURE_POINT_MOST) {
    struct CUgraphNode_st like = {.type = CU_NODE_EMPTY};
    CUresult result = graph_add(capture->graph, &like, point->nodes, point->count, &point->nodes[0]);
    if (result != CUDA_SUCCESS) return result;
    point->count = 1;
  }
  point->nodes[point->count++] = node;
  return CUDA_SUCCESS;
}

static CUresult join(struct capture *capture, const struct stream_place *place, const struct capture_point *point) {
  struct capture_point *own = capture_point_of(place);
  CUresult result = CUDA_SUCCESS;
  if (find(own->capture) == NULL) {
    if (capture->joined_count == CAPTURES) return CUDA_ERROR_OUT_OF_MEMORY;
    *own = (struct capture_point){.capture = capture->id};
    capture->joined[capture->joined_count++] = own;
    capture->is_blocking |= place->stream == NULL || place->stream->flags == 0;
  }
  if (own->capture != capture->id) return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  for (uint32_t i = 0; i < point->count && result == CUDA_SUCCESS; i++)
    result = go_behind(capture, own, point->nodes[i]);
  return result;
}

CUresult capture_join(const struct stream_place *place, const struct capture_point *point) {
  pthread_mutex_lock(&lock);
  struct capture *capture = find(point->capture);
  CUresult result = CUDA_ERROR_CAPTURED_EVENT;
  if (capture != NULL && capture_point_of(place) == NULL) result = CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  else if (capture != NULL) result = capture->is_broken ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : join(capture, place, point);
  if (result != CUDA_SUCCESS && capture != NULL) capture->is_broken = true;
  pthread_mutex_unlock(&lock);
  return result;
}

/* ---- begin and end ---- */

CUresult capture_begin(const struct stream_place *place, int mode, CUgraph graph) {
  struct capture_point *point = capture_point_of(place);
  struct capture *capture = NULL;
  CHECK_ARGUMENT(mode >= CU_CAPTURE_GLOBAL && mode <= CU_CAPTURE_RELAXED);
  if (point == NULL) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  CUgraph into = graph != NULL ? graph : graph_make();
  if (into == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  pthread_mutex_lock(&lock);
  for (uint32_t i = 0; i < CAPTURES && capture == NULL; i++)
    if (captures[i].id == 0) capture = &captures[i];
  bool is_begun = capture != NULL && find(point->capture) == NULL;
  if (is_begun) {
    *capture = (struct capture){.id = ++last_id, .mode = mode, .thread = &thread_mode, .context = place->context,
                                .origin = point, .graph = into, .is_graph_given = graph != NULL,
                                .is_blocking = place->stream == NULL || place->stream->flags == 0};
    *point = (struct capture_point){.capture = capture->id};
    __atomic_fetch_add(&live, 1, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&lock);
  if (!is_begun && graph == NULL) graph_free(into);
  return is_begun ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_STATE;
}

/* Dependencies have lower numbers, so one pass from the end finds all that the origin comes behind. */
static bool is_joined(const struct capture *capture) {
  uint32_t count = capture->graph->count;
  bool is_reached[count + 1];
  memset(is_reached, 0, sizeof(is_reached));
  for (uint32_t i = 0; i < capture->origin->count; i++) is_reached[capture->origin->nodes[i]->index] = true;
  for (uint32_t i = count; i > 0; i--) {
    CUgraphNode node = capture->graph->nodes[i - 1];
    for (uint32_t d = 0; is_reached[i - 1] && d < node->dependency_count; d++)
      is_reached[node->dependencies[d]->index] = true;
  }
  for (uint32_t i = 0; i < capture->joined_count; i++)
    for (uint32_t n = 0; n < capture->joined[i]->count; n++)
      if (!is_reached[capture->joined[i]->nodes[n]->index]) return false;
  return true;
}

static CUresult how_it_ends(const struct capture *capture, const struct capture_point *point) {
  if (capture->origin != point) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  if (capture->mode != CU_CAPTURE_RELAXED && capture->thread != &thread_mode)
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  if (capture->is_broken) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  return is_joined(capture) ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
}

/* The stream's handle goes away: what it recorded can be had no more. */
void capture_drop(struct capture_point *point) {
  if (point->capture == 0) return;
  pthread_mutex_lock(&lock);
  struct capture *capture = find(point->capture);
  if (capture != NULL) {
    capture->is_broken = true;
    if (capture->origin == point) capture->origin = &nobodys_point;
    for (uint32_t i = 0; i < capture->joined_count; i++)
      if (capture->joined[i] == point) capture->joined[i] = capture->joined[--capture->joined_count];
  }
  pthread_mutex_unlock(&lock);
}

static void forget(struct capture *capture) {
  *capture->origin = (struct capture_point){0};
  for (uint32_t i = 0; i < capture->joined_count; i++) *capture->joined[i] = (struct capture_point){0};
  capture->id = 0;
  __atomic_fetch_sub(&live, 1, __ATOMIC_RELEASE);
}

/* An end at the wrong stream or thread breaks the capture; its own end is still to come. */
CUresult capture_end(const struct stream_place *place, CUgraph *graph) {
  struct capture_point *point = capture_point_of(place);
  *graph = NULL;
  pthread_mutex_lock(&lock);
  struct capture *capture = point == NULL ? NULL : find(point->capture);
  CUresult result = capture == NULL ? CUDA_ERROR_ILLEGAL_STATE : how_it_ends(capture, point);
  bool is_over = result != CUDA_ERROR_ILLEGAL_STATE && result != CUDA_ERROR_STREAM_CAPTURE_UNMATCHED &&
                 result != CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  if (capture != NULL && !is_over) capture->is_broken = true;
  if (is_over) {
    if (result == CUDA_SUCCESS) *graph = capture->graph;
    else if (!capture->is_graph_given) graph_free(capture->graph);
    forget(capture);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

CUresult capture_status(const struct stream_place *place, struct capture_status *status) {
  struct capture_point *point = capture_point_of(place);
  *status = (struct capture_status){.status = CU_CAPTURE_NONE};
  if (!is_anybody()) return CUDA_SUCCESS;
  pthread_mutex_lock(&lock);
  bool is_implicit = false;
  for (uint32_t i = 0; i < CAPTURES && point == NULL; i++)
    is_implicit |= captures[i].id != 0 && captures[i].context == place->context && captures[i].is_blocking;
  const struct capture *capture = point == NULL ? NULL : find(point->capture);
  if (capture != NULL)
    *status = (struct capture_status){capture->is_broken ? CU_CAPTURE_INVALIDATED : CU_CAPTURE_ACTIVE, capture->id,
                                      capture->graph, point};
  pthread_mutex_unlock(&lock);
  return is_implicit ? CUDA_ERROR_STREAM_CAPTURE_IMPLICIT : CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuThreadExchangeStreamCaptureMode(int *mode) {
  CHECK_READY();
  CHECK_ARGUMENT(mode != NULL && *mode >= CU_CAPTURE_GLOBAL && *mode <= CU_CAPTURE_RELAXED);
  int before = thread_mode;
  thread_mode = *mode;
  *mode = before;
  return CUDA_SUCCESS;
}
