// SPDX-License-Identifier: Apache-2.0
// Inside of the fake libcuda: physical memory by handle, and who holds it.
#ifndef KERF_FAKE_CUDA_VMM_H
#define KERF_FAKE_CUDA_VMM_H

#include "cuda-memory-abi.h"
#include "cuda.h"

#define VMM_GRAIN 0x200000ull
#define IS_GRAIN(value) ((value) % VMM_GRAIN == 0)

/* Bits of an entry's flags, beside those of ptrmap.h. */
enum { VMM_IS_HOST = 1, VMM_IS_MULTICAST = 2 };

/* PTRMAP_HANDLE is the memory: owner is its size, bytes what it has charged (of an import: its share), refs count
 * handles and whatever else holds it. PTRMAP_GRIP counts the handles alone, as only they can be released. */
#define PTRMAP_GRIP 0x1eu

/* Has it a handle? */
bool vmm_find(uint64_t handle, struct ptrmap_entry *entry);
CUresult vmm_add(const struct ptrmap_entry *memory, uint64_t *handle);
/* One holder more, one less. */
bool vmm_hold(uint64_t handle);
bool vmm_drop(uint64_t handle);

#endif
