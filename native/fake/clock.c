// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "clock.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define LATE_NS 60000u

uint64_t clock_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The virtual clock wakes nobody late. */
static bool is_virtual(void) {
  static int known;
  if (known == 0) known = getenv("KERF_VIRTUAL_CLOCK") != NULL ? 1 : -1;
  return known == 1;
}

void clock_sleep_until_ns(uint64_t deadline_ns) {
  uint64_t early_ns = is_virtual() ? 0 : LATE_NS;
  uint64_t until_ns = deadline_ns > early_ns ? deadline_ns - early_ns : 0;
  struct timespec until = {(time_t)(until_ns / 1000000000u), (long)(until_ns % 1000000000u)};
  if (until_ns > clock_now_ns()) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
  while (early_ns > 0 && clock_now_ns() < deadline_ns) sched_yield();
}
