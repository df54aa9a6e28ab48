// SPDX-License-Identifier: Apache-2.0
// Steps in which work is launched under a limit of compute.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../workload/cuda.h"
#include "steps.h"

typedef struct CUgraph_st *graph_handle;
typedef struct CUgraphExec_st *exec_handle;

static struct {
  CUresult (*load)(CUmodule *, const void *);
  CUresult (*function)(CUfunction *, CUmodule, const char *);
  CUresult (*launch)(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
                     unsigned int, CUstream, void **, void **);
  CUresult (*launch_ptsz)(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
                          unsigned int, unsigned int, CUstream, void **, void **);
  CUresult (*stream_create)(CUstream *, unsigned int);
  CUresult (*capture_begin)(CUstream, int);
  CUresult (*capture_end)(CUstream, graph_handle *);
  CUresult (*instantiate)(exec_handle *, graph_handle, unsigned long long);
  CUresult (*update)(exec_handle, graph_handle, void *);
  CUresult (*graph_launch)(exec_handle, CUstream);
} work;

static void *lost;

#define FIND(field, name)                           \
  do {                                              \
    void *found = driver_symbol_of(name);           \
    if (found == NULL) lost = (void *)name;         \
    memcpy(&work.field, &found, sizeof(found));     \
  } while (0)

static void find_all(void) {
  if (work.load != NULL) return;
  FIND(load, "cuModuleLoadData");
  FIND(function, "cuModuleGetFunction");
  FIND(launch, "cuLaunchKernel");
  FIND(launch_ptsz, "cuLaunchKernel_ptsz");
  FIND(stream_create, "cuStreamCreate");
  FIND(capture_begin, "cuStreamBeginCapture_v2");
  FIND(capture_end, "cuStreamEndCapture");
  FIND(instantiate, "cuGraphInstantiateWithFlags");
  FIND(update, "cuGraphExecUpdate_v2");
  FIND(graph_launch, "cuGraphLaunch");
}

static CUfunction kernel_of(const char *name) {
  CUmodule module;
  CUfunction function = NULL;
  find_all();
  if (lost != NULL || work.load(&module, "no image is looked at") != CUDA_SUCCESS) return NULL;
  return work.function(&function, module, name) == CUDA_SUCCESS ? function : NULL;
}

static CUresult once(CUfunction function, CUstream stream) {
  return work.launch(function, 4, 1, 1, 32, 1, 1, 0, stream, NULL, NULL);
}

static CUresult many(CUfunction function, CUstream stream, unsigned int count) {
  CUresult code = CUDA_SUCCESS;
  for (; count > 0 && code == CUDA_SUCCESS; count--) code = once(function, stream);
  return code;
}

/* launch:KERNEL:N, waited for at the end */
static int do_launch(const char *step) {
  char name[64] = "";
  unsigned int count = 1;
  sscanf(step, "%*[^:]:%63[^:]:%u", name, &count);
  CUfunction function = kernel_of(name);
  CUresult code = function == NULL ? CUDA_ERROR_NOT_FOUND : many(function, NULL, count);
  return code == CUDA_SUCCESS ? cuda.synchronize() : code;
}

/* grid:X:Y:Z, of a kernel of a millisecond */
static int do_grid(const char *step) {
  unsigned int x = 0, y = 0, z = 0;
  CUfunction function = kernel_of("busy_1ms");
  sscanf(step, "%*[^:]:%u:%u:%u", &x, &y, &z);
  CUresult code = work.launch(function, x, y, z, 32, 1, 1, 0, NULL, NULL, NULL);
  return code == CUDA_SUCCESS ? cuda.synchronize() : code;
}

/* nofunction: a launch that cannot be */
static int do_no_function(const char *step) {
  (void)step;
  find_all();
  return once(NULL, NULL);
}

/* ptsz:N on the thread's own default stream, and as many on the legacy one */
static int do_both_defaults(const char *step) {
  unsigned int count = 1;
  CUfunction function = kernel_of("busy_1ms");
  CUresult code = CUDA_SUCCESS;
  sscanf(step, "%*[^:]:%u", &count);
  for (; count > 0 && code == CUDA_SUCCESS; count--) {
    code = work.launch_ptsz(function, 4, 1, 1, 32, 1, 1, 0, NULL, NULL, NULL);
    if (code == CUDA_SUCCESS) code = once(function, NULL);
  }
  return code == CUDA_SUCCESS ? cuda.synchronize() : code;
}

static void *throttled(void *unused) {
  (void)unused;
  if (cuda_start(0) == CUDA_SUCCESS) many(kernel_of("busy_20ms"), NULL, 1000);
  return NULL;
}

/* cancelsleep: threads are taken away while they wait for their turn; then one launch that must come through. */
static int do_cancel_sleep(const char *step) {
  pthread_t threads[3];
  (void)step;
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, throttled, NULL);
  usleep(150000);
  for (int i = 0; i < 3; i++) pthread_cancel(threads[i]);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  return do_launch("launch:busy_1ms:1");
}

/* exitsleep: the process ends while its threads wait. */
static int do_exit_sleep(const char *step) {
  pthread_t thread;
  for (int i = 0; i < 3; i++) pthread_create(&thread, NULL, throttled, NULL);
  usleep(100000);
  say(step, 0, "%s", "");
  exit(0);
}

static void *launch_beside(void *stream) {
  intptr_t code = cuda_start(0);
  if (code == CUDA_SUCCESS) code = many(kernel_of("busy_2ms"), stream, 10);
  return (void *)code;
}

/* capture:MODE[:beside] captures ten kernels in the mode, another thread launching throttled ones beside, and launches the
 * graph that came of it. */
static int do_capture(const char *step) {
  CUstream captured, other;
  graph_handle graph;
  exec_handle exec;
  pthread_t thread;
  void *beside = NULL;
  int mode = atoi(strchr(step, ':') + 1);
  CUfunction function = kernel_of("busy_2ms");
  many(function, NULL, 10);
  if (work.stream_create(&captured, 1) != CUDA_SUCCESS || work.stream_create(&other, 1) != CUDA_SUCCESS) return -1;
  CUresult code = work.capture_begin(captured, mode);
  if (code != CUDA_SUCCESS) return code;
  pthread_create(&thread, NULL, launch_beside, other);
  code = many(function, captured, 10);
  pthread_join(thread, &beside);
  CUresult ended = work.capture_end(captured, &graph);
  if (code != CUDA_SUCCESS || ended != CUDA_SUCCESS) return code != CUDA_SUCCESS ? code : ended;
  if (beside != NULL) return (int)(intptr_t)beside;
  code = work.instantiate(&exec, graph, 0);
  for (int i = 0; i < 5 && code == CUDA_SUCCESS; i++) code = work.graph_launch(exec, captured);
  return code == CUDA_SUCCESS ? cuda.synchronize() : code;
}

struct updated {
  exec_handle exec;
  graph_handle graph;
};

static void *update_often(void *told) {
  struct updated *updated = told;
  unsigned char report[64];
  cuda_start(0);
  for (int i = 0; i < 50; i++) work.update(updated->exec, updated->graph, report);
  return NULL;
}

/* graphupdate: an executable graph is changed by one thread while another launches it, throttled. */
static int do_graph_update(const char *step) {
  CUstream stream;
  struct updated updated;
  pthread_t thread;
  (void)step;
  CUfunction function = kernel_of("busy_1ms");
  if (work.stream_create(&stream, 1) != CUDA_SUCCESS || work.capture_begin(stream, 2) != CUDA_SUCCESS) return -1;
  many(function, stream, 3);
  CUresult code = work.capture_end(stream, &updated.graph);
  if (code == CUDA_SUCCESS) code = work.instantiate(&updated.exec, updated.graph, 0);
  if (code != CUDA_SUCCESS) return code;
  pthread_create(&thread, NULL, update_often, &updated);
  for (int i = 0; i < 20 && code == CUDA_SUCCESS; i++) code = work.graph_launch(updated.exec, stream);
  pthread_join(thread, NULL);
  return code == CUDA_SUCCESS ? cuda.synchronize() : code;
}

const struct step_row STEPS_COMPUTE[] = {
    {"launch", do_launch},          {"grid", do_grid},           {"nofunction", do_no_function},
    {"ptsz", do_both_defaults},     {"capture", do_capture},     {"graphupdate", do_graph_update},
    {"cancelsleep", do_cancel_sleep}, {"exitsleep", do_exit_sleep},
};
const size_t steps_compute_count = sizeof(STEPS_COMPUTE) / sizeof(STEPS_COMPUTE[0]);
