// SPDX-License-Identifier: Apache-2.0
// Ways of asking for memory, one a row: `--api` of kerf-workload.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cuda.h"

#define ROW_BYTES 0x10000u /* of an array: 4096 texels of four 32-bit channels */
#define TEXELS 4096u

static uint64_t round_up(uint64_t value, uint64_t grain) { return (value + grain - 1) / grain * grain; }

static CUresult take_malloc(uint64_t *key, uint64_t bytes) { return cuda.alloc(key, bytes); }
static CUresult give_malloc(uint64_t key) { return cuda.release(key); }
static CUresult take_managed(uint64_t *key, uint64_t bytes) { return cuda.alloc_managed(key, bytes, 1); }
static CUresult take_async(uint64_t *key, uint64_t bytes) { return cuda.alloc_async(key, bytes, NULL); }
static CUresult give_async(uint64_t key) { return cuda.free_async(key, NULL); }

static CUresult take_pitch(uint64_t *key, uint64_t bytes) {
  size_t pitch;
  return cuda.alloc_pitch(key, &pitch, 4096, (bytes + 4095) / 4096, 4);
}

static CUresult take_vmm(uint64_t *key, uint64_t bytes) {
  struct cuda_allocation_prop prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                      .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  return cuda.vmm_create(key, round_up(bytes, 2 * MIB), &prop, 0);
}

static CUresult give_vmm(uint64_t key) { return cuda.vmm_release(key); }

static CUresult take_array(uint64_t *key, uint64_t bytes) {
  struct cuda_array_desc desc = {TEXELS, round_up(bytes, ROW_BYTES) / ROW_BYTES, CU_AD_FORMAT_FLOAT, 4};
  CUarray array = NULL;
  CUresult result = cuda.array_create(&array, &desc);
  *key = (uintptr_t)array;
  return result;
}

/* A MiB a layer. */
static CUresult take_volume(uint64_t *key, uint64_t bytes) {
  struct cuda_array3d_desc desc = {TEXELS, 16, round_up(bytes, MIB) / MIB, CU_AD_FORMAT_FLOAT, 4, CUDA_ARRAY3D_LAYERED};
  CUarray array = NULL;
  CUresult result = cuda.volume_create(&array, &desc);
  *key = (uintptr_t)array;
  return result;
}

static CUresult give_array(uint64_t key) { return cuda.array_destroy((CUarray)(uintptr_t)key); }

/* Two levels: the second is a quarter of the first. */
static CUresult take_mipmap(uint64_t *key, uint64_t bytes) {
  uint64_t height = bytes / ROW_BYTES * 4 / 5;
  struct cuda_array3d_desc desc = {TEXELS, height == 0 ? 1 : height, 0, CU_AD_FORMAT_FLOAT, 4, 0};
  CUmipmappedArray mipmap = NULL;
  CUresult result = cuda.mipmap_create(&mipmap, &desc, 2);
  *key = (uintptr_t)mipmap;
  return result;
}

static CUresult give_mipmap(uint64_t key) { return cuda.mipmap_destroy((CUmipmappedArray)(uintptr_t)key); }

/* ---- what has more than one handle ---- */

struct several {
  uint64_t first, second;
  size_t bytes;
};

static struct several *several_of(uint64_t key) { return (struct several *)(uintptr_t)key; }

static CUresult keep(struct several several, CUresult result, uint64_t *key) {
  struct several *kept = result == CUDA_SUCCESS ? malloc(sizeof(*kept)) : NULL;
  if (kept == NULL) return result == CUDA_SUCCESS ? CUDA_ERROR_UNKNOWN : result;
  *kept = several;
  *key = (uintptr_t)kept;
  return CUDA_SUCCESS;
}

/* As frameworks do: mapped, and the handle released at once. */
static CUresult take_mapped(uint64_t *key, uint64_t bytes) {
  struct several several = {.bytes = round_up(bytes, 2 * MIB)};
  uint64_t handle;
  CUresult result = take_vmm(&handle, bytes);
  if (result != CUDA_SUCCESS) return result;
  result = cuda.address_reserve(&several.first, several.bytes, 0, 0, 0);
  if (result == CUDA_SUCCESS) result = cuda.map(several.first, several.bytes, 0, handle, 0);
  CUresult released = cuda.vmm_release(handle);
  return keep(several, result != CUDA_SUCCESS ? result : released, key);
}

static CUresult give_mapped(uint64_t key) {
  struct several several = *several_of(key);
  free(several_of(key));
  CUresult result = cuda.unmap(several.first, several.bytes);
  CUresult freed = cuda.address_free(several.first, several.bytes);
  return result != CUDA_SUCCESS ? result : freed;
}

/* Memory that only a sparse array holds. */
static CUresult take_sparse(uint64_t *key, uint64_t bytes) {
  struct cuda_array3d_desc desc = {TEXELS, TEXELS, 0, CU_AD_FORMAT_FLOAT, 4, CUDA_ARRAY3D_SPARSE};
  struct cuda_array_map piece = {.operation = CU_MEM_OPERATION_TYPE_MAP, .device_mask = 1};
  CUarray array = NULL;
  CUresult result = take_vmm(&piece.handle, bytes);
  if (result != CUDA_SUCCESS) return result;
  result = cuda.volume_create(&array, &desc);
  piece.resource = *key = (uintptr_t)array;
  if (result == CUDA_SUCCESS) result = cuda.map_array(&piece, 1, NULL);
  CUresult released = cuda.vmm_release(piece.handle);
  return result != CUDA_SUCCESS ? result : released;
}

/* Memory that only a multicast object holds. */
static CUresult take_multicast(uint64_t *key, uint64_t bytes) {
  struct cuda_multicast_prop prop = {.devices = 1, .size = round_up(bytes, 2 * MIB)};
  uint64_t handle;
  CUresult result = take_vmm(&handle, bytes);
  if (result != CUDA_SUCCESS) return result;
  result = cuda.multicast_create(key, &prop);
  if (result == CUDA_SUCCESS) result = cuda.multicast_add_device(*key, 0);
  if (result == CUDA_SUCCESS) result = cuda.multicast_bind(*key, 0, handle, 0, prop.size, 0);
  CUresult released = cuda.vmm_release(handle);
  return result != CUDA_SUCCESS ? result : released;
}

/* Imported, mapped, and the import destroyed: the buffer alone holds it. A file stands for another API's memory. */
static CUresult take_external(uint64_t *key, uint64_t bytes) {
  struct cuda_external_desc desc = {.type = CU_EXTERNAL_MEMORY_OPAQUE_FD, .size = bytes};
  struct cuda_external_buffer all = {.size = bytes};
  CUexternalMemory memory = NULL;
  desc.handle.fd = memfd_create("workload", MFD_CLOEXEC);
  if (desc.handle.fd < 0 || ftruncate(desc.handle.fd, (off_t)bytes) != 0) return CUDA_ERROR_UNKNOWN;
  CUresult result = cuda.external_import(&memory, &desc);
  close(desc.handle.fd);
  if (result != CUDA_SUCCESS) return result;
  result = cuda.external_buffer(key, memory, &all);
  CUresult destroyed = cuda.external_destroy(memory);
  return result != CUDA_SUCCESS ? result : destroyed;
}

/* ---- between processes ---- */

static struct memory_mailbox *mailbox;

void memory_share_mailbox(void) {
  void *bytes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (bytes != MAP_FAILED) mailbox = bytes;
}

static bool try_mailbox(void) {
  return mailbox != NULL && __atomic_exchange_n(&mailbox->is_busy, 1u, __ATOMIC_ACQUIRE) == 0;
}

/* Who dies in here keeps it for good; then the others share no more. */
static void leave_mailbox(void) { __atomic_store_n(&mailbox->is_busy, 0u, __ATOMIC_RELEASE); }

/* What somebody else gave, if he still has it. */
static CUdeviceptr open_offered(void) {
  struct cuda_ipc_handle offered;
  CUdeviceptr opened = 0;
  if (!try_mailbox()) return 0;
  bool is_offered = mailbox->is_full;
  offered = mailbox->handle;
  leave_mailbox();
  return is_offered && cuda.ipc_open(&opened, offered, 1) == CUDA_SUCCESS ? opened : 0;
}

static CUresult offer(CUdeviceptr pointer) {
  struct cuda_ipc_handle handle;
  CUresult result = cuda.ipc_get(&handle, pointer);
  if (result != CUDA_SUCCESS || !try_mailbox()) return result;
  mailbox->handle = handle;
  mailbox->is_full = true;
  leave_mailbox();
  return result;
}

/* Offers its own to the others, and opens what one of them has offered; frees its own whoever still has it. */
static CUresult take_ipc(uint64_t *key, uint64_t bytes) {
  struct several several = {.bytes = bytes};
  CUresult result = cuda.alloc(&several.first, bytes);
  if (result != CUDA_SUCCESS) return result;
  several.second = open_offered();
  return keep(several, offer(several.first), key);
}

static CUresult give_ipc(uint64_t key) {
  struct several several = *several_of(key);
  free(several_of(key));
  CUresult closed = several.second != 0 ? cuda.ipc_close(several.second) : CUDA_SUCCESS;
  CUresult result = cuda.release(several.first);
  return result != CUDA_SUCCESS ? result : closed;
}

/* A handle that goes out as a file and comes back: both names are released, one after the other. */
static CUresult take_import(uint64_t *key, uint64_t bytes) {
  struct several several = {.bytes = bytes};
  int fd = -1;
  CUresult result = take_vmm(&several.first, bytes);
  if (result != CUDA_SUCCESS) return result;
  result = cuda.vmm_export(&fd, several.first, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
  if (result == CUDA_SUCCESS)
    result = cuda.vmm_import(&several.second, (void *)(intptr_t)fd, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
  if (fd >= 0) close(fd);
  CUresult released = cuda.vmm_release(several.first);
  return keep(several, result != CUDA_SUCCESS ? result : released, key);
}

static CUresult give_import(uint64_t key) {
  struct several several = *several_of(key);
  free(several_of(key));
  return cuda.vmm_release(several.second);
}

static const struct memory_api APIS[] = {
    {"malloc", take_malloc, give_malloc, MIB},
    {"managed", take_managed, give_malloc, MIB},
    {"async", take_async, give_async, MIB},
    {"pitch", take_pitch, give_malloc, MIB},
    {"array", take_array, give_array, MIB},
    {"array3d", take_volume, give_array, MIB},
    {"mipmap", take_mipmap, give_mipmap, 5 * MIB},
    {"vmm", take_vmm, give_vmm, 2 * MIB},
    {"mapped", take_mapped, give_mapped, 2 * MIB},
    {"sparse", take_sparse, give_array, 2 * MIB},
    {"multicast", take_multicast, give_vmm, 2 * MIB},
    {"import", take_import, give_import, 2 * MIB},
    {"ipc", take_ipc, give_ipc, MIB},
    {"external", take_external, give_malloc, MIB},
};

#define API_COUNT (sizeof(APIS) / sizeof(APIS[0]))

const struct memory_api *memory_api(const char *name) {
  for (size_t i = 0; i < API_COUNT; i++)
    if (strcmp(APIS[i].name, name) == 0) return &APIS[i];
  return NULL;
}

const struct memory_api *memory_api_at(size_t index) { return &APIS[index % API_COUNT]; }
