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
  double ns_per_iteration; /* as launch_calibrate says of this device; 0: of no matter, the fake goes by the name */
  uint64_t gap_ns;   /* the process's own work between two launches */
  uint64_t after_ns; /* idle before the first */
  uint64_t for_ns;
};

bool launch_pattern(const char *name, enum launch_pattern *pattern);
int launch_run(const struct launch_options *options);
/* Says how long an iteration of a kernel takes; a status for the shell. */
int launch_calibrate(int device);

#endif
