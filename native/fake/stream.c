// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: streams, and waiting for what is in them. A context whose kernels take no time has no place on the
// timeline: then everything is done when the call returns.
#include "work.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "graph.h"
#include "pool.h"

#define FLAG_NON_BLOCKING 1u

static uint32_t streams_made;
static uint32_t threads_seen;

static uint32_t thread_lane(void) {
  static __thread uint32_t lane;
  if (lane == 0) lane = LANE_THREADS + __atomic_fetch_add(&threads_seen, 1, __ATOMIC_RELAXED) % (LANE_BLOCKING - LANE_THREADS);
  return lane;
}

CUresult stream_find(CUstream stream, bool is_per_thread, struct stream_place *place) {
  CHECK_READY();
  *place = (struct stream_place){0};
  if ((uintptr_t)stream > CU_STREAM_PER_THREAD_NUMBER) {
    if (stream->magic != STREAM_MAGIC) return CUDA_ERROR_INVALID_HANDLE;
    *place = (struct stream_place){stream->context, stream, stream->lane};
    return CUDA_SUCCESS;
  }
  bool is_own = (uintptr_t)stream == CU_STREAM_PER_THREAD_NUMBER || (stream == NULL && is_per_thread);
  place->lane = is_own ? thread_lane() : LANE_LEGACY;
  return cuda_current(&place->context);
}

CUresult cuda_stream_context(CUstream stream, struct CUctx_st **context) {
  struct stream_place place;
  CUresult result = stream_find(stream, false, &place);
  *context = place.context;
  return result;
}

/* ---- work ---- */

bool stream_is_timed(const struct CUctx_st *context) { return context->client != NULL; }

/* Brings every GPU this process works on up to now: a stream may wait for another GPU's. */
static void advance(uint64_t now_ns) {
  for (uint32_t timed = fake_cuda.timed_devices; timed != 0; timed &= timed - 1)
    timeline_advance(&fake_cuda.timeline, (uint32_t)__builtin_ctz(timed), now_ns);
}

static bool join(struct CUctx_st *context, uint64_t now_ns) {
  uint32_t gpu = cuda_gpu(context->device)->index;
  fake_cuda.timeline = (struct timeline){fake_cuda.world.time, &fake_cuda.world};
  timeline_advance(&fake_cuda.timeline, gpu, now_ns);
  context->client = timeline_join(&fake_cuda.timeline, gpu, now_ns);
  if (context->client == NULL) return false;
  for (uint32_t lane = LANE_FREE; lane < TIMELINE_STREAMS; lane++) context->client->streams[lane].is_free = 1;
  fake_cuda.timed_devices |= 1u << gpu;
  return true;
}

CUresult stream_push(const struct stream_place *place, const struct timeline_work *work, struct timeline_moment *moment) {
  struct CUctx_st *context = place->context;
  fake_cuda.timeline = (struct timeline){fake_cuda.world.time, &fake_cuda.world};
  for (;;) {
    timeline_lock(&fake_cuda.timeline);
    uint64_t now_ns = clock_now_ns();
    bool has_place = context->client != NULL || join(context, now_ns);
    advance(now_ns);
    bool is_in = has_place && timeline_push(&fake_cuda.timeline, context->client, place->lane, work, moment);
    struct timeline_moment room = {0};
    if (has_place && !is_in) room = timeline_room(&fake_cuda.timeline, context->client, place->lane);
    timeline_unlock(&fake_cuda.timeline);
    if (!has_place) return CUDA_ERROR_OUT_OF_MEMORY;
    if (is_in) return CUDA_SUCCESS;
    stream_wait(&room);
  }
}

bool stream_has_come(const struct timeline_moment *moment) {
  timeline_lock(&fake_cuda.timeline);
  advance(clock_now_ns());
  bool is_done = timeline_is_done(&fake_cuda.timeline, moment);
  timeline_unlock(&fake_cuda.timeline);
  return is_done;
}

void stream_wait(const struct timeline_moment *moment) {
  for (;;) {
    timeline_lock(&fake_cuda.timeline);
    advance(clock_now_ns());
    bool is_done = timeline_is_done(&fake_cuda.timeline, moment);
    uint64_t due_ns = is_done ? 0 : timeline_earliest(&fake_cuda.timeline, moment);
    timeline_unlock(&fake_cuda.timeline);
    if (is_done) return;
    clock_sleep_until_ns(due_ns);
  }
}

/* The last of what is in a lane now. */
static struct timeline_moment last_of(const struct CUctx_st *context, uint32_t lane) {
  const struct timeline_client *client = context->client;
  const struct timeline_stream *queue = &client->streams[lane];
  return (struct timeline_moment){queue->last_seq, queue->submitted_ps,
                                  (uint16_t)(client - fake_cuda.timeline.shared->clients), (uint16_t)lane};
}

void stream_wait_all(struct CUctx_st *context) {
  struct timeline_moment last[TIMELINE_STREAMS];
  if (context->client == NULL) return;
  timeline_lock(&fake_cuda.timeline);
  for (uint32_t lane = 0; lane < TIMELINE_STREAMS; lane++) last[lane] = last_of(context, lane);
  timeline_unlock(&fake_cuda.timeline);
  for (uint32_t lane = 0; lane < TIMELINE_STREAMS; lane++)
    if (last[lane].seq > 0) stream_wait(&last[lane]);
}

void stream_drop(struct CUctx_st *context) {
  if (context->client == NULL) return;
  timeline_lock(&fake_cuda.timeline);
  advance(clock_now_ns());
  timeline_leave(&fake_cuda.timeline, context->client);
  context->client = NULL;
  timeline_unlock(&fake_cuda.timeline);
}

/* What a wait for the stream waits for: the legacy stream stands for all blocking ones, so a mark is put into it. */
static CUresult last_moment(const struct stream_place *place, struct timeline_moment *moment) {
  if (place->lane == LANE_LEGACY && place->context->client->waiting > 0)
    return stream_push(place, &(struct timeline_work){.kind = TIMELINE_MARK}, moment);
  timeline_lock(&fake_cuda.timeline);
  *moment = last_of(place->context, place->lane);
  timeline_unlock(&fake_cuda.timeline);
  return CUDA_SUCCESS;
}

void stream_wait_legacy(struct CUctx_st *context) {
  struct timeline_moment moment;
  struct stream_place place = {context, NULL, LANE_LEGACY};
  if (stream_is_timed(context) && last_moment(&place, &moment) == CUDA_SUCCESS) stream_wait(&moment);
}

static CUresult synchronize(CUstream stream, bool is_per_thread) {
  struct stream_place place;
  struct timeline_moment moment;
  CUresult result = stream_find(stream, is_per_thread, &place);
  if (result == CUDA_SUCCESS) result = capture_check_wait(&place);
  if (result != CUDA_SUCCESS) return result;
  if (stream_is_timed(place.context)) result = last_moment(&place, &moment);
  if (result != CUDA_SUCCESS) return result;
  if (stream_is_timed(place.context)) stream_wait(&moment);
  pool_rest(place.context->device, stream, is_per_thread, false);
  return CUDA_SUCCESS;
}

static CUresult query(CUstream stream, bool is_per_thread) {
  struct stream_place place;
  struct timeline_moment moment;
  CUresult result = stream_find(stream, is_per_thread, &place);
  if (result == CUDA_SUCCESS) result = capture_check_wait(&place);
  if (result != CUDA_SUCCESS || !stream_is_timed(place.context)) return result;
  result = last_moment(&place, &moment);
  if (result != CUDA_SUCCESS) return result;
  return stream_has_come(&moment) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

FAKE_EXPORT CUresult cuStreamSynchronize(CUstream stream) { return synchronize(stream, false); }
FAKE_EXPORT CUresult cuStreamSynchronize_ptsz(CUstream stream) { return synchronize(stream, true); }
FAKE_EXPORT CUresult cuStreamQuery(CUstream stream) { return query(stream, false); }
FAKE_EXPORT CUresult cuStreamQuery_ptsz(CUstream stream) { return query(stream, true); }

FAKE_EXPORT CUresult cuCtxSynchronize(void) {
  struct CUctx_st *context;
  CUresult result = cuda_current(&context);
  if (result == CUDA_SUCCESS) result = capture_check_context(context);
  if (result != CUDA_SUCCESS) return result;
  stream_wait_all(context);
  pool_rest(context->device, NULL, false, true);
  return CUDA_SUCCESS;
}

/* ---- handles ---- */

FAKE_EXPORT CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned int flags, int priority) {
  struct CUctx_st *context;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(stream != NULL && flags <= FLAG_NON_BLOCKING);
  *stream = malloc(sizeof(**stream));
  if (*stream == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  uint32_t number = __atomic_fetch_add(&streams_made, 1, __ATOMIC_RELAXED);
  uint32_t lane = flags == FLAG_NON_BLOCKING ? LANE_FREE + number % (TIMELINE_STREAMS - LANE_FREE)
                                             : LANE_BLOCKING + number % (LANE_FREE - LANE_BLOCKING);
  **stream = (struct CUstream_st){context, STREAM_MAGIC, flags, priority, lane, {0}};
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned int flags) {
  return cuStreamCreateWithPriority(stream, flags, 0);
}

/* What is in the stream still runs, as in the driver: only the handle is gone. */
FAKE_EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
  struct stream_place place;
  CUresult result = stream_find(stream, false, &place);
  if (result != CUDA_SUCCESS) return result;
  if (place.stream == NULL) return CUDA_ERROR_INVALID_HANDLE;
  capture_drop(&stream->point);
  stream->magic = 0;
  free(stream);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuStreamDestroy(CUstream stream) { return cuStreamDestroy_v2(stream); }

FAKE_EXPORT CUresult cuStreamGetCtx(CUstream stream, CUcontext *context) {
  CHECK_ARGUMENT(context != NULL);
  return cuda_stream_context(stream, context);
}

FAKE_EXPORT CUresult cuStreamGetCtx_ptsz(CUstream stream, CUcontext *context) { return cuStreamGetCtx(stream, context); }

FAKE_EXPORT CUresult cuStreamGetFlags(CUstream stream, unsigned int *flags) {
  struct stream_place place;
  CUresult result = stream_find(stream, false, &place);
  CHECK_ARGUMENT(flags != NULL);
  if (result == CUDA_SUCCESS) *flags = place.stream == NULL ? 0 : stream->flags;
  return result;
}

FAKE_EXPORT CUresult cuStreamGetPriority(CUstream stream, int *priority) {
  struct stream_place place;
  CUresult result = stream_find(stream, false, &place);
  CHECK_ARGUMENT(priority != NULL);
  if (result == CUDA_SUCCESS) *priority = place.stream == NULL ? 0 : stream->priority;
  return result;
}
