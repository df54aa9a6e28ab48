// SPDX-License-Identifier: Apache-2.0
// A clock's ticks for a program that is not on that clock (test/native drives the node's arbiter so, on the virtual one):
// every 10 ms a line with CLOCK_MONOTONIC in ns, and time goes on when a byte has come back.
//
//   ticks SECONDS
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS 10000000ull

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv) {
  char answer;
  if (argc != 2) return 2;
  uint64_t end_ns = now_ns() + (uint64_t)(atof(argv[1]) * 1e9);
  for (uint64_t now = now_ns(); now < end_ns; now = now_ns()) {
    printf("%llu\n", (unsigned long long)now);
    fflush(stdout);
    if (read(STDIN_FILENO, &answer, 1) != 1) return 1;
    nanosleep(&(struct timespec){0, (long)TICK_NS}, NULL);
  }
  return 0;
}
