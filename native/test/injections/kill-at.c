// SPDX-License-Identifier: Apache-2.0
// kill-at WORK SIGNAL FIRST STRIDE COUNT: ends (9) or stops (19) a process after FIRST, FIRST + STRIDE, ... instructions of
// WORK, single step by single step, and lets a fresh process look each time whether all memory is to be had again.
// Prints {"work":..,"points":N,"instructions":N,"wrong":N}. A stopped process keeps at most what it asked for.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../workload/cuda.h"

#define ASKED (3 * MIB)
/* Pools grow by this much, charged ahead. */
#define POOL_STEP (32 * MIB)
#define WITNESS_SECONDS 20

struct seen {
  size_t free_bytes;
  int is_good;
  int code; /* of the first thing that failed, or of the last */
};

static struct seen *seen;
static uint64_t key;

static void nothing(void) {}
static void take(void) { cuda.alloc(&key, ASKED); }
static void give(void) { cuda.release(key); }
static void take_async(void) { cuda.alloc_async(&key, ASKED, NULL); }
static void init(void) { cuda.init(0); }

static void take_first(void) {
  cuda_start(0);
  take();
}

static void take_vmm(void) {
  if (memory_api("vmm")->take(&key, ASKED) == CUDA_SUCCESS) memory_api("vmm")->give(key);
}

struct work {
  const char *name;
  void (*before)(void);
  void (*run)(void);
  int needs_start;
  size_t most_bytes; /* what a process stopped in it may keep from others */
};

static void take_twice(void) {
  take();
  take();
}

static const struct work WORKS[] = {
    {"start", nothing, take_first, 0, 3 * ASKED}, {"attach", init, take_first, 0, 3 * ASKED},
    {"reserve", take, take, 1, 3 * ASKED},        {"free", take_twice, give, 1, 3 * ASKED},
    {"vmm", take, take_vmm, 1, 3 * ASKED},        {"async", take, take_async, 1, 3 * ASKED + POOL_STEP},
};

/* Free memory as a fresh process is told, and whether it gets exactly that and no more. */
static void witness(size_t keep) {
  size_t total = 0;
  uint64_t all, more;
  alarm(WITNESS_SECONDS);
  seen->code = cuda_start(0);
  if (seen->code == CUDA_SUCCESS) seen->code = cuda.memory_info(&seen->free_bytes, &total);
  if (seen->code != CUDA_SUCCESS) _exit(1);
  size_t least = seen->free_bytes - keep;
  CUresult code = seen->code = keep > 0 ? cuda.alloc(&all, least) : cuda.alloc(&all, seen->free_bytes);
  CUresult full = keep > 0 ? CUDA_ERROR_OUT_OF_MEMORY : cuda.alloc(&more, 512);
  seen->is_good = code == CUDA_SUCCESS && full == CUDA_ERROR_OUT_OF_MEMORY;
  _exit(seen->is_good ? 0 : 1);
}

static int look(size_t keep) {
  int status = -1;
  seen->is_good = 0;
  pid_t child = fork();
  if (child == 0) witness(keep);
  waitpid(child, &status, 0);
  return status == 0 && seen->is_good;
}

static pid_t start(const struct work *work) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    if (work->needs_start && cuda_start(0) != CUDA_SUCCESS) _exit(1);
    work->before();
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    work->run();
    raise(SIGUSR1);
    _exit(0);
  }
  waitpid(child, &status, 0);
  return child;
}

/* Steps it on; fewer than asked for where the work was done before. */
static long step(pid_t child, long steps) {
  int status = 0;
  for (long i = 0; i < steps; i++) {
    if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0 || waitpid(child, &status, 0) != child) return i;
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) return i;
  }
  return steps;
}

static void end(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

/* 1 where the world was not as it must be after a process came to its end, or to a halt, here. */
static int try_point(const struct work *work, int signal_number, long point, size_t base) {
  pid_t child = start(work);
  step(child, point);
  int wrong = 0;
  if (signal_number == SIGSTOP) {
    /* Out of the tracer's hands and stopped for everybody. */
    ptrace(PTRACE_DETACH, child, NULL, (void *)SIGSTOP);
    wrong = !look(2 * ASKED) || base - seen->free_bytes > work->most_bytes;
  }
  end(child);
  return wrong || !look(0) || seen->free_bytes != base;
}

int main(int argc, char **argv) {
  const struct work *work = NULL;
  if (argc != 6 || !cuda_load()) return 2;
  for (size_t i = 0; i < sizeof(WORKS) / sizeof(WORKS[0]); i++)
    if (strcmp(WORKS[i].name, argv[1]) == 0) work = &WORKS[i];
  int signal_number = atoi(argv[2]);
  long first = atol(argv[3]), stride = atol(argv[4]), count = atol(argv[5]);
  long instructions = 0, wrong = 0, points = 0;
  seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (work == NULL || !look(0)) return 2;
  size_t base = seen->free_bytes;
  /* A stride of 0: spread over the whole work, which is stepped through once to learn its length. */
  if (stride == 0) {
    pid_t whole = start(work);
    instructions = step(whole, 10000000);
    end(whole);
    stride = instructions / count > 0 ? instructions / count : 1;
  }
  for (long i = 0; i < count; i++, points++) {
    int is_wrong = try_point(work, signal_number, first + i * stride, base);
    if (is_wrong) fprintf(stderr, "%s: wrong after %ld instructions: %zu free of %zu, code %d\n", work->name, first + i * stride,
                           seen->free_bytes, base, seen->code);
    wrong += is_wrong;
  }
  printf("{\"work\":\"%s\",\"points\":%ld,\"instructions\":%ld,\"wrong\":%ld}\n", work->name, points, instructions, wrong);
  return 0;
}
