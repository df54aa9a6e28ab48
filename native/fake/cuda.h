// SPDX-License-Identifier: Apache-2.0
// Inside of the fake libcuda: the process's state, shared by its files.
#ifndef KERF_FAKE_CUDA_H
#define KERF_FAKE_CUDA_H

#include "cuda-abi.h"
#include "ptrmap.h"
#include "timeline.h"
#include "world.h"

#define FAKE_EXPORT __attribute__((visibility("default")))
#define FAKE_CONTEXTS 64u

struct CUctx_st {
  uint32_t device; /* ordinal of this process */
  uint32_t refs;   /* 0: destroyed */
  bool is_primary;
  struct timeline_client *client; /* NULL while its kernels take no time (stream.c) */
};

struct fake_cuda {
  struct fake_world world;
  struct ptrmap map; /* what this process owns: device pointers, handles, mappings */
  struct CUctx_st primary[FAKE_GPUS_MAX];
  struct CUctx_st contexts[FAKE_CONTEXTS];
  uint32_t lock; /* contexts */
  struct timeline timeline;
  uint32_t timed_devices; /* a bit for each GPU of the machine on which a context of ours has a client */
  bool is_ready;
  bool is_forked; /* a child of a process that had initialised: the driver is unusable in it */
};

extern struct fake_cuda fake_cuda;

#define CHECK_READY()                               \
  do {                                              \
    CUresult ready = cuda_ready();                  \
    if (ready != CUDA_SUCCESS) return ready;        \
  } while (0)
#define CHECK_ARGUMENT(claim)                       \
  do {                                              \
    if (!(claim)) return CUDA_ERROR_INVALID_VALUE;  \
  } while (0)

CUresult cuda_ready(void);
/* The current context's device ordinal; INVALID_CONTEXT where there is none. */
CUresult cuda_current(struct CUctx_st **context);
struct fake_gpu *cuda_gpu(uint32_t device);
CUresult cuda_stream_context(CUstream stream, struct CUctx_st **context);
/* Whatever it was allocated by; INVALID_VALUE where it is no allocation. */
CUresult cuda_memory_free(CUdeviceptr pointer);
/* Frees everything the context owns. */
void cuda_memory_drop(struct CUctx_st *context);
/* Address space for `bytes`; 0 where there is none left. */
uint64_t arena_take(uint64_t bytes);
void arena_give(uint64_t address, uint64_t bytes);

#endif
