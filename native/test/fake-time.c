// SPDX-License-Identifier: Apache-2.0
// Facts of the fake driver's time, on the virtual clock: fake-time FACT runs one. Ends with 0 if it holds, else says where
// it does not.
#define _GNU_SOURCE
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "cuda-graph-abi.h"
#include "nvml-abi.h"
#include "test.h"

CUresult cuInit(unsigned int);
CUresult cuDevicePrimaryCtxRetain(CUcontext *, CUdevice);
CUresult cuCtxCreate_v2(CUcontext *, unsigned int, CUdevice);
CUresult cuCtxDestroy_v2(CUcontext);
CUresult cuCtxSetCurrent(CUcontext);
CUresult cuCtxSynchronize(void);
CUresult cuModuleLoadData(CUmodule *, const void *);
CUresult cuModuleGetFunction(CUfunction *, CUmodule, const char *);
CUresult cuStreamCreate(CUstream *, unsigned int);
CUresult cuStreamSynchronize(CUstream);
CUresult cuStreamQuery(CUstream);
CUresult cuStreamWaitEvent(CUstream, CUevent, unsigned int);
CUresult cuEventCreate(CUevent *, unsigned int);
CUresult cuEventRecord(CUevent, CUstream);
CUresult cuEventQuery(CUevent);
CUresult cuEventElapsedTime(float *, CUevent, CUevent);
CUresult cuLaunchKernel(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
                        unsigned int, CUstream, void **, void **);
CUresult cuLaunchHostFunc(CUstream, CUhostFn, void *);
CUresult cuGraphInstantiateWithFlags(CUgraphExec *, CUgraph, unsigned long long);
CUresult cuGraphLaunch(CUgraphExec, CUstream);
CUresult cuGraphGetNodes(CUgraph, CUgraphNode *, size_t *);
CUresult cuGraphExecUpdate_v2(CUgraphExec, CUgraph, struct cuda_update_info *);
CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec, CUgraphNode, const struct cuda_kernel_params *);
CUresult cuStreamBeginCapture_v2(CUstream, int);
CUresult cuStreamEndCapture(CUstream, CUgraph *);
CUresult cuStreamIsCapturing(CUstream, int *);
CUresult cuThreadExchangeStreamCaptureMode(int *);
nvmlReturn_t nvmlInit_v2(void);
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int, nvmlDevice_t *);
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t, struct nvml_utilization *);

#define OK(call) CLAIM((call) == CUDA_SUCCESS)
#define US 1000ull

static CUcontext context;
static CUmodule module;
static CUstream first, second, apart; /* blocking, blocking, not blocking */

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static CUfunction kernel(const char *name) {
  CUfunction function;
  OK(cuModuleGetFunction(&function, module, name));
  return function;
}

static CUresult try_launch(const char *name, CUstream stream) {
  return cuLaunchKernel(kernel(name), 1, 1, 1, 32, 1, 1, 0, stream, NULL, NULL);
}

static void launch(const char *name, CUstream stream) { OK(try_launch(name, stream)); }

static CUevent record(CUstream stream) {
  CUevent event;
  OK(cuEventCreate(&event, 0));
  OK(cuEventRecord(event, stream));
  return event;
}

static double elapsed_us(CUevent start, CUevent end) {
  float ms = -1;
  OK(cuEventElapsedTime(&ms, start, end));
  return (double)ms * 1000;
}

static bool is_near(double value, double expected) { return fabs(value - expected) < 0.01; }

static uint64_t took_ns(uint64_t since_ns) { return now_ns() - since_ns; }

/* ---- streams and events ---- */

static void launches_return_at_once_and_waits_take_the_time(void) {
  uint64_t start = now_ns();
  launch("busy_200us", first);
  launch("busy_300us", first);
  CLAIM(took_ns(start) == 0);
  CLAIM(cuStreamQuery(first) == CUDA_ERROR_NOT_READY);
  OK(cuStreamSynchronize(first));
  CLAIM(took_ns(start) == 500 * US);
  OK(cuStreamQuery(first));
}

static void events_hold_the_gpus_time(void) {
  CUevent start = record(first);
  launch("busy_200us", first);
  CUevent middle = record(first);
  launch("busy_50us", first);
  CUevent end = record(first);
  float ms;
  CLAIM(cuEventElapsedTime(&ms, start, end) == CUDA_ERROR_NOT_READY);
  CLAIM(cuEventQuery(middle) == CUDA_ERROR_NOT_READY);
  OK(cuStreamSynchronize(first));
  CLAIM(is_near(elapsed_us(start, middle), 200) && is_near(elapsed_us(middle, end), 50));
}

static void small_kernels_run_beside_each_other_and_large_ones_do_not(void) {
  uint64_t start = now_ns();
  launch("busy_100us_sm500", first);
  launch("busy_100us_sm500", second);
  OK(cuCtxSynchronize());
  CLAIM(took_ns(start) == 100 * US);
  launch("busy_100us", first);
  launch("busy_100us", second);
  OK(cuCtxSynchronize());
  CLAIM(took_ns(start) == 300 * US);
}

static void the_legacy_stream_waits_for_blocking_ones_and_they_for_it(void) {
  uint64_t start = now_ns();
  launch("busy_100us_sm100", first);
  launch("busy_100us_sm100", NULL);
  launch("busy_100us_sm100", second);
  launch("busy_250us_sm100", apart);
  OK(cuStreamSynchronize(apart));
  CLAIM(took_ns(start) == 250 * US);
  OK(cuStreamSynchronize(second));
  CLAIM(took_ns(start) == 300 * US);
}

static void a_stream_waits_for_another_ones_event(void) {
  launch("busy_300us_sm100", first);
  OK(cuStreamWaitEvent(apart, record(first), 0));
  CUevent start = record(second);
  launch("busy_10us_sm100", apart);
  CUevent end = record(apart);
  OK(cuStreamSynchronize(apart));
  OK(cuStreamSynchronize(second));
  CLAIM(is_near(elapsed_us(start, end), 310));
}

static void a_full_queue_blocks_the_launch(void) {
  uint64_t start = now_ns();
  for (int i = 0; i < 1024; i++) launch("busy_10us", first);
  CLAIM(took_ns(start) == 0);
  launch("busy_10us", first);
  CLAIM(took_ns(start) >= 10 * US && took_ns(start) < 10240 * US);
  OK(cuCtxSynchronize());
  CLAIM(took_ns(start) == 10250 * US);
}

static uint64_t called_ns;

static void note_call(void *argument) {
  struct timespec pause = {0, 500000};
  called_ns = now_ns();
  nanosleep(&pause, NULL);
  *(bool *)argument = true;
}

static void a_host_function_has_its_turn_in_the_stream(void) {
  bool is_called = false;
  uint64_t start = now_ns();
  launch("busy_200us", first);
  OK(cuLaunchHostFunc(first, note_call, &is_called));
  launch("busy_100us", first);
  OK(cuStreamSynchronize(first));
  CLAIM(is_called && called_ns == start + 200 * US);
  CLAIM(took_ns(start) >= 800 * US && took_ns(start) <= 850 * US); /* who waits looks again after 50 µs */
}

static void a_destroyed_contexts_work_is_gone(void) {
  CUcontext other;
  CUstream stream;
  OK(cuCtxCreate_v2(&other, 0, 0));
  OK(cuModuleLoadData(&module, ""));
  OK(cuStreamCreate(&stream, 0));
  launch("busy_1000ms", stream);
  OK(cuCtxDestroy_v2(other));
  OK(cuCtxSetCurrent(context));
  uint64_t start = now_ns();
  launch("busy_100us", first);
  OK(cuStreamSynchronize(first));
  CLAIM(took_ns(start) == 100 * US);
}

static void waves_of_blocks_take_their_time_each(void) {
  CUfunction function = kernel("wave_10us"); /* an A100: 108 SMs of 2048 threads */
  uint64_t start = now_ns();
  OK(cuLaunchKernel(function, 432, 1, 1, 1024, 1, 1, 0, first, NULL, NULL));
  OK(cuStreamSynchronize(first));
  CLAIM(took_ns(start) == 20 * US);
}

/* ---- graphs and capture ---- */

static CUgraph capture_two(const char *name) {
  CUgraph graph;
  OK(cuStreamBeginCapture_v2(first, CU_CAPTURE_GLOBAL));
  launch(name, first);
  launch(name, first);
  OK(cuStreamEndCapture(first, &graph));
  return graph;
}

static uint64_t run_graph(CUgraphExec exec) {
  uint64_t start = now_ns();
  OK(cuGraphLaunch(exec, first));
  OK(cuStreamSynchronize(first));
  return took_ns(start);
}

static void a_captured_graph_takes_its_kernels_time_when_launched(void) {
  CUgraphExec exec;
  size_t count = 0;
  uint64_t start = now_ns();
  CUgraph graph = capture_two("busy_100us");
  CLAIM(took_ns(start) == 0);
  OK(cuGraphGetNodes(graph, NULL, &count));
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  CLAIM(count == 2 && run_graph(exec) == 200 * US && run_graph(exec) == 200 * US);
}

static void a_changed_graph_takes_the_new_time(void) {
  CUgraphExec exec;
  CUgraphNode nodes[2];
  size_t count = 2;
  struct cuda_update_info info;
  struct cuda_kernel_params params = {.function = kernel("busy_1us"), .grid = {1, 1, 1}, .block = {1, 1, 1}};
  CUgraph graph = capture_two("busy_100us");
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cuGraphExecUpdate_v2(exec, capture_two("busy_300us"), &info));
  CLAIM(info.result == CU_UPDATE_SUCCESS && run_graph(exec) == 600 * US);
  OK(cuGraphGetNodes(graph, nodes, &count));
  OK(cuGraphExecKernelNodeSetParams_v2(exec, nodes[1], &params));
  CLAIM(run_graph(exec) == 301 * US);
}

static void a_capture_that_forks_has_to_join(void) {
  CUgraph graph;
  CUgraphExec exec;
  OK(cuStreamBeginCapture_v2(first, CU_CAPTURE_GLOBAL));
  OK(cuStreamWaitEvent(apart, record(first), 0));
  launch("busy_100us", apart);
  launch("busy_50us", first);
  OK(cuStreamWaitEvent(first, record(apart), 0));
  OK(cuStreamEndCapture(first, &graph));
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  CLAIM(run_graph(exec) == 150 * US);
  OK(cuStreamBeginCapture_v2(first, CU_CAPTURE_GLOBAL));
  OK(cuStreamWaitEvent(apart, record(first), 0));
  launch("busy_100us", apart);
  CLAIM(cuStreamEndCapture(first, &graph) == CUDA_ERROR_STREAM_CAPTURE_UNJOINED && graph == NULL);
  launch("busy_1us", apart);
}

static void expect_broken(void) {
  CUgraph graph;
  CLAIM(try_launch("busy_1us", first) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CLAIM(cuStreamEndCapture(first, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED && graph == NULL);
  launch("busy_1us", first);
  OK(cuStreamSynchronize(first));
}

static void waiting_for_a_capturing_stream_breaks_the_capture(void) {
  OK(cuStreamBeginCapture_v2(first, CU_CAPTURE_RELAXED));
  CLAIM(cuStreamSynchronize(first) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  expect_broken();
  OK(cuStreamBeginCapture_v2(first, CU_CAPTURE_RELAXED));
  CLAIM(cuCtxSynchronize() == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  expect_broken();
}

static void asking_for_an_event_breaks_it_unless_the_thread_is_relaxed(void) {
  CUgraph graph;
  int mode = CU_CAPTURE_RELAXED;
  CUevent event = record(second);
  OK(cuStreamBeginCapture_v2(first, CU_CAPTURE_GLOBAL));
  CLAIM(cuEventQuery(event) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  expect_broken();
  OK(cuThreadExchangeStreamCaptureMode(&mode));
  CLAIM(mode == CU_CAPTURE_GLOBAL);
  OK(cuStreamBeginCapture_v2(first, CU_CAPTURE_GLOBAL));
  OK(cuEventQuery(event));
  OK(cuStreamEndCapture(first, &graph));
}

static void the_legacy_stream_is_closed_while_a_blocking_one_captures(void) {
  int status;
  CUgraph graph;
  OK(cuStreamBeginCapture_v2(first, CU_CAPTURE_RELAXED));
  CLAIM(cuStreamIsCapturing(NULL, &status) == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  CLAIM(try_launch("busy_1us", NULL) == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  expect_broken();
  OK(cuStreamBeginCapture_v2(apart, CU_CAPTURE_RELAXED));
  launch("busy_1us", NULL);
  OK(cuStreamEndCapture(apart, &graph));
  CLAIM(cuStreamBeginCapture_v2(NULL, CU_CAPTURE_RELAXED) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

/* ---- NVML ---- */

static unsigned int percent(nvmlDevice_t device) {
  struct nvml_utilization rates;
  CLAIM(nvmlDeviceGetUtilizationRates(device, &rates) == NVML_SUCCESS);
  return rates.gpu;
}

static void nvml_tells_the_last_seconds_use(void) {
  nvmlDevice_t device;
  struct timespec pause = {0, 600000000};
  CLAIM(nvmlInit_v2() == NVML_SUCCESS && nvmlDeviceGetHandleByIndex_v2(0, &device) == NVML_SUCCESS);
  CLAIM(percent(device) == 0);
  launch("busy_300ms", first);
  nanosleep(&pause, NULL);
  CLAIM(percent(device) == 30);
  OK(cuCtxSynchronize());
  nanosleep(&pause, NULL);
  CLAIM(percent(device) == 10);
}

#define FACT(name) {#name, name}
static const struct {
  const char *name;
  void (*run)(void);
} FACTS[] = {
    FACT(launches_return_at_once_and_waits_take_the_time),
    FACT(events_hold_the_gpus_time),
    FACT(small_kernels_run_beside_each_other_and_large_ones_do_not),
    FACT(the_legacy_stream_waits_for_blocking_ones_and_they_for_it),
    FACT(a_stream_waits_for_another_ones_event),
    FACT(a_full_queue_blocks_the_launch),
    FACT(a_host_function_has_its_turn_in_the_stream),
    FACT(a_destroyed_contexts_work_is_gone),
    FACT(waves_of_blocks_take_their_time_each),
    FACT(a_captured_graph_takes_its_kernels_time_when_launched),
    FACT(a_changed_graph_takes_the_new_time),
    FACT(a_capture_that_forks_has_to_join),
    FACT(waiting_for_a_capturing_stream_breaks_the_capture),
    FACT(asking_for_an_event_breaks_it_unless_the_thread_is_relaxed),
    FACT(the_legacy_stream_is_closed_while_a_blocking_one_captures),
    FACT(nvml_tells_the_last_seconds_use),
};

static void start(void) {
  OK(cuInit(0));
  OK(cuDevicePrimaryCtxRetain(&context, 0));
  OK(cuCtxSetCurrent(context));
  OK(cuModuleLoadData(&module, ""));
  OK(cuStreamCreate(&first, 0));
  OK(cuStreamCreate(&second, 0));
  OK(cuStreamCreate(&apart, 1));
}

int main(int argc, char **argv) {
  for (size_t i = 0; i < sizeof(FACTS) / sizeof(FACTS[0]); i++) {
    if (argc < 2) printf("%s\n", FACTS[i].name);
    if (argc < 2 || strcmp(FACTS[i].name, argv[1]) != 0) continue;
    start();
    FACTS[i].run();
    return 0;
  }
  return argc < 2 ? 0 : 2;
}
