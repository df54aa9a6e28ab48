// SPDX-License-Identifier: Apache-2.0
// Inside of the fake libcuda: what an IPC handle says, and what a pointer of a pool says to another process.
#ifndef KERF_FAKE_CUDA_IPC_H
#define KERF_FAKE_CUDA_IPC_H

#include "cuda-memory-abi.h"
#include "cuda.h"

struct ipc_letter {
  uint64_t magic;
  share_id share;
  uint64_t bytes;
  uint64_t address;
  uint32_t gpu; /* of the machine */
  uint32_t pid;
};

_Static_assert(sizeof(struct ipc_letter) <= sizeof(struct cuda_ipc_handle), "a letter fits into a handle");

/* Of memory that other processes may have from now on. */
CUresult ipc_write_letter(struct cuda_ipc_handle *out, const struct ptrmap_entry *entry);
bool ipc_read_letter(struct ipc_letter *letter, const struct cuda_ipc_handle *handle);
/* This process's number of the machine's GPU. */
bool ipc_find_ordinal(uint32_t gpu, uint8_t *ordinal);

#endif
