// SPDX-License-Identifier: Apache-2.0
// Ways of asking for memory, one a row: `--api` of kerf-workload.
#include <string.h>

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

static const struct memory_api APIS[] = {
    {"malloc", take_malloc, give_malloc, MIB},      {"managed", take_managed, give_malloc, MIB},
    {"async", take_async, give_async, MIB},         {"vmm", take_vmm, give_vmm, 2 * MIB},
    {"pitch", take_pitch, give_malloc, MIB},        {"array", take_array, give_array, MIB},
    {"array3d", take_volume, give_array, MIB},      {"mipmap", take_mipmap, give_mipmap, 5 * MIB},
};

#define API_COUNT (sizeof(APIS) / sizeof(APIS[0]))

const struct memory_api *memory_api(const char *name) {
  for (size_t i = 0; i < API_COUNT; i++)
    if (strcmp(APIS[i].name, name) == 0) return &APIS[i];
  return NULL;
}

const struct memory_api *memory_api_at(size_t index) { return &APIS[index % API_COUNT]; }
