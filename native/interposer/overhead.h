// SPDX-License-Identifier: Apache-2.0
// What the driver takes for itself: contexts, code, heaps (class DRIVER). It tells nobody how much, so the sum is what
// NVML says this process holds on the device, less what we know it asked for; measured after every call that changes it,
// charged ahead by what the like took before (the first context of a container is the one that teaches). Where NVML
// cannot be asked, what was learned stands for what is.
#ifndef KERF_OVERHEAD_H
#define KERF_OVERHEAD_H

#include "pool.h"

/* Bytes this process holds on the device by NVML's word; false where it does not tell. */
bool overhead_ask_nvml(CUdevice device, uint64_t *bytes);
/* Who is on the device before this process has its first context there: who is new after it is this process, where
 * NVML counts pids otherwise than we do. */
void overhead_look_around(CUdevice device);
/* The sum that is to be charged. */
uint64_t overhead_measure(const struct pool *pool);

/* Before and after the opening of a context. OUT_OF_MEMORY after a good answer: it is to be closed again, and
 * overhead_closed told. */
CUresult overhead_before_context(struct pool_turn *turn, CUdevice device);
CUresult overhead_after_context(struct pool_turn *turn, CUresult result, CUcontext context, CUdevice device);
void overhead_closed(CUcontext context, CUdevice device);

/* The same of something else in the current context: `bytes` is a guess, `stays` is charged until the context goes, even
 * where the driver takes it later. */
CUresult overhead_before(struct pool_turn *turn, uint64_t bytes, uint64_t stays);
CUresult overhead_after(struct pool_turn *turn, CUresult result);
/* Something was given back. */
void overhead_changed(CUdevice device);
void overhead_changed_here(void);

#endif
