// SPDX-License-Identifier: Apache-2.0
// Inside of the fake libcuda: what a stream has recorded, as its handle keeps it.
#ifndef KERF_FAKE_CAPTURE_H
#define KERF_FAKE_CAPTURE_H

#include "cuda-graph-abi.h"

#define CAPTURE_POINT_MOST 8u

/* What the next recorded node comes behind. */
struct capture_point {
  uint64_t capture; /* its id; 0 of none */
  uint32_t count;
  CUgraphNode nodes[CAPTURE_POINT_MOST];
};

#endif
