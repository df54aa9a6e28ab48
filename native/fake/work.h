// SPDX-License-Identifier: Apache-2.0
// Inside of the fake libcuda: streams and what is put into them.
#ifndef KERF_FAKE_WORK_H
#define KERF_FAKE_WORK_H

#include "capture.h"
#include "cuda.h"
#include "timeline.h"

#define STREAM_MAGIC 0x6d727473u

/* A context's queues: the legacy stream, the threads' default streams, then the made ones, which share a queue where
 * there are many of them — as they share the hardware's. */
#define LANE_LEGACY TIMELINE_LEGACY
#define LANE_THREADS 1u
#define LANE_BLOCKING 16u
#define LANE_FREE 40u

struct CUstream_st {
  struct CUctx_st *context;
  uint32_t magic;
  uint32_t flags;
  int priority;
  uint32_t lane;
  struct capture_point point; /* where it is in the capture it takes part in */
};

/* What a stream argument means. */
struct stream_place {
  struct CUctx_st *context;
  struct CUstream_st *stream; /* NULL for a default stream */
  uint32_t lane;
};

/* A kernel as its name tells it (kernel.c). */
struct kernel {
  uint64_t gpu_ns;
  uint32_t sm_permille;
  uint32_t jitter_percent;
  bool is_per_wave; /* gpu_ns is for one wave of blocks */
};

struct CUfunc_st {
  uint32_t magic;
  uint32_t runs;
  struct kernel kernel;
  char name[128];
};

struct launch_shape {
  unsigned int grid[3];
  unsigned int block[3];
};

/* The default stream is the thread's own where the call's name ends in _ptsz. */
CUresult stream_find(CUstream stream, bool is_per_thread, struct stream_place *place);
/* Puts work into the stream's queue, waiting for room; the context gets a place on the timeline if it has none. */
CUresult stream_push(const struct stream_place *place, const struct timeline_work *work, struct timeline_moment *moment);
/* False where nothing was ever queued in this context: then all its work is done at once. */
bool stream_is_timed(const struct CUctx_st *context);
void stream_wait(const struct timeline_moment *moment);
bool stream_has_come(const struct timeline_moment *moment);
/* Waits for all that the legacy stream waits for. */
void stream_wait_legacy(struct CUctx_st *context);
void stream_wait_all(struct CUctx_st *context);
/* The context's work is gone. */
void stream_drop(struct CUctx_st *context);

/* A kernel of this name, before its shape is known. */
void kernel_of_name(const char *name, struct kernel *kernel);
/* GPU time of one run. */
uint64_t kernel_gpu_ns(struct CUfunc_st *function, const struct launch_shape *shape, uint32_t device);
bool kernel_is_function(CUfunction function);

#endif
