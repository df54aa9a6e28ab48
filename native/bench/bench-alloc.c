// SPDX-License-Identifier: Apache-2.0
// bench-alloc LIVE ROUNDS: nanoseconds of one cuMemAlloc and its cuMemFree while LIVE other allocations live.
// Best of seven runs: on a shared machine the others measure the neighbours.
#define _GNU_SOURCE
#define PROGRAM "bench-alloc"
#include "driver.h"

#define RUNS 7

static CUresult (*alloc)(CUdeviceptr *, size_t);
static CUresult (*release)(CUdeviceptr);

static void start(void) {
  CUresult (*init)(unsigned int), (*retain)(CUcontext *, CUdevice), (*set)(CUcontext);
  CUcontext context;
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  if (library == NULL) exit(2);
  resolve(library, &init, "cuInit");
  resolve(library, &retain, "cuDevicePrimaryCtxRetain");
  resolve(library, &set, "cuCtxSetCurrent");
  resolve(library, &alloc, "cuMemAlloc_v2");
  resolve(library, &release, "cuMemFree_v2");
  check(init(0), "cuInit");
  check(retain(&context, 0), "cuDevicePrimaryCtxRetain");
  check(set(context), "cuCtxSetCurrent");
}

/* Not the pointer just taken is freed but one of the live ones, in an order no cache guesses. */
static double run(CUdeviceptr *live, size_t count, size_t rounds) {
  uint64_t random = 88172645463325252ull;
  double begin = now_ns();
  for (size_t i = 0; i < rounds; i++) {
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    CUdeviceptr *victim = &live[random % count];
    CUdeviceptr taken;
    check(alloc(&taken, 4096), "cuMemAlloc");
    check(release(*victim), "cuMemFree");
    *victim = taken;
  }
  return (now_ns() - begin) / (double)rounds;
}

int main(int argc, char **argv) {
  size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  size_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 300000;
  CUdeviceptr *live = calloc(count, sizeof(*live));
  double best = 1e18;
  start();
  for (size_t i = 0; i < count; i++) check(alloc(&live[i], 4096), "cuMemAlloc");
  for (int i = 0; i < RUNS; i++) {
    double ns = run(live, count, rounds);
    if (ns < best) best = ns;
  }
  printf("%.1f\n", best);
  return 0;
}
