// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: stream-ordered memory of a stream that is being captured becomes nodes of its graph.
#ifndef KERF_FAKE_GRAPH_MEMORY_H
#define KERF_FAKE_GRAPH_MEMORY_H

#include "graph.h"

CUresult graph_memory_capture(CUdeviceptr *out, size_t size, const struct stream_place *place);
CUresult graph_memory_capture_free(CUdeviceptr pointer, const struct stream_place *place);
/* False where the pointer is not what a launched graph left allocated. */
bool graph_memory_free(CUdeviceptr pointer);
/* Does it allocate or free, or a child of it? */
bool graph_memory_is_in(CUgraph graph);
/* The device's primary context is gone. */
void graph_memory_reset(uint32_t device);

#endif
