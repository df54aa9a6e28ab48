// SPDX-License-Identifier: Apache-2.0
// A program in a slice whose compute is limited, on the virtual clock: what a launch that is odd costs, and who waits.
//
//   launches capture | nothing | together | huge | storm
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "cuda-graph-abi.h"
#include "region.h"
#include "test.h"

#define MS 1000000ull
#define OK(call) CLAIM((call) == CUDA_SUCCESS)

struct config {
  unsigned int grid[3], block[3], shared_bytes;
  CUstream stream;
  const void *attributes;
  unsigned int attribute_count;
};

static void *library;
static const struct region_device *device;
static CUmodule module;
static CUstream stream;
static CUresult (*launch)(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
                          unsigned int, CUstream, void **, void **);
static CUresult (*launch_together)(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
                                   unsigned int, unsigned int, CUstream, void **);
static CUresult (*launch_configured)(const struct config *, CUfunction, void **, void **);
static CUresult (*wait_for)(CUstream);

static void find(void *out, const char *name) {
  void *found = dlsym(library, name);
  CLAIM(found != NULL);
  memcpy(out, &found, sizeof(found));
}

#define CALL(name, types, ...)      \
  do {                              \
    CUresult(*call) types;          \
    find(&call, name);              \
    OK(call(__VA_ARGS__));          \
  } while (0)

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void start(void) {
  CUcontext context;
  library = dlopen("libcuda.so.1", RTLD_NOW);
  CLAIM(library != NULL);
  CALL("cuInit", (unsigned int), 0);
  CALL("cuDevicePrimaryCtxRetain", (CUcontext *, CUdevice), &context, 0);
  CALL("cuCtxSetCurrent", (CUcontext), context);
  CALL("cuModuleLoadData", (CUmodule *, const void *), &module, "image");
  CALL("cuStreamCreate", (CUstream *, unsigned int), &stream, 1);
  find(&launch, "cuLaunchKernel");
  find(&launch_together, "cuLaunchCooperativeKernel");
  find(&launch_configured, "cuLaunchKernelEx");
  find(&wait_for, "cuStreamSynchronize");
  int fd = open("/usr/local/kerf/region", O_RDONLY);
  const struct region *region = mmap(NULL, sizeof(*region), PROT_READ, MAP_SHARED, fd, 0);
  CLAIM(region != MAP_FAILED);
  device = &region->devices[0];
}

static CUfunction kernel(const char *name) {
  CUfunction function;
  CALL("cuModuleGetFunction", (CUfunction *, CUmodule, const char *), &function, module, name);
  return function;
}

static CUresult run(CUfunction function) { return launch(function, 132, 1, 1, 128, 1, 1, 0, stream, NULL, NULL); }

/* Launches that are recorded are not paid, nor delayed, nor do they end the recording, even in debt and in the mode in
 * which a look at an event would; what was recorded is paid when it runs. */
static void capture(void) {
  CUfunction function = kernel("busy_20ms");
  CUgraph graph;
  CUgraphExec exec;
  for (int mode = CU_CAPTURE_GLOBAL; mode <= CU_CAPTURE_RELAXED; mode++) {
    OK(run(function));
    OK(run(function));
    uint64_t granted = device->granted_ns, start_ns = now();
    CALL("cuStreamBeginCapture_v2", (CUstream, int), stream, mode);
    for (int i = 0; i < 50; i++) OK(run(function));
    CALL("cuStreamEndCapture", (CUstream, CUgraph *), stream, &graph);
    CLAIM(device->granted_ns == granted && now() - start_ns < 5 * MS);
  }
  /* Another stream goes on, and is measured, while this one is being captured. */
  CUstream other;
  CALL("cuStreamCreate", (CUstream *, unsigned int), &other, 1);
  CALL("cuStreamBeginCapture_v2", (CUstream, int), stream, CU_CAPTURE_GLOBAL);
  for (int i = 0; i < 5; i++) {
    OK(launch(function, 7, 1, 1, 32, 1, 1, 0, other, NULL, NULL));
    OK(run(function));
  }
  CALL("cuStreamEndCapture", (CUstream, CUgraph *), stream, &graph);
  CALL("cuGraphInstantiateWithFlags", (CUgraphExec *, CUgraph, unsigned long long), &exec, graph, 0);
  OK(wait_for(other));
  OK(run(function));
  OK(wait_for(stream));
  OK(run(kernel("busy_1us")));
  uint64_t busy = device->busy_ns;
  for (int i = 0; i < 4; i++) CALL("cuGraphLaunch", (CUgraphExec, CUstream), exec, stream);
  OK(wait_for(stream));
  OK(run(function));
  CLAIM(device->busy_ns - busy >= 395 * MS && device->busy_ns - busy <= 425 * MS);
}

/* What the driver refuses is neither charged nor delayed. */
static void nothing(void) {
  CUfunction function = kernel("busy_10ms");
  struct config config = {.grid = {1, 0, 1}, .block = {1, 1, 1}, .stream = stream};
  for (int i = 0; i < 6; i++) OK(run(function));
  uint64_t granted = device->granted_ns, start_ns = now();
  int64_t opened = device->opened_ns;
  for (int i = 0; i < 100; i++) {
    CLAIM(launch(function, 0, 1, 1, 128, 1, 1, 0, stream, NULL, NULL) == CUDA_ERROR_INVALID_VALUE);
    CLAIM(launch(function, 1, 1, 1, 128, 0, 1, 0, stream, NULL, NULL) == CUDA_ERROR_INVALID_VALUE);
    CLAIM(launch(NULL, 1, 1, 1, 1, 1, 1, 0, stream, NULL, NULL) != CUDA_SUCCESS);
    CLAIM(launch_configured(&config, function, NULL, NULL) == CUDA_ERROR_INVALID_VALUE);
    CLAIM(launch_configured(NULL, function, NULL, NULL) != CUDA_SUCCESS);
  }
  CLAIM(device->granted_ns == granted && device->opened_ns == opened && now() - start_ns < 5 * MS);
}

/* Charged, never delayed: whatever the debt, and by whatever name and way it comes. */
static void together(void) {
  struct {
    int id;
    char pad[4];
    unsigned char value[64];
  } attribute = {.id = 2, .value = {1}};
  struct config config = {
      .grid = {8, 1, 1}, .block = {32, 1, 1}, .stream = stream, .attributes = &attribute, .attribute_count = 1};
  CUfunction function = kernel("busy_5ms");
  CUfunction collective = kernel("ncclDevKernel_AllReduce_Sum_f16_RING_LL");
  CUfunction mangled = kernel("_Z42ncclDevKernel_AllGather_RING_LLP11ncclDevComm");
  uint64_t start_ns = now(), granted = device->granted_ns;
  for (int i = 0; i < 20; i++) {
    OK(launch_together(function, 8, 1, 1, 32, 1, 1, 0, stream, NULL));
    OK(launch_configured(&config, function, NULL, NULL));
    OK(run(collective));
    OK(run(mangled));
  }
  CLAIM(now() - start_ns < 5 * MS && device->throttled_ns == 0);
  OK(wait_for(stream));
  OK(run(kernel("busy_1ms")));
  CLAIM(device->granted_ns > granted && device->busy_ns >= 200 * MS);
  CLAIM(device->throttled_ns > 1000 * MS);
}

/* 2^31 blocks and more cost what they take, and never give anything back. */
static void huge(void) {
  CUfunction function = kernel("busy_4ms");
  uint64_t start_ns = now();
  for (int i = 0; i < 50; i++) OK(launch(function, 2147483647u, 65535, 2, 32, 1, 1, 0, stream, NULL, NULL));
  OK(wait_for(stream));
  CLAIM(now() - start_ns > 900 * MS && now() - start_ns < 1100 * MS);
}

/* As many tiny launches as there can be, of ever new shapes: none is free. */
static void storm(void) {
  CUfunction function = kernel("busy_1us");
  uint64_t start_ns = now();
  for (unsigned int i = 0; i < 200000; i++)
    OK(launch(function, 132, 1, 1, 128, 1, 1, i % 4 == 0 ? i / 4 : 0, stream, NULL, NULL));
  OK(wait_for(stream));
  CLAIM(now() - start_ns > 900 * MS && now() - start_ns < 1300 * MS);
  CLAIM(device->launches > 199000 && device->launches <= 200000);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(void);
  } VERBS[] = {{"capture", capture}, {"nothing", nothing}, {"together", together}, {"huge", huge}, {"storm", storm}};
  start();
  for (size_t i = 0; argc > 1 && i < sizeof(VERBS) / sizeof(VERBS[0]); i++)
    if (strcmp(argv[1], VERBS[i].name) == 0) {
      VERBS[i].run();
      return 0;
    }
  return 2;
}
