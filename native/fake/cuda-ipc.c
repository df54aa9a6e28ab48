// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: memory of other processes, by file and by IPC handle. Only the memory's existence is shared, not its
// bytes: who imports gets an address of his own. Books are kept by the ledger's shares, machine-wide.
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cuda-holdings.h"
#include "cuda-ipc.h"
#include "cuda-vmm.h"

#define LETTER_MAGIC 0x6b65726673686172ull

static const struct share_desk *desk(void) { return world_desk(&fake_cuda.world, &fake_cuda.map); }

bool ipc_find_ordinal(uint32_t gpu, uint8_t *ordinal) {
  for (uint32_t i = 0; i < fake_cuda.world.count; i++) {
    if (fake_cuda.world.gpus[i].index != gpu) continue;
    *ordinal = (uint8_t)i;
    return true;
  }
  return false;
}

static bool give(const struct ptrmap_entry *entry, share_id *share) {
  struct ptrmap_entry given;
  *share = entry->bytes;
  if ((entry->flags & PTRMAP_HOLDS) != 0) return true;
  bool is_given = ptrmap_get(&fake_cuda.map, entry->key, entry->kind | PTRMAP_GIVEN, &given);
  *share = given.owner;
  if (is_given) return true;
  if (!share_give(desk(), cuda_gpu(entry->device)->index, entry->bytes, share)) return false;
  given = (struct ptrmap_entry){.key = entry->key, .owner = *share, .refs = 1, .kind = entry->kind | PTRMAP_GIVEN};
  return ptrmap_put(&fake_cuda.map, &given) && ptrmap_mark(&fake_cuda.map, entry->key, entry->kind, PTRMAP_SHARED, NULL);
}

CUresult ipc_write_letter(struct cuda_ipc_handle *out, const struct ptrmap_entry *entry) {
  struct ipc_letter letter = {LETTER_MAGIC, 0, entry->bytes, entry->key, cuda_gpu(entry->device)->index, (uint32_t)getpid()};
  if (!give(entry, &letter.share)) return CUDA_ERROR_OUT_OF_MEMORY;
  memset(out, 0, sizeof(*out));
  memcpy(out, &letter, sizeof(letter));
  return CUDA_SUCCESS;
}

bool ipc_read_letter(struct ipc_letter *letter, const struct cuda_ipc_handle *handle) {
  memcpy(letter, handle, sizeof(*letter));
  return letter->magic == LETTER_MAGIC;
}

/* ---- files ---- */

FAKE_EXPORT CUresult cuMemExportToShareableHandle(void *out, CUmemGenericAllocationHandle handle, int type,
                                                  unsigned long long flags) {
  struct ptrmap_entry entry;
  struct ipc_letter letter = {.magic = LETTER_MAGIC, .pid = (uint32_t)getpid()};
  CHECK_READY();
  CHECK_ARGUMENT(out != NULL && flags == 0 && vmm_find(handle, &entry));
  if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  letter.bytes = entry.owner;
  letter.gpu = cuda_gpu(entry.device)->index;
  int fd = memfd_create("kerf-fake-memory", MFD_CLOEXEC);
  if (fd < 0) return CUDA_ERROR_OUT_OF_MEMORY;
  if (!give(&entry, &letter.share) || write(fd, &letter, sizeof(letter)) != (ssize_t)sizeof(letter)) {
    close(fd);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *(int *)out = fd;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *out, void *os_handle, int type) {
  struct ipc_letter letter;
  CHECK_READY();
  CHECK_ARGUMENT(out != NULL);
  if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  ssize_t size = pread((int)(intptr_t)os_handle, &letter, sizeof(letter), 0);
  CHECK_ARGUMENT(size == (ssize_t)sizeof(letter) && letter.magic == LETTER_MAGIC);
  struct ptrmap_entry entry = {.bytes = letter.share, .owner = letter.bytes, .flags = PTRMAP_HOLDS};
  if (!ipc_find_ordinal(letter.gpu, &entry.device)) return CUDA_ERROR_INVALID_DEVICE;
  CHECK_ARGUMENT(share_hold(desk(), letter.share));
  CUresult result = vmm_add(&entry, out);
  if (result != CUDA_SUCCESS) share_drop(desk(), letter.share);
  return result;
}

/* ---- IPC ---- */

/* Plain memory only, by any address that it begins with; managed and stream-ordered memory has no handle. */
FAKE_EXPORT CUresult cuIpcGetMemHandle(struct cuda_ipc_handle *out, CUdeviceptr pointer) {
  struct ptrmap_entry entry;
  struct CUctx_st *context;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(out != NULL && ptrmap_get(&fake_cuda.map, pointer, PTRMAP_POINTER, &entry));
  CHECK_ARGUMENT(entry.memory_class == REGION_CLASS_PLAIN);
  return ipc_write_letter(out, &entry);
}

static CUresult open_letter(CUdeviceptr *out, const struct ipc_letter *letter, struct CUctx_st *context) {
  struct ptrmap_entry entry = {.key = arena_take(letter->bytes),
                               .bytes = letter->share,
                               .owner = (uintptr_t)context,
                               .refs = 1,
                               .kind = PTRMAP_OPENED,
                               .device = (uint8_t)context->device,
                               .flags = PTRMAP_HOLDS};
  struct ptrmap_entry size = {.key = entry.key, .bytes = letter->bytes, .refs = 1, .kind = PTRMAP_OPENED | PTRMAP_GIVEN};
  if (entry.key == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  if (!share_hold(desk(), letter->share)) {
    arena_give(entry.key, letter->bytes);
    return CUDA_ERROR_INVALID_VALUE;
  }
  ptrmap_put(&fake_cuda.map, &size);
  ptrmap_put(&fake_cuda.map, &entry);
  *out = entry.key;
  return CUDA_SUCCESS;
}

/* The vendor's refuses its own process's handles too. */
FAKE_EXPORT CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *out, struct cuda_ipc_handle handle, unsigned int flags) {
  struct CUctx_st *context;
  struct ipc_letter letter;
  uint8_t ordinal;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(ipc_read_letter(&letter, &handle) && out != NULL && flags == 1);
  if (letter.pid == (uint32_t)getpid()) return CUDA_ERROR_INVALID_CONTEXT;
  if (!ipc_find_ordinal(letter.gpu, &ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  return open_letter(out, &letter, context);
}

FAKE_EXPORT CUresult cuIpcOpenMemHandle(CUdeviceptr *out, struct cuda_ipc_handle handle, unsigned int flags) {
  return cuIpcOpenMemHandle_v2(out, handle, flags);
}

void cuda_close_opened(const struct ptrmap_entry *entry) {
  struct ptrmap_entry size;
  if (ptrmap_take(&fake_cuda.map, entry->key, PTRMAP_OPENED | PTRMAP_GIVEN, &size)) arena_give(entry->key, size.bytes);
  share_drop(desk(), entry->bytes);
}

FAKE_EXPORT CUresult cuIpcCloseMemHandle(CUdeviceptr pointer) {
  struct CUctx_st *context;
  struct ptrmap_entry entry;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(ptrmap_get(&fake_cuda.map, pointer, PTRMAP_OPENED, &entry));
  if (entry.owner != (uintptr_t)context) return CUDA_ERROR_INVALID_CONTEXT;
  CHECK_ARGUMENT(ptrmap_take(&fake_cuda.map, pointer, PTRMAP_OPENED, &entry));
  cuda_close_opened(&entry);
  return CUDA_SUCCESS;
}
