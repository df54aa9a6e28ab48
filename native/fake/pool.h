// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: what pools and graphs keep of a device's memory.
#ifndef KERF_FAKE_POOL_H
#define KERF_FAKE_POOL_H

#include "cuda.h"

/* Work of the stream has ended, or of all the device's streams where `is_all`: what was freed there is free now, and
 * pools let go of what is beyond their threshold. */
void pool_rest(uint32_t device, CUstream stream, bool is_per_thread, bool is_all);
/* A stream-ordered allocation, freed by cuMemFree: waits for everything. */
void pool_free_now(const struct ptrmap_entry *entry);
/* Ordinal of the device of a pool that other processes may have; -1 for one that was not made for it. */
int pool_given_device(CUmemoryPool pool);
bool pool_is_import(CUmemoryPool pool);
CUresult pool_import(CUmemoryPool *out, uint32_t device);
/* The device's primary context is gone, and with it everything its pools held. */
void pool_reset(uint32_t device);
/* What pools keep unused is let go when nothing else is left. */
void pool_shrink(uint32_t device);

#endif
