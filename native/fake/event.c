// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: events. They hold the GPU's time at which all before them in their stream was done.
#include <stdlib.h>

#include "clock.h"
#include "graph.h"

#define EVENT_MAGIC 0x746e7665u
#define FLAG_DISABLE_TIMING 2u
#define FLAGS_KNOWN 7u

struct CUevent_st {
  uint32_t magic;
  uint32_t flags;
  struct CUctx_st *context;
  struct timeline_client *client; /* NULL before the first record into a queue */
  uint32_t generation;            /* of the client, when this event got its place */
  uint32_t place;
  bool is_recorded;
  uint64_t recorded_ns; /* of a record into a stream that had no queue */
  struct timeline_moment moment;
  struct capture_point point; /* of a record into a capturing stream */
};

static CUresult check_event(CUevent event) {
  CHECK_READY();
  return event != NULL && event->magic == EVENT_MAGIC ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

FAKE_EXPORT CUresult cuEventCreate(CUevent *event, unsigned int flags) {
  struct CUctx_st *context;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(event != NULL && flags <= FLAGS_KNOWN);
  *event = calloc(1, sizeof(**event));
  if (*event == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  (*event)->magic = EVENT_MAGIC;
  (*event)->flags = flags;
  (*event)->context = context;
  return CUDA_SUCCESS;
}

static bool has_place(const struct CUevent_st *event) {
  return event->client != NULL && event->client->generation == event->generation;
}

static bool take_place(struct CUevent_st *event, struct timeline_client *client) {
  if (has_place(event)) return true;
  timeline_lock(&fake_cuda.timeline);
  event->place = timeline_event_take(client);
  event->client = client;
  event->generation = client->generation;
  timeline_unlock(&fake_cuda.timeline);
  if (event->place == TIMELINE_EVENTS) event->client = NULL;
  return event->client != NULL;
}

static CUresult record(CUevent event, CUstream stream, bool is_per_thread) {
  struct stream_place place;
  bool is_capturing = false;
  CUresult result = check_event(event);
  if (result == CUDA_SUCCESS) result = stream_find(stream, is_per_thread, &place);
  if (result != CUDA_SUCCESS) return result;
  if (place.context != event->context) return CUDA_ERROR_INVALID_HANDLE;
  result = capture_of(&place, &is_capturing);
  if (result != CUDA_SUCCESS) return result;
  event->point = is_capturing ? *capture_point_of(&place) : (struct capture_point){0};
  if (is_capturing) return CUDA_SUCCESS;
  event->is_recorded = true;
  event->recorded_ns = clock_now_ns();
  event->moment = (struct timeline_moment){0};
  if (!stream_is_timed(place.context)) return CUDA_SUCCESS;
  if (!take_place(event, place.context->client)) return CUDA_ERROR_OUT_OF_MEMORY;
  return stream_push(&place, &(struct timeline_work){.kind = TIMELINE_EVENT, .event = event->place}, &event->moment);
}

FAKE_EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) { return record(event, stream, false); }
FAKE_EXPORT CUresult cuEventRecord_ptsz(CUevent event, CUstream stream) { return record(event, stream, true); }

FAKE_EXPORT CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned int flags) {
  CHECK_ARGUMENT(flags <= 1);
  return record(event, stream, false);
}

FAKE_EXPORT CUresult cuEventRecordWithFlags_ptsz(CUevent event, CUstream stream, unsigned int flags) {
  CHECK_ARGUMENT(flags <= 1);
  return record(event, stream, true);
}

static bool is_queued(const struct CUevent_st *event) { return event->moment.seq > 0 && has_place(event); }

static CUresult check_known(CUevent event) {
  CUresult result = check_event(event);
  if (result == CUDA_SUCCESS && event->point.capture != 0) return capture_break_event(&event->point);
  return result == CUDA_SUCCESS ? capture_check_unsafe() : result;
}

FAKE_EXPORT CUresult cuEventSynchronize(CUevent event) {
  CUresult result = check_known(event);
  if (result == CUDA_SUCCESS && is_queued(event)) stream_wait(&event->moment);
  return result;
}

FAKE_EXPORT CUresult cuEventQuery(CUevent event) {
  CUresult result = check_known(event);
  if (result != CUDA_SUCCESS || !is_queued(event)) return result;
  return stream_has_come(&event->moment) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

static CUresult time_of(CUevent event, uint64_t *time_ns) {
  CUresult result = check_event(event);
  if (result != CUDA_SUCCESS) return result;
  if (event->point.capture != 0) return CUDA_ERROR_CAPTURED_EVENT;
  if (!event->is_recorded || (event->flags & FLAG_DISABLE_TIMING) != 0) return CUDA_ERROR_INVALID_HANDLE;
  *time_ns = event->recorded_ns;
  if (!is_queued(event)) return CUDA_SUCCESS;
  if (!stream_has_come(&event->moment)) return CUDA_ERROR_NOT_READY;
  *time_ns = event->client->events[event->place].done_ns;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuEventElapsedTime(float *ms, CUevent start, CUevent end) {
  uint64_t start_ns = 0, end_ns = 0;
  CHECK_READY();
  CHECK_ARGUMENT(ms != NULL);
  CUresult result = time_of(start, &start_ns);
  if (result == CUDA_SUCCESS) result = time_of(end, &end_ns);
  if (result == CUDA_SUCCESS) *ms = (float)((double)(int64_t)(end_ns - start_ns) / 1e6);
  return result;
}

FAKE_EXPORT CUresult cuEventElapsedTime_v2(float *ms, CUevent start, CUevent end) {
  return cuEventElapsedTime(ms, start, end);
}

/* An event that is still to come may be destroyed: its place goes back, and what the GPU writes there is nobody's. */
FAKE_EXPORT CUresult cuEventDestroy_v2(CUevent event) {
  CUresult result = check_event(event);
  if (result != CUDA_SUCCESS) return result;
  if (has_place(event)) {
    timeline_lock(&fake_cuda.timeline);
    timeline_event_give(event->client, event->place);
    timeline_unlock(&fake_cuda.timeline);
  }
  event->magic = 0;
  free(event);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuEventDestroy(CUevent event) { return cuEventDestroy_v2(event); }

static CUresult wait_event(CUstream stream, CUevent event, bool is_per_thread) {
  struct stream_place place;
  struct timeline_moment moment;
  bool is_capturing = false;
  CUresult result = check_event(event);
  if (result == CUDA_SUCCESS) result = stream_find(stream, is_per_thread, &place);
  if (result == CUDA_SUCCESS && event->point.capture != 0) return capture_join(&place, &event->point);
  if (result == CUDA_SUCCESS) result = capture_of(&place, &is_capturing);
  if (result == CUDA_SUCCESS && is_capturing) return capture_break_isolation(&place);
  if (result != CUDA_SUCCESS || !is_queued(event)) return result;
  return stream_push(&place, &(struct timeline_work){.kind = TIMELINE_WAIT, .awaited = event->moment}, &moment);
}

FAKE_EXPORT CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags) {
  CHECK_ARGUMENT(flags <= 1);
  return wait_event(stream, event, false);
}

FAKE_EXPORT CUresult cuStreamWaitEvent_ptsz(CUstream stream, CUevent event, unsigned int flags) {
  CHECK_ARGUMENT(flags <= 1);
  return wait_event(stream, event, true);
}
