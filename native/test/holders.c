// SPDX-License-Identifier: Apache-2.0
// Memory with several holders, under libkerf: what is charged is what the driver still has. Linked with the driver,
// run in a slice. Ends with 0 if all hold, else says which does not.
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "driver-calls.h"
#include "test.h"

#define MIB (1ull << 20)

static CUcontext primary;
static const struct cuda_allocation_prop ON_DEVICE = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                                      .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};

static size_t used(void) {
  size_t free_bytes = 0, total_bytes = 0;
  CLAIM(cuMemGetInfo_v2(&free_bytes, &total_bytes) == CUDA_SUCCESS);
  return total_bytes - free_bytes;
}

/* 1000 texels of 4 bytes are padded to 4032, 1001 rows to 1008, and all of it to 64 KiB. */
static const struct cuda_array_desc ODD = {1000, 1001, CU_AD_FORMAT_FLOAT, 1};
#define ODD_BYTES ((4032ull * 1008 + 0xffff) / 0x10000 * 0x10000)

static void an_array_is_charged_what_the_driver_needs_for_it(void) {
  CUarray array;
  CLAIM(cuArrayCreate_v2(&array, &ODD) == CUDA_SUCCESS && used() == ODD_BYTES);
  CLAIM(cuArrayDestroy(array) == CUDA_SUCCESS && used() == 0);
  CLAIM(cuArrayDestroy(array) == CUDA_ERROR_INVALID_HANDLE && used() == 0);
}

static void a_level_is_its_mipmaps(void) {
  struct cuda_array3d_desc desc = {1024, 1024, 0, CU_AD_FORMAT_FLOAT, 4, 0};
  CUmipmappedArray mipmap;
  CUarray level;
  CLAIM(cuMipmappedArrayCreate(&mipmap, &desc, 2) == CUDA_SUCCESS && used() == 20 * MIB);
  CLAIM(cuMipmappedArrayGetLevel(&level, mipmap, 1) == CUDA_SUCCESS && used() == 20 * MIB);
  CLAIM(cuArrayDestroy(level) == CUDA_ERROR_INVALID_HANDLE && used() == 20 * MIB);
  CLAIM(cuMipmappedArrayDestroy(mipmap) == CUDA_SUCCESS && used() == 0);
}

static void arrays_go_with_their_context_and_only_there(void) {
  CUcontext context;
  CUarray array;
  CLAIM(cuCtxCreate_v2(&context, 0, 0) == CUDA_SUCCESS);
  size_t before = used();
  CLAIM(cuArrayCreate_v2(&array, &ODD) == CUDA_SUCCESS && used() == before + ODD_BYTES);
  CLAIM(cuCtxSetCurrent(primary) == CUDA_SUCCESS);
  CLAIM(cuArrayDestroy(array) == CUDA_ERROR_INVALID_CONTEXT && used() == before + ODD_BYTES);
  CLAIM(cuCtxDestroy_v2(context) == CUDA_SUCCESS && used() == 0);
}

static struct cuda_array_map piece_of(CUarray array, unsigned int x, CUmemGenericAllocationHandle memory) {
  return (struct cuda_array_map){.resource = (uintptr_t)array,
                                 .subresource = {0, x, 0, 0},
                                 .operation = memory != 0 ? CU_MEM_OPERATION_TYPE_MAP : CU_MEM_OPERATION_TYPE_UNMAP,
                                 .handle = memory,
                                 .device_mask = 1};
}

/* A sparse array has no memory of its own, and holds what is mapped into it after the handle was released. */
static void a_sparse_array_holds_what_is_mapped_into_it(void) {
  struct cuda_array3d_desc desc = {1024, 1024, 0, CU_AD_FORMAT_FLOAT, 4, CUDA_ARRAY3D_SPARSE};
  CUmemGenericAllocationHandle a, b;
  CUarray array;
  CLAIM(cuArray3DCreate_v2(&array, &desc) == CUDA_SUCCESS && used() == 0);
  CLAIM(cuMemCreate(&a, 4 * MIB, &ON_DEVICE, 0) == CUDA_SUCCESS && cuMemCreate(&b, 2 * MIB, &ON_DEVICE, 0) == 0);
  struct cuda_array_map pieces[2] = {piece_of(array, 0, a), piece_of(array, 64, b)};
  CLAIM(cuMemMapArrayAsync(pieces, 2, NULL) == CUDA_SUCCESS);
  CLAIM(cuMemRelease(a) == CUDA_SUCCESS && cuMemRelease(b) == CUDA_SUCCESS && used() == 6 * MIB);
  pieces[0] = piece_of(array, 0, 0), pieces[1] = piece_of(array, 64, 77777);
  CLAIM(cuMemMapArrayAsync(pieces, 2, NULL) == CUDA_ERROR_INVALID_VALUE && used() == 6 * MIB);
  CLAIM(cuMemMapArrayAsync(pieces, 1, NULL) == CUDA_SUCCESS && used() == 2 * MIB);
  CLAIM(cuArrayDestroy(array) == CUDA_SUCCESS && used() == 0);
}

/* Neither a half nor one and a half: the driver refuses, and nothing changes. */
static void a_mapping_is_undone_whole_or_not_at_all(void) {
  CUmemGenericAllocationHandle a, b;
  CUdeviceptr at;
  CLAIM(cuMemCreate(&a, 4 * MIB, &ON_DEVICE, 0) == CUDA_SUCCESS && cuMemCreate(&b, 4 * MIB, &ON_DEVICE, 0) == 0);
  CLAIM(cuMemAddressReserve(&at, 16 * MIB, 0, 0, 0) == CUDA_SUCCESS);
  CLAIM(cuMemMap(at, 4 * MIB, 0, a, 0) == CUDA_SUCCESS && cuMemMap(at + 4 * MIB, 4 * MIB, 0, b, 0) == CUDA_SUCCESS);
  CLAIM(cuMemMap(at + 8 * MIB, 4 * MIB, 0, a, 0) == CUDA_SUCCESS);
  CLAIM(cuMemRelease(a) == CUDA_SUCCESS && cuMemRelease(b) == CUDA_SUCCESS && used() == 8 * MIB);
  CLAIM(cuMemRelease(a) == CUDA_ERROR_INVALID_VALUE && used() == 8 * MIB);
  CLAIM(cuMemUnmap(at, 2 * MIB) == CUDA_ERROR_INVALID_VALUE && used() == 8 * MIB);
  CLAIM(cuMemUnmap(at, 6 * MIB) == CUDA_ERROR_INVALID_VALUE && used() == 8 * MIB);
  CLAIM(cuMemUnmap(at, SIZE_MAX) == CUDA_ERROR_INVALID_VALUE && used() == 8 * MIB);
  CLAIM(cuMemUnmap(at, 8 * MIB) == CUDA_SUCCESS && used() == 4 * MIB);
  CLAIM(cuMemUnmap(at, 8 * MIB) == CUDA_ERROR_INVALID_VALUE && used() == 4 * MIB);
  CLAIM(cuMemUnmap(at + 8 * MIB, 4 * MIB) == CUDA_SUCCESS && used() == 0);
}

static void host_memory_is_nobodys_device(void) {
  CUmemGenericAllocationHandle handle;
  for (int type = 2; type <= 4; type++) {
    struct cuda_allocation_prop prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED, .location = {type, 0}};
    CLAIM(cuMemCreate(&handle, 1ull << 40, &prop, 0) == CUDA_SUCCESS && used() == 0);
    CLAIM(cuMemRelease(handle) == CUDA_SUCCESS);
  }
}

static void a_handle_that_comes_home_counts_once(void) {
  CUmemGenericAllocationHandle handle, again;
  int fd = -1;
  CLAIM(cuMemCreate(&handle, 8 * MIB, &ON_DEVICE, 0) == CUDA_SUCCESS);
  CLAIM(cuMemExportToShareableHandle(&fd, handle, 1, 0) == CUDA_SUCCESS && fd >= 0);
  CLAIM(cuMemImportFromShareableHandle(&again, (void *)(intptr_t)fd, 1) == CUDA_SUCCESS && used() == 8 * MIB);
  close(fd);
  CLAIM(cuMemRelease(handle) == CUDA_SUCCESS && used() == 8 * MIB);
  CLAIM(cuMemRelease(again) == CUDA_SUCCESS && used() == 0);
}

static void external_memory_is_held_by_what_was_mapped_of_it(void) {
  struct cuda_external_desc desc = {.type = CU_EXTERNAL_MEMORY_OPAQUE_FD, .size = 8 * MIB};
  struct cuda_external_buffer half = {.offset = 4 * MIB, .size = 4 * MIB};
  struct cuda_external_mipmap image = {.desc = {256, 256, 0, CU_AD_FORMAT_FLOAT, 4, 0}, .levels = 1};
  CUexternalMemory memory, none;
  CUdeviceptr buffer;
  CUmipmappedArray mipmap;
  desc.handle.fd = memfd_create("external", MFD_CLOEXEC);
  CLAIM(ftruncate(desc.handle.fd, 8 * MIB) == 0);
  CLAIM(cuImportExternalMemory(&memory, &desc) == CUDA_SUCCESS && used() == 8 * MIB);
  CLAIM(cuExternalMemoryGetMappedBuffer(&buffer, memory, &half) == CUDA_SUCCESS);
  CLAIM(cuExternalMemoryGetMappedMipmappedArray(&mipmap, memory, &image) == CUDA_SUCCESS && used() == 8 * MIB);
  CLAIM(cuDestroyExternalMemory(memory) == CUDA_SUCCESS && used() == 8 * MIB);
  CLAIM(cuDestroyExternalMemory(memory) == CUDA_ERROR_INVALID_HANDLE && used() == 8 * MIB);
  CLAIM(cuExternalMemoryGetMappedBuffer(&buffer, memory, &half) == CUDA_ERROR_INVALID_HANDLE);
  CLAIM(cuMemFree_v2(buffer) == CUDA_SUCCESS && used() == 8 * MIB);
  CLAIM(cuMipmappedArrayDestroy(mipmap) == CUDA_SUCCESS && used() == 0);
  desc.size = 16 * MIB;
  CLAIM(cuImportExternalMemory(&none, &desc) == CUDA_ERROR_INVALID_VALUE && used() == 0);
  desc.size = 1ull << 30;
  CLAIM(cuImportExternalMemory(&none, &desc) == CUDA_ERROR_OUT_OF_MEMORY && used() == 0);
  close(desc.handle.fd);
}

static void external_memory_goes_with_its_context(void) {
  struct cuda_external_desc desc = {.type = CU_EXTERNAL_MEMORY_OPAQUE_FD, .size = 8 * MIB};
  struct cuda_external_buffer all = {.size = 8 * MIB};
  CUexternalMemory memory;
  CUdeviceptr buffer;
  CUcontext context;
  desc.handle.fd = memfd_create("external", MFD_CLOEXEC);
  CLAIM(ftruncate(desc.handle.fd, 8 * MIB) == 0 && cuCtxCreate_v2(&context, 0, 0) == CUDA_SUCCESS);
  CLAIM(cuImportExternalMemory(&memory, &desc) == CUDA_SUCCESS);
  CLAIM(cuExternalMemoryGetMappedBuffer(&buffer, memory, &all) == CUDA_SUCCESS);
  CLAIM(cuDestroyExternalMemory(memory) == CUDA_SUCCESS);
  CLAIM(cuCtxDestroy_v2(context) == CUDA_SUCCESS && cuCtxSetCurrent(primary) == CUDA_SUCCESS && used() == 0);
  close(desc.handle.fd);
}

static void a_multicast_object_holds_what_is_bound_to_it(void) {
  struct cuda_multicast_prop prop = {.devices = 1, .size = 8 * MIB};
  CUmemGenericAllocationHandle object, a, b;
  CUdeviceptr at;
  CLAIM(cuMulticastCreate(&object, &prop) == CUDA_SUCCESS && used() == 0);
  CLAIM(cuMulticastAddDevice(object, 0) == CUDA_SUCCESS);
  CLAIM(cuMemCreate(&a, 4 * MIB, &ON_DEVICE, 0) == CUDA_SUCCESS && cuMemCreate(&b, 4 * MIB, &ON_DEVICE, 0) == 0);
  CLAIM(cuMulticastBindMem(object, 0, a, 0, 4 * MIB, 0) == CUDA_SUCCESS);
  CLAIM(cuMulticastBindMem(object, 0, b, 0, 4 * MIB, 0) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuMemAddressReserve(&at, 4 * MIB, 0, 0, 0) == CUDA_SUCCESS && cuMemMap(at, 4 * MIB, 0, b, 0) == CUDA_SUCCESS);
  CLAIM(cuMulticastBindAddr(object, 4 * MIB, at, 4 * MIB, 0) == CUDA_SUCCESS);
  CLAIM(cuMemUnmap(at, 4 * MIB) == CUDA_SUCCESS);
  CLAIM(cuMemRelease(a) == CUDA_SUCCESS && cuMemRelease(b) == CUDA_SUCCESS && used() == 8 * MIB);
  CLAIM(cuMulticastUnbind(object, 0, 2 * MIB, 2 * MIB) == CUDA_ERROR_INVALID_VALUE && used() == 8 * MIB);
  CLAIM(cuMulticastUnbind(object, 0, 0, 4 * MIB) == CUDA_SUCCESS && used() == 4 * MIB);
  CLAIM(cuMemRelease(object) == CUDA_SUCCESS && used() == 0);
}

static void what_was_never_seen_is_the_drivers_business(void) {
  CLAIM(cuMemFree_v2(0x1234) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuArrayDestroy((CUarray)0x1234) == CUDA_ERROR_INVALID_HANDLE);
  CLAIM(cuMemRelease(0x1234) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuMemUnmap(0x200000, 2 * MIB) == CUDA_ERROR_INVALID_VALUE && used() == 0);
}

int main(void) {
  CLAIM(cuInit(0) == CUDA_SUCCESS && cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS);
  CLAIM(cuCtxSetCurrent(primary) == CUDA_SUCCESS && used() == 0);
  an_array_is_charged_what_the_driver_needs_for_it();
  a_level_is_its_mipmaps();
  arrays_go_with_their_context_and_only_there();
  a_sparse_array_holds_what_is_mapped_into_it();
  a_mapping_is_undone_whole_or_not_at_all();
  host_memory_is_nobodys_device();
  a_handle_that_comes_home_counts_once();
  external_memory_is_held_by_what_was_mapped_of_it();
  external_memory_goes_with_its_context();
  a_multicast_object_holds_what_is_bound_to_it();
  what_was_never_seen_is_the_drivers_business();
  printf("{\"held\":true}\n");
  return 0;
}
