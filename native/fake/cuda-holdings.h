// SPDX-License-Identifier: Apache-2.0
// Inside of the fake libcuda: things with a handle, a context and memory on its device, as arrays are. Handles are
// addresses of the process that nothing else has, and come back when they are free, as the real ones do.
#ifndef KERF_FAKE_CUDA_HOLDINGS_H
#define KERF_FAKE_CUDA_HOLDINGS_H

#include "cuda-memory-abi.h"
#include "cuda.h"

struct holding {
  uint8_t kind;
  uint8_t flags;
  struct CUctx_st *context;
  uint32_t memory_class;
  uint64_t bytes;
};

/* With memory; OUT_OF_MEMORY where the device has none left. */
CUresult cuda_hold(const struct holding *holding, uint64_t *handle);
/* Without; its bytes are only remembered. */
CUresult cuda_hold_nothing(const struct holding *holding, uint64_t *handle);
/* Of an entry that was taken out of the map. */
void cuda_let_go(const struct ptrmap_entry *entry);
/* A mipmapped array on external memory. */
CUresult cuda_array_on(const struct cuda_array3d_desc *desc, unsigned int levels, uint64_t memory, uint64_t *handle);
/* One buffer or mipmapped array of external memory less. */
void cuda_drop_part(uint64_t memory);
void cuda_drop_part_of(uint64_t key);
/* Of an IPC pointer taken out of the map. */
void cuda_close_opened(const struct ptrmap_entry *entry);
/* Everything of a context that is not a pointer. */
void cuda_holdings_drop(struct CUctx_st *context);

#endif
