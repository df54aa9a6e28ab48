// SPDX-License-Identifier: Apache-2.0
// bench-start ROUNDS COMMAND...: milliseconds from starting the command to its end, best tenth's mean.
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  int rounds = argc > 2 ? atoi(argv[1]) : 0;
  if (rounds < 10) return 2;
  double *ms = calloc((size_t)rounds, sizeof(*ms));
  for (int i = 0; i < rounds; i++) {
    pid_t child;
    int status = 0;
    double begin = now_ms();
    if (posix_spawnp(&child, argv[2], NULL, NULL, argv + 2, environ) != 0) return 1;
    waitpid(child, &status, 0);
    ms[i] = now_ms() - begin;
    if (status != 0) return 1;
  }
  qsort(ms, (size_t)rounds, sizeof(*ms), by_size);
  double sum = 0;
  for (int i = 0; i < rounds / 10; i++) sum += ms[i];
  printf("%.4f\n", sum / (rounds / 10));
  return 0;
}
