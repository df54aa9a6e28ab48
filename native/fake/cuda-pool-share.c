// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: pools of other processes. A pool travels as a file, a pointer of it as 64 bytes; who takes them can use
// and free the pointer, and allocate nothing. The memory is its maker's, and lives on with who took it if he dies.
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cuda-ipc.h"
#include "cuda-memory-abi.h"
#include "pool.h"

#define POOL_MAGIC 0x6b657266706f6f6cull

/* What the file says. */
struct pool_letter {
  uint64_t magic;
  uint32_t gpu; /* of the machine */
};

FAKE_EXPORT CUresult cuMemPoolExportToShareableHandle(void *out, CUmemoryPool pool, int type, unsigned long long flags) {
  struct pool_letter letter = {.magic = POOL_MAGIC};
  CHECK_READY();
  int device = pool_given_device(pool);
  CHECK_ARGUMENT(out != NULL && flags == 0 && device >= 0);
  if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  letter.gpu = cuda_gpu((uint32_t)device)->index;
  int fd = memfd_create("kerf-fake-pool", MFD_CLOEXEC);
  if (fd < 0) return CUDA_ERROR_OUT_OF_MEMORY;
  if (write(fd, &letter, sizeof(letter)) != (ssize_t)sizeof(letter)) {
    close(fd);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *(int *)out = fd;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool *out, void *os_handle, int type,
                                                        unsigned long long flags) {
  struct pool_letter letter;
  uint8_t device;
  CHECK_READY();
  CHECK_ARGUMENT(out != NULL && flags == 0);
  if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  ssize_t size = pread((int)(intptr_t)os_handle, &letter, sizeof(letter), 0);
  CHECK_ARGUMENT(size == (ssize_t)sizeof(letter) && letter.magic == POOL_MAGIC);
  if (!ipc_find_ordinal(letter.gpu, &device)) return CUDA_ERROR_INVALID_DEVICE;
  return pool_import(out, device);
}

FAKE_EXPORT CUresult cuMemPoolExportPointer(struct cuda_ipc_handle *out, CUdeviceptr pointer) {
  struct ptrmap_entry entry;
  CHECK_READY();
  CHECK_ARGUMENT(out != NULL && ptrmap_get(&fake_cuda.map, pointer, PTRMAP_POINTER, &entry));
  CHECK_ARGUMENT(entry.memory_class == REGION_CLASS_ASYNC && pool_given_device((CUmemoryPool)(uintptr_t)entry.owner) >= 0);
  return ipc_write_letter(out, &entry);
}

FAKE_EXPORT CUresult cuMemPoolImportPointer(CUdeviceptr *out, CUmemoryPool pool, const struct cuda_ipc_handle *data) {
  struct CUctx_st *context;
  struct ipc_letter letter;
  CUresult result = cuda_current(&context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(out != NULL && data != NULL && pool_is_import(pool) && ipc_read_letter(&letter, data));
  struct ptrmap_entry entry = {arena_take(letter.bytes), letter.bytes, (uintptr_t)context,    1, PTRMAP_POINTER,
                               (uint8_t)context->device, REGION_CLASS_IMPORT, PTRMAP_HOLDS};
  struct ptrmap_entry share = {.key = entry.key, .owner = letter.share, .refs = 1, .kind = PTRMAP_POINTER | PTRMAP_GIVEN};
  if (entry.key == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  if (!share_hold(world_desk(&fake_cuda.world, &fake_cuda.map), letter.share)) {
    arena_give(entry.key, letter.bytes);
    return CUDA_ERROR_INVALID_VALUE;
  }
  ptrmap_put(&fake_cuda.map, &share);
  ptrmap_put(&fake_cuda.map, &entry);
  *out = entry.key;
  return CUDA_SUCCESS;
}
