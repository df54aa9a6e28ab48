// SPDX-License-Identifier: Apache-2.0
#ifndef KERF_WORKLOAD_ASK_H
#define KERF_WORKLOAD_ASK_H

#include "cuda.h"

/* Status 0 at the end of input, 1 where the device cannot be used, 2 after a line nobody understands. */
int ask_run(const struct memory_api *api, int device);

#endif
