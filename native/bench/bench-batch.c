// SPDX-License-Identifier: Apache-2.0
// bench-batch COUNT COMMAND...: starts COUNT of it at once and waits for all; prints wall and processor milliseconds of
// the batch, and how many failed. What they say is thrown away.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static double cpu_ms(void) {
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

int main(int argc, char **argv) {
  int count = argc > 2 ? atoi(argv[1]) : 0;
  int failed = 0;
  posix_spawn_file_actions_t actions;
  if (count < 1) return 2;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  double begin = now_ms();
  for (int i = 0; i < count; i++) {
    pid_t child;
    if (posix_spawnp(&child, argv[2], &actions, NULL, argv + 2, environ) != 0) return 1;
  }
  for (int i = 0; i < count; i++) {
    int status = 0;
    wait(&status);
    failed += status != 0;
  }
  printf("{\"wall_ms\":%.2f,\"cpu_ms\":%.2f,\"failed\":%d}\n", now_ms() - begin, cpu_ms(), failed);
  return 0;
}
