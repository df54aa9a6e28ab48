// SPDX-License-Identifier: Apache-2.0
// Loops of launches, as the programs of a compute limit's acceptance: one kernel after another with the queue full
// (async), each waited for (sync), or as graphs of four kernels that take as long together (graph).
#define _GNU_SOURCE
#include "launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cuda-graph-abi.h"
#include "cuda.h"
#include "ptx.h"

#define GRAPH_NODES 4u

struct launch_functions {
  CUresult (*module_load)(CUmodule *, const void *);
  CUresult (*module_function)(CUfunction *, CUmodule, const char *);
  CUresult (*stream_create)(CUstream *, unsigned int);
  CUresult (*stream_wait)(CUstream);
  CUresult (*launch)(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
                     unsigned int, CUstream, void **, void **);
  CUresult (*graph_create)(CUgraph *, unsigned int);
  CUresult (*graph_add)(CUgraphNode *, CUgraph, const CUgraphNode *, size_t, const struct cuda_kernel_params *);
  CUresult (*graph_instantiate)(CUgraphExec *, CUgraph, unsigned long long);
  CUresult (*graph_launch)(CUgraphExec, CUstream);
};

/* What one process did; in memory that all of them share. */
struct share {
  uint64_t launches;
  uint64_t failures;
  uint64_t elapsed_ns;
  int32_t code;
  int32_t pid;
};

struct loop {
  const struct launch_options *options;
  struct launch_functions cuda;
  CUmodule module;
  CUfunction kernel;
  CUstream stream;
  CUgraphExec graph;
};

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_ns(uint64_t ns) {
  struct timespec time = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
  nanosleep(&time, NULL);
}

static void resolve_all(struct launch_functions *cuda) {
  cuda_resolve(&cuda->module_load, "cuModuleLoadData");
  cuda_resolve(&cuda->module_function, "cuModuleGetFunction");
  cuda_resolve(&cuda->stream_create, "cuStreamCreate");
  cuda_resolve(&cuda->stream_wait, "cuStreamSynchronize");
  cuda_resolve(&cuda->launch, "cuLaunchKernel");
  cuda_resolve(&cuda->graph_create, "cuGraphCreate");
  cuda_resolve(&cuda->graph_add, "cuGraphAddKernelNode_v2");
  cuda_resolve(&cuda->graph_instantiate, "cuGraphInstantiateWithFlags");
  cuda_resolve(&cuda->graph_launch, "cuGraphLaunch");
}

/* A chain of kernels, each of which takes its part of the time. */
static CUresult make_graph(struct loop *loop) {
  char name[PTX_NAME_BYTES];
  CUgraph graph;
  CUgraphNode before = NULL, node;
  struct cuda_kernel_params params = {.grid = {1, 1, 1}, .block = {32, 1, 1}};
  ptx_name(name, loop->options->kernel_ns / GRAPH_NODES);
  CUresult result = loop->cuda.module_function(&params.function, loop->module, name);
  if (result == CUDA_SUCCESS) result = loop->cuda.graph_create(&graph, 0);
  for (uint32_t i = 0; i < GRAPH_NODES && result == CUDA_SUCCESS; i++, before = node)
    result = loop->cuda.graph_add(&node, graph, &before, i > 0 ? 1 : 0, &params);
  return result == CUDA_SUCCESS ? loop->cuda.graph_instantiate(&loop->graph, graph, 0) : result;
}

static struct ptx_kernel kernel_of(const struct launch_options *options, uint64_t ns) {
  return (struct ptx_kernel){ns, options->ns_per_iteration > 0 ? (uint64_t)((double)ns / options->ns_per_iteration) : 1};
}

static CUresult prepare(struct loop *loop) {
  char name[PTX_NAME_BYTES], image[PTX_IMAGE_BYTES];
  const struct launch_options *options = loop->options;
  const struct ptx_kernel kernels[] = {kernel_of(options, options->kernel_ns),
                                       kernel_of(options, options->kernel_ns / GRAPH_NODES)};
  resolve_all(&loop->cuda);
  ptx_name(name, options->kernel_ns);
  ptx_image(image, kernels, 2);
  CUresult result = cuda_start(loop->options->device);
  if (result == CUDA_SUCCESS) result = loop->cuda.module_load(&loop->module, image);
  if (result == CUDA_SUCCESS) result = loop->cuda.module_function(&loop->kernel, loop->module, name);
  if (result == CUDA_SUCCESS) result = loop->cuda.stream_create(&loop->stream, 1);
  return result == CUDA_SUCCESS && loop->options->pattern == LAUNCH_GRAPH ? make_graph(loop) : result;
}

static CUresult launch_one(struct loop *loop) {
  if (loop->options->pattern == LAUNCH_GRAPH) return loop->cuda.graph_launch(loop->graph, loop->stream);
  CUresult result = loop->cuda.launch(loop->kernel, 1, 1, 1, 32, 1, 1, 0, loop->stream, NULL, NULL);
  if (result != CUDA_SUCCESS || loop->options->pattern != LAUNCH_SYNC) return result;
  return loop->cuda.stream_wait(loop->stream);
}

/* Processes begin one microsecond apart, so that on a virtual clock they always come in the same order. */
static void run_loop(const struct launch_options *options, int number, struct share *share) {
  struct loop loop = {.options = options};
  share->pid = getpid();
  sleep_ns(options->after_ns + 1000u * (uint64_t)(number + 1));
  share->code = prepare(&loop);
  if (share->code != CUDA_SUCCESS) return;
  uint64_t start = now_ns();
  for (uint64_t end = start + options->for_ns; now_ns() < end; share->launches++) {
    CUresult result = launch_one(&loop);
    if (result != CUDA_SUCCESS) share->failures++;
    if (options->gap_ns > 0) sleep_ns(options->gap_ns);
  }
  loop.cuda.stream_wait(loop.stream);
  share->elapsed_ns = now_ns() - start;
}

static const char *const PATTERNS[] = {[LAUNCH_ASYNC] = "async", [LAUNCH_SYNC] = "sync", [LAUNCH_GRAPH] = "graph"};

static int say(const struct launch_options *options, const struct share *shares) {
  uint64_t launches = 0, failures = 0, longest_ns = 1;
  int failed = 0;
  for (int i = 0; i < options->procs; i++) {
    launches += shares[i].launches;
    failures += shares[i].failures;
    failed += shares[i].code != CUDA_SUCCESS;
    if (shares[i].elapsed_ns > longest_ns) longest_ns = shares[i].elapsed_ns;
  }
  double seconds = (double)longest_ns / 1e9;
  printf("{\"verb\":\"launch\",\"pattern\":\"%s\",\"kernel_ns\":%llu,\"procs\":%d,\"failed_procs\":%d,\"failures\":%llu,"
         "\"seconds\":%.6f,\"launches\":%llu,\"launches_per_second\":%.3f,\"busy_share\":%.6f,\"processes\":[",
         PATTERNS[options->pattern], (unsigned long long)options->kernel_ns, options->procs, failed,
         (unsigned long long)failures, seconds, (unsigned long long)launches, (double)launches / seconds,
         (double)launches * (double)options->kernel_ns / (double)longest_ns);
  for (int i = 0; i < options->procs; i++)
    printf("%s{\"pid\":%d,\"code\":%d,\"launches\":%llu}", i > 0 ? "," : "", shares[i].pid, shares[i].code,
           (unsigned long long)shares[i].launches);
  printf("]}\n");
  return failed == 0 && failures == 0 ? 0 : 1;
}

int launch_run(const struct launch_options *options) {
  struct share *shares = mmap(NULL, (size_t)options->procs * sizeof(*shares), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  fflush(stdout);
  if (options->procs == 1) {
    run_loop(options, 0, shares);
    return say(options, shares);
  }
  for (int i = 0; i < options->procs; i++) {
    if (fork() != 0) continue;
    run_loop(options, i, &shares[i]);
    _exit(0);
  }
  for (int i = 0; i < options->procs; i++) wait(NULL);
  return say(options, shares);
}

#define CALIBRATION_ITERATIONS 1000000u
#define CALIBRATION_NS 1000000u
#define CALIBRATION_ROUNDS 9

/* How long an iteration takes on a device that nobody else uses: the least of some rounds. */
int launch_calibrate(int device) {
  char name[PTX_NAME_BYTES], image[PTX_IMAGE_BYTES];
  const struct ptx_kernel kernel = {CALIBRATION_NS, CALIBRATION_ITERATIONS};
  struct launch_functions calls;
  CUresult (*event_create)(CUevent *, unsigned int), (*event_record)(CUevent, CUstream), (*event_wait)(CUevent);
  CUresult (*event_elapsed)(float *, CUevent, CUevent);
  CUmodule module;
  CUfunction function;
  CUevent begin, end;
  float least_ms = 0;
  ptx_name(name, CALIBRATION_NS);
  ptx_image(image, &kernel, 1);
  resolve_all(&calls);
  cuda_resolve(&event_create, "cuEventCreate");
  cuda_resolve(&event_record, "cuEventRecord");
  cuda_resolve(&event_wait, "cuEventSynchronize");
  cuda_resolve(&event_elapsed, "cuEventElapsedTime");
  CUresult result = cuda_start(device);
  if (result == CUDA_SUCCESS) result = calls.module_load(&module, image);
  if (result == CUDA_SUCCESS) result = calls.module_function(&function, module, name);
  if (result == CUDA_SUCCESS) result = event_create(&begin, 0);
  if (result == CUDA_SUCCESS) result = event_create(&end, 0);
  for (int i = 0; i < CALIBRATION_ROUNDS && result == CUDA_SUCCESS; i++) {
    float ms = 0;
    event_record(begin, NULL);
    result = calls.launch(function, 1, 1, 1, 32, 1, 1, 0, NULL, NULL, NULL);
    event_record(end, NULL);
    if (result == CUDA_SUCCESS) result = event_wait(end);
    if (result == CUDA_SUCCESS) result = event_elapsed(&ms, begin, end);
    if (i == 1 || ms < least_ms) least_ms = ms;
  }
  printf("{\"verb\":\"calibrate\",\"code\":%d,\"ns_per_iteration\":%.6f}\n", result,
         (double)least_ms * 1e6 / CALIBRATION_ITERATIONS);
  return result == CUDA_SUCCESS && least_ms > 0 ? 0 : 1;
}

bool launch_pattern(const char *name, enum launch_pattern *pattern) {
  for (size_t i = 0; i < sizeof(PATTERNS) / sizeof(PATTERNS[0]); i++) {
    if (strcmp(PATTERNS[i], name) != 0) continue;
    *pattern = (enum launch_pattern)i;
    return true;
  }
  return false;
}
