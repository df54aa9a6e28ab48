// SPDX-License-Identifier: Apache-2.0
#ifndef KERF_WORKLOAD_LAUNCH_H
#define KERF_WORKLOAD_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

enum launch_pattern { LAUNCH_ASYNC, LAUNCH_SYNC, LAUNCH_GRAPH };

struct launch_options {
  enum launch_pattern pattern;
  int device;
  int procs;
  uint64_t kernel_ns;
  uint64_t gap_ns;   /* the process's own work between two launches */
  uint64_t after_ns; /* idle before the first */
  uint64_t for_ns;
};

bool launch_pattern(const char *name, enum launch_pattern *pattern);
int launch_run(const struct launch_options *options);

#endif
