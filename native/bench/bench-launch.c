// SPDX-License-Identifier: Apache-2.0
// bench-launch ROUNDS [KERNEL]: nanoseconds of one cuLaunchKernel, the least of twenty runs of ROUNDS: on a shared
// machine the others measure the neighbours. The first run is not counted: a limiter learns in it.
#define _GNU_SOURCE
#define PROGRAM "bench-launch"
#include "driver.h"

#define RUNS 20

typedef CUresult (*launch_fn)(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
                              unsigned int, unsigned int, CUstream, void **, void **);

static launch_fn launch;

static CUfunction start(const char *kernel) {
  CUresult (*init)(unsigned int), (*retain)(CUcontext *, CUdevice), (*set)(CUcontext);
  CUresult (*load)(CUmodule *, const void *), (*find)(CUfunction *, CUmodule, const char *);
  CUcontext context;
  CUmodule module;
  CUfunction function;
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  if (library == NULL) exit(2);
  resolve(library, &init, "cuInit");
  resolve(library, &retain, "cuDevicePrimaryCtxRetain");
  resolve(library, &set, "cuCtxSetCurrent");
  resolve(library, &load, "cuModuleLoadData");
  resolve(library, &find, "cuModuleGetFunction");
  resolve(library, &launch, "cuLaunchKernel");
  check(init(0), "cuInit");
  check(retain(&context, 0), "cuDevicePrimaryCtxRetain");
  check(set(context), "cuCtxSetCurrent");
  check(load(&module, "image"), "cuModuleLoadData");
  check(find(&function, module, kernel), "cuModuleGetFunction");
  return function;
}

static double run(CUfunction function, uint64_t rounds) {
  double begin = now_ns();
  for (uint64_t i = 0; i < rounds; i++)
    check(launch(function, 1, 1, 1, 32, 1, 1, 0, NULL, NULL, NULL), "cuLaunchKernel");
  return (now_ns() - begin) / (double)rounds;
}

int main(int argc, char **argv) {
  uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
  CUfunction function = start(argc > 2 ? argv[2] : "nothing");
  double best = 1e18;
  run(function, rounds);
  for (int i = 0; i < RUNS; i++) {
    double ns = run(function, rounds);
    if (ns < best) best = ns;
  }
  printf("%.2f\n", best);
  return 0;
}
