// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: launches of kernels and host functions.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "graph.h"

struct launch {
  CUfunction function;
  struct launch_shape shape;
  CUstream stream;
  bool is_per_thread;
};

static CUresult record_kernel(const struct launch *launch, const struct stream_place *place) {
  struct CUgraphNode_st like = {.type = CU_NODE_KERNEL, .kernel = {.function = launch->function}};
  memcpy(like.kernel.grid, launch->shape.grid, sizeof(like.kernel.grid));
  memcpy(like.kernel.block, launch->shape.block, sizeof(like.kernel.block));
  return capture_add(place, &like, NULL);
}

static CUresult launch(const struct launch *launch) {
  struct stream_place place;
  bool is_capturing = false;
  struct timeline_moment moment;
  CUresult result = stream_find(launch->stream, launch->is_per_thread, &place);
  if (result != CUDA_SUCCESS) return result;
  if (!kernel_is_function(launch->function)) return CUDA_ERROR_INVALID_HANDLE;
  for (int i = 0; i < 3; i++) CHECK_ARGUMENT(launch->shape.grid[i] > 0 && launch->shape.block[i] > 0);
  result = capture_of(&place, &is_capturing);
  if (result != CUDA_SUCCESS || is_capturing) return is_capturing ? record_kernel(launch, &place) : result;
  uint64_t gpu_ns = kernel_gpu_ns(launch->function, &launch->shape, place.context->device);
  if (gpu_ns == 0 && !stream_is_timed(place.context)) return CUDA_SUCCESS;
  struct timeline_work work = {TIMELINE_KERNEL, launch->function->kernel.sm_permille, gpu_ns, 0, {0}};
  return stream_push(&place, &work, &moment);
}

#define LAUNCH_ARGUMENTS                                                                                       \
  CUfunction function, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by,    \
      unsigned int bz, unsigned int shared_bytes, CUstream stream, void **params
#define LAUNCH_OF(is_per_thread) &(struct launch){function, {{gx, gy, gz}, {bx, by, bz}}, stream, is_per_thread}

FAKE_EXPORT CUresult cuLaunchKernel(LAUNCH_ARGUMENTS, void **extra) {
  (void)shared_bytes, (void)params, (void)extra;
  return launch(LAUNCH_OF(false));
}

FAKE_EXPORT CUresult cuLaunchKernel_ptsz(LAUNCH_ARGUMENTS, void **extra) {
  (void)shared_bytes, (void)params, (void)extra;
  return launch(LAUNCH_OF(true));
}

FAKE_EXPORT CUresult cuLaunchCooperativeKernel(LAUNCH_ARGUMENTS) {
  (void)shared_bytes, (void)params;
  return launch(LAUNCH_OF(false));
}

FAKE_EXPORT CUresult cuLaunchCooperativeKernel_ptsz(LAUNCH_ARGUMENTS) {
  (void)shared_bytes, (void)params;
  return launch(LAUNCH_OF(true));
}

static CUresult launch_ex(const struct cuda_launch_config *config, CUfunction function, bool is_per_thread) {
  CHECK_READY();
  CHECK_ARGUMENT(config != NULL);
  struct launch as = {function, {{0}, {0}}, config->stream, is_per_thread};
  for (int i = 0; i < 3; i++) {
    as.shape.grid[i] = config->grid[i];
    as.shape.block[i] = config->block[i];
  }
  return launch(&as);
}

FAKE_EXPORT CUresult cuLaunchKernelEx(const struct cuda_launch_config *config, CUfunction function, void **params,
                                      void **extra) {
  (void)params, (void)extra;
  return launch_ex(config, function, false);
}

FAKE_EXPORT CUresult cuLaunchKernelEx_ptsz(const struct cuda_launch_config *config, CUfunction function, void **params,
                                           void **extra) {
  (void)params, (void)extra;
  return launch_ex(config, function, true);
}

/* The forms of CUDA before 4: one block of the shape that cuFuncSetBlockShape would have set, one dimension here. */
FAKE_EXPORT CUresult cuLaunchGridAsync(CUfunction function, int width, int height, CUstream stream) {
  CHECK_READY();
  CHECK_ARGUMENT(width > 0 && height > 0);
  return launch(&(struct launch){function, {{(unsigned int)width, (unsigned int)height, 1}, {1, 1, 1}}, stream, false});
}

FAKE_EXPORT CUresult cuLaunchGrid(CUfunction function, int width, int height) {
  return cuLaunchGridAsync(function, width, height, NULL);
}

FAKE_EXPORT CUresult cuLaunch(CUfunction function) { return cuLaunchGridAsync(function, 1, 1, NULL); }

/* ---- host functions: run by a thread of the driver's when all before them is done; the stream goes on after ---- */

struct host_call {
  CUhostFn function;
  void *argument;
  struct CUctx_st *context;
  uint32_t lane;
  struct timeline_moment moment;
};

static bool is_turn(const struct host_call *call) {
  const struct timeline_client *client = call->context->client;
  if (client == NULL) return true;
  uint16_t head = client->streams[call->lane].head;
  return head == TIMELINE_NONE || client->items[head].seq >= call->moment.seq;
}

static void *run_host_call(void *argument) {
  struct host_call *call = argument;
  for (;;) {
    stream_has_come(&call->moment);
    timeline_lock(&fake_cuda.timeline);
    bool is_now = is_turn(call);
    uint64_t due_ns = is_now ? 0 : timeline_earliest(&fake_cuda.timeline, &call->moment);
    timeline_unlock(&fake_cuda.timeline);
    if (is_now) break;
    clock_sleep_until_ns(due_ns);
  }
  call->function(call->argument);
  timeline_lock(&fake_cuda.timeline);
  if (call->context->client != NULL) {
    timeline_advance(&fake_cuda.timeline, call->context->client->device, clock_now_ns());
    timeline_host_done(&fake_cuda.timeline, call->context->client, call->lane);
  }
  timeline_unlock(&fake_cuda.timeline);
  free(call);
  return NULL;
}

static CUresult start_host_call(struct host_call *call) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  int failed = pthread_create(&thread, &attributes, run_host_call, call);
  pthread_attr_destroy(&attributes);
  return failed == 0 ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

static CUresult launch_host(CUstream stream, CUhostFn function, void *argument, bool is_per_thread) {
  struct stream_place place;
  bool is_capturing = false;
  CUresult result = stream_find(stream, is_per_thread, &place);
  if (result == CUDA_SUCCESS) result = capture_of(&place, &is_capturing);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(function != NULL);
  struct CUgraphNode_st like = {.type = CU_NODE_HOST, .function = function, .argument = argument};
  if (is_capturing) return capture_add(&place, &like, NULL);
  if (!stream_is_timed(place.context)) {
    function(argument);
    return CUDA_SUCCESS;
  }
  struct host_call *call = malloc(sizeof(*call));
  if (call == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  *call = (struct host_call){function, argument, place.context, place.lane, {0}};
  result = stream_push(&place, &(struct timeline_work){.kind = TIMELINE_HOST}, &call->moment);
  return result == CUDA_SUCCESS ? start_host_call(call) : result;
}

FAKE_EXPORT CUresult cuLaunchHostFunc(CUstream stream, CUhostFn function, void *argument) {
  return launch_host(stream, function, argument, false);
}

FAKE_EXPORT CUresult cuLaunchHostFunc_ptsz(CUstream stream, CUhostFn function, void *argument) {
  return launch_host(stream, function, argument, true);
}
