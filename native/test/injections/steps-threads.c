// SPDX-License-Identifier: Apache-2.0
// Steps in which threads, signals and jumps meet the driver.
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../workload/cuda.h"
#include "steps.h"

#define CHURN_THREADS 4

static int is_over;

static void *churn(void *ordinal) {
  uint64_t key;
  if (cuda_start((int)(uintptr_t)ordinal) != CUDA_SUCCESS) return NULL;
  while (__atomic_load_n(&is_over, __ATOMIC_RELAXED) == 0)
    if (cuda.alloc(&key, MIB) == CUDA_SUCCESS) cuda.release(key);
  return NULL;
}

/* Children forked one after the other while four threads allocate: each must come to its own answer. */
static int do_fork_storm(const char *step) {
  pthread_t threads[CHURN_THREADS];
  int wrong = 0;
  (void)step;
  for (int i = 0; i < CHURN_THREADS; i++) pthread_create(&threads[i], NULL, churn, NULL);
  for (int i = 0; i < 50; i++) {
    pid_t child = fork();
    if (child == 0) {
      uint64_t key;
      alarm(10);
      _exit(cuda.alloc(&key, MIB) == CUDA_ERROR_NOT_INITIALIZED ? 0 : 1);
    }
    int status = -1;
    wrong += waitpid(child, &status, 0) != child || status != 0;
  }
  __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < CHURN_THREADS; i++) pthread_join(threads[i], NULL);
  return wrong;
}

/* Threads are cancelled at whatever cancellation point they come to; others must be able to go on. */
static void *start_and_churn(void *unused) {
  (void)unused;
  return churn(0);
}

static int do_cancel_storm(const char *step) {
  (void)step;
  for (int i = 0; i < 200; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, start_and_churn, NULL);
    if (i % 4 != 0) usleep((useconds_t)(i % 7) * 50);
    pthread_cancel(thread);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    __atomic_store_n(&is_over, 0, __ATOMIC_RELAXED);
  }
  uint64_t key;
  CUresult code = cuda_start(0);
  if (code == CUDA_SUCCESS) code = cuda.alloc(&key, MIB);
  return code == CUDA_SUCCESS ? cuda.release(key) : code;
}

const struct step_row STEPS_MORE[] = {
    {"forkstorm", do_fork_storm},
    {"cancelstorm", do_cancel_storm},
};
const size_t steps_more_count = sizeof(STEPS_MORE) / sizeof(STEPS_MORE[0]);
