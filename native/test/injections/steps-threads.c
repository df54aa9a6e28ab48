// SPDX-License-Identifier: Apache-2.0
// Steps in which threads, signals and jumps meet the driver.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
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
  /* The fake reads files under a lock while it starts. */
  if (cuda_start(0) != CUDA_SUCCESS) return -1;
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

static const char *cancelled_in;

/* The first cancellation point that the driver, or we, come to takes this thread away. */
static void *be_cancelled(void *unused) {
  uint64_t key;
  (void)unused;
  if (strcmp(cancelled_in, "start") != 0 && cuda_start(0) != CUDA_SUCCESS) return NULL;
  pthread_cancel(pthread_self());
  if (strcmp(cancelled_in, "start") == 0) cuda_start(0);
  else cuda.alloc(&key, 1ull << 40);
  pthread_testcancel();
  return NULL;
}

/* cancelled:start, cancelled:take */
static int do_cancelled(const char *step) {
  pthread_t thread;
  cancelled_in = strchr(step, ':') + 1;
  int code = pthread_create(&thread, NULL, be_cancelled, NULL);
  pthread_join(thread, NULL);
  return code;
}

/* The process ends while its threads are in the driver. */
static int do_exit_storm(const char *step) {
  pthread_t thread;
  for (int i = 0; i < CHURN_THREADS; i++) pthread_create(&thread, NULL, churn, NULL);
  usleep(20000);
  say(step, 0, "%s", "");
  exit(0);
}

static uint64_t key_of_exit;

static void at_exit(void) {
  CUresult code = cuda.alloc(&key_of_exit, MIB);
  say("atexit", code == CUDA_SUCCESS ? cuda.release(key_of_exit) : code, "%s", "");
}

static int do_at_exit(const char *step) {
  (void)step;
  return atexit(at_exit);
}

/* The handle is dropped more often than it was taken; whoever holds a pointer must be able to use it. */
static int do_close_library(const char *step) {
  (void)step;
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  int code = dlclose(library);
  for (int i = 0; i < 3; i++) dlclose(library);
  return code;
}

/* ---- launches from handlers ---- */

typedef CUresult (*load_fn)(CUmodule *, const void *);
typedef CUresult (*function_fn)(CUfunction *, CUmodule, const char *);
typedef CUresult (*launch_fn)(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
                              unsigned int, unsigned int, CUstream, void **, void **);
static launch_fn launch;
static CUfunction kernel;
static volatile sig_atomic_t handled;
static volatile sig_atomic_t wrong_codes;
static sigjmp_buf way_out;
static volatile sig_atomic_t does_jump;

#define FIND(variable, name)                      \
  do {                                            \
    void *found = driver_symbol_of(name);         \
    memcpy(&variable, &found, sizeof(variable));  \
  } while (0)

static CUresult find_kernel(void) {
  load_fn load;
  function_fn get;
  CUmodule module;
  FIND(load, "cuModuleLoadData");
  FIND(get, "cuModuleGetFunction");
  FIND(launch, "cuLaunchKernel");
  CUresult code = load(&module, "no image is looked at");
  return code == CUDA_SUCCESS ? get(&kernel, module, "k") : code;
}

static CUresult launch_one(void) { return launch(kernel, 4, 1, 1, 32, 1, 1, 0, NULL, NULL, NULL); }

static void on_alarm(int number) {
  (void)number;
  handled++;
  if (launch_one() != CUDA_SUCCESS) wrong_codes++;
  if (does_jump && handled % 4 == 0) siglongjmp(way_out, 1);
}

/* handlers[:jump] : launches from a handler that comes every millisecond, in the middle of launches; and jumps out of it. */
static int do_handlers(const char *step) {
  struct sigaction action = {.sa_handler = on_alarm};
  struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  CUresult code = find_kernel();
  if (code != CUDA_SUCCESS) return code;
  does_jump = strstr(step, "jump") != NULL;
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &often, NULL);
  sigsetjmp(way_out, 1);
  while (handled < 40)
    if (launch_one() != CUDA_SUCCESS) wrong_codes++;
  setitimer(ITIMER_REAL, &never, NULL);
  code = launch_one();
  return code == CUDA_SUCCESS ? (int)wrong_codes : code;
}

const struct step_row STEPS_MORE[] = {
    {"forkstorm", do_fork_storm},
    {"cancelstorm", do_cancel_storm},
    {"cancelled", do_cancelled},
    {"exitstorm", do_exit_storm},
    {"atexit", do_at_exit},
    {"dlclose", do_close_library},
    {"handlers", do_handlers},
};
const size_t steps_more_count = sizeof(STEPS_MORE) / sizeof(STEPS_MORE[0]);
