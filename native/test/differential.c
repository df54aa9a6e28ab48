// SPDX-License-Identifier: Apache-2.0
// The same odd calls, whoever stands before the driver: `differential SEED STEPS` makes calls with live, stale, foreign
// and absurd arguments, and prints what each answered. Run bare and in a slice of the whole device, it must say the same.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cuda-memory-abi.h"

#define DECLARE(name, arguments) CUresult name arguments;
DECLARE(cuInit, (unsigned int))
DECLARE(cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))
DECLARE(cuDevicePrimaryCtxReset_v2, (CUdevice))
DECLARE(cuCtxSetCurrent, (CUcontext))
DECLARE(cuCtxGetCurrent, (CUcontext *))
DECLARE(cuCtxCreate_v2, (CUcontext *, unsigned int, CUdevice))
DECLARE(cuCtxDestroy_v2, (CUcontext))
DECLARE(cuDeviceTotalMem_v2, (size_t *, CUdevice))
DECLARE(cuMemGetInfo_v2, (size_t *, size_t *))
DECLARE(cuMemAlloc, (unsigned int *, unsigned int))
DECLARE(cuMemFree, (unsigned int))
DECLARE(cuMemAlloc_v2, (CUdeviceptr *, size_t))
DECLARE(cuMemAllocPitch_v2, (CUdeviceptr *, size_t *, size_t, size_t, unsigned int))
DECLARE(cuMemAllocManaged, (CUdeviceptr *, size_t, unsigned int))
DECLARE(cuMemFree_v2, (CUdeviceptr))
DECLARE(cuMemAllocAsync, (CUdeviceptr *, size_t, CUstream))
DECLARE(cuMemAllocFromPoolAsync, (CUdeviceptr *, size_t, CUmemoryPool, CUstream))
DECLARE(cuMemFreeAsync, (CUdeviceptr, CUstream))
DECLARE(cuDeviceGetDefaultMemPool, (CUmemoryPool *, CUdevice))
DECLARE(cuMemPoolCreate, (CUmemoryPool *, const struct cuda_pool_props *))
DECLARE(cuMemPoolDestroy, (CUmemoryPool))
DECLARE(cuMemCreate, (CUmemGenericAllocationHandle *, size_t, const struct cuda_allocation_prop *, unsigned long long))
DECLARE(cuMemRelease, (CUmemGenericAllocationHandle))
DECLARE(cuMemAddressReserve, (CUdeviceptr *, size_t, size_t, CUdeviceptr, unsigned long long))
DECLARE(cuMemMap, (CUdeviceptr, size_t, size_t, CUmemGenericAllocationHandle, unsigned long long))
DECLARE(cuMemUnmap, (CUdeviceptr, size_t))
DECLARE(cuMemRetainAllocationHandle, (CUmemGenericAllocationHandle *, void *))
DECLARE(cuMemExportToShareableHandle, (void *, CUmemGenericAllocationHandle, int, unsigned long long))
DECLARE(cuMemImportFromShareableHandle, (CUmemGenericAllocationHandle *, void *, int))
DECLARE(cuArrayCreate, (CUarray *, const struct cuda_array_desc_v1 *))
DECLARE(cuArrayCreate_v2, (CUarray *, const struct cuda_array_desc *))
DECLARE(cuArray3DCreate, (CUarray *, const struct cuda_array3d_desc_v1 *))
DECLARE(cuArray3DCreate_v2, (CUarray *, const struct cuda_array3d_desc *))
DECLARE(cuArrayDestroy, (CUarray))
DECLARE(cuMipmappedArrayCreate, (CUmipmappedArray *, const struct cuda_array3d_desc *, unsigned int))
DECLARE(cuMipmappedArrayDestroy, (CUmipmappedArray))
DECLARE(cuMemMapArrayAsync, (struct cuda_array_map *, unsigned int, CUstream))
DECLARE(cuMulticastCreate, (CUmemGenericAllocationHandle *, const struct cuda_multicast_prop *))
DECLARE(cuMulticastAddDevice, (CUmemGenericAllocationHandle, CUdevice))
DECLARE(cuMulticastBindMem, (CUmemGenericAllocationHandle, size_t, CUmemGenericAllocationHandle, size_t, size_t,
                             unsigned long long))
DECLARE(cuMulticastBindAddr, (CUmemGenericAllocationHandle, size_t, CUdeviceptr, size_t, unsigned long long))
DECLARE(cuMulticastUnbind, (CUmemGenericAllocationHandle, CUdevice, size_t, size_t))
DECLARE(cuImportExternalMemory, (CUexternalMemory *, const struct cuda_external_desc *))
DECLARE(cuExternalMemoryGetMappedBuffer, (CUdeviceptr *, CUexternalMemory, const struct cuda_external_buffer *))
DECLARE(cuExternalMemoryGetMappedMipmappedArray, (CUmipmappedArray *, CUexternalMemory, const struct cuda_external_mipmap *))
DECLARE(cuDestroyExternalMemory, (CUexternalMemory))
DECLARE(cuIpcGetMemHandle, (struct cuda_ipc_handle *, CUdeviceptr))
DECLARE(cuIpcOpenMemHandle, (CUdeviceptr *, struct cuda_ipc_handle, unsigned int))
DECLARE(cuIpcOpenMemHandle_v2, (CUdeviceptr *, struct cuda_ipc_handle, unsigned int))
DECLARE(cuIpcCloseMemHandle, (CUdeviceptr))

#define MIB (1ull << 20)
#define THINGS 24u
enum sort { POINTER, HANDLE, ADDRESS, ARRAY, MIPMAP, EXTERNAL, POOL, SORTS };

/* The last of each sort that were made, free by now or not. */
static uint64_t things[SORTS][THINGS];
static uint32_t made[SORTS];
static uint64_t state;
static CUcontext primary;
static int file = -1, empty_file = -1;

static uint32_t dice(uint32_t sides) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (uint32_t)(state >> 33) % sides;
}

static uint64_t of(enum sort sort) {
  uint32_t throw = dice(20);
  if (throw == 0) return 0;
  if (throw == 1) return 0x1000 + dice(100);
  if (throw == 2) sort = (enum sort)dice(POOL);
  return things[sort][dice(made[sort] < THINGS ? made[sort] + 1 : THINGS)];
}

/* What is pushed out is let go of, lest the device fills up: which of two refusals comes first is not our question. */
static void let_go(enum sort sort, uint64_t value) {
  if (value == 0) return;
  if (sort == POINTER) cuMemFree_v2(value);
  if (sort == HANDLE) cuMemRelease(value);
  if (sort == ADDRESS) cuMemUnmap(value, 2 * MIB);
  if (sort == ARRAY) cuArrayDestroy((CUarray)(uintptr_t)value);
  if (sort == MIPMAP) cuMipmappedArrayDestroy((CUmipmappedArray)(uintptr_t)value);
  if (sort == EXTERNAL) cuDestroyExternalMemory((CUexternalMemory)(uintptr_t)value);
}

static CUresult add(enum sort sort, CUresult result, uint64_t value) {
  if (result != CUDA_SUCCESS) return result;
  uint64_t *place = &things[sort][made[sort]++ % THINGS];
  let_go(sort, *place);
  *place = value;
  return result;
}

static size_t size(void) {
  static const uint64_t SIZES[] = {0,        1,       511,      512,      4096,      2 * MIB - 1, 2 * MIB, 2 * MIB,
                                   4 * MIB,  4 * MIB, 64 * MIB, 64 * MIB, 1ull << 41, 1ull << 48,  SIZE_MAX};
  return SIZES[dice(sizeof(SIZES) / sizeof(SIZES[0]))];
}

static size_t odd_or(size_t usual, size_t odd) { return dice(8) == 0 ? odd : usual; }
static int number(int usual) { return dice(8) == 0 ? (int)dice(6) - 2 : usual; }
static bool rarely(void) { return dice(16) == 0; }
#define OUT(pointer) (rarely() ? NULL : (pointer))

static struct cuda_array3d_desc volume(void) {
  static const size_t EXTENTS[] = {0, 1, 7, 64, 100, 1024, 1500, 1ull << 20, SIZE_MAX};
  static const int FORMATS[] = {1, 2, 3, 8, 9, 10, 0x10, 0x20, 0x20, 0, 99, -1};
  static const unsigned int FLAGS[] = {0, 0, 0, 1, 2, 4, 0x40, 0x80, 0x41, 0x1000};
  return (struct cuda_array3d_desc){EXTENTS[dice(9)], EXTENTS[dice(9)], EXTENTS[dice(3)],
                                    FORMATS[dice(12)], dice(6),         FLAGS[dice(10)]};
}

/* ---- one of each ---- */

static CUresult alloc(void) {
  CUdeviceptr out = 0;
  size_t pitch;
  unsigned int narrow;
  switch (dice(4)) {
    case 0: return add(POINTER, cuMemAllocManaged(OUT(&out), size(), (unsigned int)number(1)), out);
    case 1: {
      size_t width = size(), height = odd_or(dice(100), SIZE_MAX);
      return add(POINTER, cuMemAllocPitch_v2(OUT(&out), OUT(&pitch), width, height, (unsigned int)number(4)), out);
    }
    case 2: return cuMemAlloc(OUT(&narrow), (unsigned int)size());
    default: return add(POINTER, cuMemAlloc_v2(OUT(&out), size()), out);
  }
}

static CUresult alloc_async(void) {
  CUdeviceptr out = 0;
  if (dice(2) == 0) return add(POINTER, cuMemAllocAsync(OUT(&out), size(), NULL), out);
  CUdeviceptr *to = OUT(&out);
  size_t bytes = size();
  return add(POINTER, cuMemAllocFromPoolAsync(to, bytes, (CUmemoryPool)(uintptr_t)of(POOL), NULL), out);
}

static CUresult free_pointer(void) {
  uint32_t way = dice(8);
  if (way == 0) return cuMemFree((unsigned int)of(POINTER));
  return way < 3 ? cuMemFreeAsync(of(POINTER), NULL) : cuMemFree_v2(of(POINTER));
}

static CUresult pool(void) {
  CUmemoryPool out = NULL;
  struct cuda_pool_props props = {.type = number(1), .location = {number(1), number(0)}};
  uint32_t way = dice(3);
  if (way == 0) return add(POOL, cuDeviceGetDefaultMemPool(OUT(&out), number(0)), (uintptr_t)out);
  if (way == 1) return cuMemPoolDestroy((CUmemoryPool)(uintptr_t)of(POOL));
  CUmemoryPool *to = OUT(&out);
  return add(POOL, cuMemPoolCreate(to, OUT(&props)), (uintptr_t)out);
}

static CUresult create(void) {
  CUmemGenericAllocationHandle out = 0;
  struct cuda_allocation_prop prop = {.type = number(1), .location = {number(1), dice(20) == 0 ? 99 : number(0)}};
  size_t bytes = size();
  unsigned long long flags = odd_or(0, 1);
  CUmemGenericAllocationHandle *to = OUT(&out);
  return add(HANDLE, cuMemCreate(to, bytes, OUT(&prop), flags), out);
}

static CUresult map(void) {
  CUdeviceptr out = 0;
  CUmemGenericAllocationHandle handle = 0;
  size_t bytes = size();
  switch (dice(6)) {
    case 0: return add(ADDRESS, cuMemAddressReserve(OUT(&out), odd_or(4 * MIB, 0), 0, 0, 0), out);
    case 1: return cuMemUnmap(of(ADDRESS), bytes);
    case 2: return cuMemUnmap(of(ADDRESS), 2 * MIB);
    case 3: {
      CUmemGenericAllocationHandle *to = OUT(&handle);
      return add(HANDLE, cuMemRetainAllocationHandle(to, (void *)(uintptr_t)of(ADDRESS)), handle);
    }
    default: {
      CUdeviceptr at = of(ADDRESS);
      return cuMemMap(at, odd_or(2 * MIB, bytes), odd_or(0, 512), of(HANDLE), odd_or(0, 1));
    }
  }
}

static CUresult share(void) {
  CUmemGenericAllocationHandle out = 0;
  int fd = -1;
  CUmemGenericAllocationHandle handle = of(HANDLE);
  CUresult result = cuMemExportToShareableHandle(OUT(&fd), handle, number(1), odd_or(0, 1));
  if (fd < 0 && dice(4) != 0) return result;
  int from = dice(6) == 0 ? empty_file : fd;
  CUmemGenericAllocationHandle *to = OUT(&out);
  CUresult imported = cuMemImportFromShareableHandle(to, (void *)(intptr_t)from, number(1));
  if (fd >= 0) close(fd);
  add(HANDLE, imported, out);
  return result * 1000 + imported;
}

static CUresult array(void) {
  struct cuda_array3d_desc desc = volume();
  struct cuda_array_desc flat = {desc.width, desc.height, desc.format, desc.channels};
  struct cuda_array_desc_v1 flat_v1 = {(unsigned int)desc.width, (unsigned int)desc.height, desc.format, desc.channels};
  struct cuda_array3d_desc_v1 desc_v1 = {flat_v1.width, flat_v1.height, (unsigned int)desc.depth,
                                         desc.format,   desc.channels,  desc.flags};
  CUarray out = NULL, *to = OUT(&out);
  CUmipmappedArray mipmap = NULL;
  switch (dice(5)) {
    case 0: return add(ARRAY, cuArrayCreate_v2(to, OUT(&flat)), (uintptr_t)out);
    case 1: return add(ARRAY, cuArrayCreate(to, OUT(&flat_v1)), (uintptr_t)out);
    case 2: return add(ARRAY, cuArray3DCreate(to, OUT(&desc_v1)), (uintptr_t)out);
    case 3: {
      unsigned int levels = dice(5);
      CUmipmappedArray *place = to == NULL ? NULL : &mipmap;
      return add(MIPMAP, cuMipmappedArrayCreate(place, OUT(&desc), levels), (uintptr_t)mipmap);
    }
    default: return add(ARRAY, cuArray3DCreate_v2(to, OUT(&desc)), (uintptr_t)out);
  }
}

static CUresult destroy_array(void) {
  if (dice(3) == 0) return cuMipmappedArrayDestroy((CUmipmappedArray)(uintptr_t)of(MIPMAP));
  return cuArrayDestroy((CUarray)(uintptr_t)of(ARRAY));
}

static CUresult map_array(void) {
  struct cuda_array_map pieces[3];
  memset(pieces, 0, sizeof(pieces));
  for (int i = 0; i < 3; i++) {
    pieces[i].resource_type = number(0);
    pieces[i].resource = of(ARRAY);
    pieces[i].subresource[1] = dice(4);
    pieces[i].operation = number(1 + (int)dice(2));
    pieces[i].handle = of(HANDLE);
  }
  unsigned int count = dice(4);
  return cuMemMapArrayAsync(OUT(pieces), count, NULL);
}

static CUresult multicast(void) {
  struct cuda_multicast_prop prop = {.devices = (unsigned int)number(1), .size = odd_or(8 * MIB, size())};
  CUmemGenericAllocationHandle out = 0, *to = OUT(&out), a = of(HANDLE), b = of(HANDLE);
  CUdeviceptr at = of(ADDRESS);
  size_t offset = dice(4) * MIB;
  int device = number(0);
  switch (dice(5)) {
    case 0: return add(HANDLE, cuMulticastCreate(to, OUT(&prop)), out);
    case 1: return cuMulticastAddDevice(a, device);
    case 2: return cuMulticastBindMem(a, offset, b, odd_or(0, 512), odd_or(2 * MIB, offset), odd_or(0, 1));
    case 3: return cuMulticastBindAddr(a, offset, at, 2 * MIB, odd_or(0, 1));
    default: return cuMulticastUnbind(a, device, offset, 2 * MIB);
  }
}

static CUresult external(void) {
  struct cuda_external_desc desc = {.type = number(1), .size = odd_or(MIB, size())};
  struct cuda_external_buffer buffer = {.offset = odd_or(0, size()), .size = odd_or(4096, size())};
  struct cuda_external_mipmap image = {.desc = volume(), .levels = dice(3)};
  CUexternalMemory out = NULL, *to = OUT(&out), memory = (CUexternalMemory)(uintptr_t)of(EXTERNAL);
  CUdeviceptr pointer = 0, *place = OUT(&pointer);
  CUmipmappedArray mipmap = NULL;
  desc.handle.fd = (int)odd_or((size_t)file, 999);
  switch (dice(4)) {
    case 0: return add(EXTERNAL, cuImportExternalMemory(to, OUT(&desc)), (uintptr_t)out);
    case 1: return cuDestroyExternalMemory(memory);
    case 2: return add(POINTER, cuExternalMemoryGetMappedBuffer(place, memory, OUT(&buffer)), pointer);
    default: return add(MIPMAP, cuExternalMemoryGetMappedMipmappedArray(&mipmap, memory, OUT(&image)), (uintptr_t)mipmap);
  }
}

static CUresult ipc(void) {
  struct cuda_ipc_handle handle;
  CUdeviceptr out = 0, from = of(POINTER);
  memset(&handle, (int)dice(3), sizeof(handle));
  CUresult got = cuIpcGetMemHandle(OUT(&handle), from);
  if (dice(3) == 0) return cuIpcCloseMemHandle(of(POINTER));
  CUdeviceptr *to = OUT(&out);
  CUresult opened = dice(2) == 0 ? cuIpcOpenMemHandle(to, handle, (unsigned int)number(1))
                                 : cuIpcOpenMemHandle_v2(to, handle, (unsigned int)number(1));
  return got * 1000 + opened;
}

static CUresult info(void) {
  size_t a, b;
  if (dice(2) == 0) return cuDeviceTotalMem_v2(OUT(&a), number(0));
  size_t *first = OUT(&a);
  return cuMemGetInfo_v2(first, OUT(&b));
}

static CUresult context(void) {
  static CUcontext own;
  uint32_t way = dice(24);
  if (way < 3) return cuCtxSetCurrent(NULL);
  if (way < 4) return cuDevicePrimaryCtxReset_v2(number(0));
  if (way < 6 && own == NULL) return cuCtxCreate_v2(&own, 0, number(0));
  if (way < 8) {
    CUcontext gone = own;
    own = NULL;
    return cuCtxDestroy_v2(gone);
  }
  return cuCtxSetCurrent(way < 11 && own != NULL ? own : primary);
}

struct deed {
  const char *name;
  CUresult (*run)(void);
};

static CUresult release(void) { return cuMemRelease(of(HANDLE)); }

static const struct deed DEEDS[] = {
    {"alloc", alloc},         {"alloc", alloc},         {"async", alloc_async}, {"free", free_pointer}, {"free", free_pointer},
    {"free", free_pointer},   {"pool", pool},           {"create", create},     {"create", create},     {"release", release},
    {"release", release},     {"map", map},             {"map", map},           {"map", map},           {"share", share},
    {"array", array},         {"array", array},         {"destroy", destroy_array}, {"destroy", destroy_array},
    {"map-array", map_array}, {"multicast", multicast}, {"multicast", multicast}, {"external", external}, {"external", external},
    {"ipc", ipc},             {"info", info},           {"context", context},   {"context", context},
};

/* More than the driver has would be a charge that is never given back. */
static void print_used(uint32_t step) {
  size_t free_bytes = 0, total_bytes = 0;
  CUresult result = cuMemGetInfo_v2(&free_bytes, &total_bytes);
  printf("%u used %zu KiB, %d\n", step, (total_bytes - free_bytes) / 1024, result);
}

int main(int argc, char **argv) {
  state = argc > 1 ? strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15ull + 1 : 1;
  uint32_t steps = argc > 2 ? (uint32_t)atoi(argv[2]) : 1000;
  file = memfd_create("external", MFD_CLOEXEC);
  empty_file = memfd_create("empty", MFD_CLOEXEC);
  if (ftruncate(file, 8 * MIB) != 0) return 2;
  for (int i = 0; i < 40; i++) dice(2);
  for (int i = 0; i < 30; i++) printf("before %d\n", DEEDS[(size_t)i % 26].run());
  if (cuInit(0) != CUDA_SUCCESS || cuDevicePrimaryCtxRetain(&primary, 0) != CUDA_SUCCESS) return 1;
  cuCtxSetCurrent(primary);
  for (uint32_t i = 0; i < steps; i++) {
    const struct deed *deed = &DEEDS[dice(sizeof(DEEDS) / sizeof(DEEDS[0]))];
    CUresult result = deed->run();
    printf("%u %s %d\n", i, deed->name, result);
    if (i % 100 == 99) print_used(i);
  }
  return 0;
}
