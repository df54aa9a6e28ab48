// SPDX-License-Identifier: Apache-2.0
// The part of the CUDA driver's ABI that has to do with arrays, memory of other processes and of other APIs, and
// multicast: types and layouts, as facts, in our own words.
#ifndef KERF_CUDA_MEMORY_ABI_H
#define KERF_CUDA_MEMORY_ABI_H

#include "cuda-abi.h"

typedef struct CUarray_st *CUarray;
typedef struct CUmipmappedArray_st *CUmipmappedArray;
typedef struct CUextMemory_st *CUexternalMemory;

/* CUDA_ARRAY_DESCRIPTOR, before 3.2 and since. */
struct cuda_array_desc_v1 {
  unsigned int width, height;
  int format;
  unsigned int channels;
};

struct cuda_array_desc {
  size_t width, height;
  int format;
  unsigned int channels;
};

/* CUDA_ARRAY3D_DESCRIPTOR, before 3.2 and since. */
struct cuda_array3d_desc_v1 {
  unsigned int width, height, depth;
  int format;
  unsigned int channels;
  unsigned int flags;
};

struct cuda_array3d_desc {
  size_t width, height, depth;
  int format;
  unsigned int channels;
  unsigned int flags;
};

enum {
  CUDA_ARRAY3D_LAYERED = 0x01,
  CUDA_ARRAY3D_CUBEMAP = 0x04,
  CUDA_ARRAY3D_SPARSE = 0x40,           /* no memory until some is mapped into it */
  CUDA_ARRAY3D_DEFERRED_MAPPING = 0x80, /* the same, all at once; since 11.6 */
  CUDA_ARRAY3D_FLAGS = 0x1ff,
};

enum {
  CU_AD_FORMAT_UNSIGNED_INT8 = 0x01,
  CU_AD_FORMAT_UNSIGNED_INT16 = 0x02,
  CU_AD_FORMAT_UNSIGNED_INT32 = 0x03,
  CU_AD_FORMAT_SIGNED_INT8 = 0x08,
  CU_AD_FORMAT_SIGNED_INT16 = 0x09,
  CU_AD_FORMAT_SIGNED_INT32 = 0x0a,
  CU_AD_FORMAT_HALF = 0x10,
  CU_AD_FORMAT_FLOAT = 0x20,
};

/* CUDA_ARRAY_MEMORY_REQUIREMENTS; the driver tells them only of arrays with deferred mapping. */
struct cuda_array_needs {
  size_t size;
  size_t alignment;
  unsigned int reserved[4];
};

enum { CU_RESOURCE_TYPE_ARRAY = 0, CU_RESOURCE_TYPE_MIPMAPPED_ARRAY = 1 };
enum { CU_MEM_OPERATION_TYPE_MAP = 1, CU_MEM_OPERATION_TYPE_UNMAP = 2 };

/* CUarrayMapInfo: one piece of a sparse or deferred array, and the memory that comes under it. */
struct cuda_array_map {
  int resource_type;
  uint64_t resource;
  int subresource_type;
  uint64_t subresource[4]; /* eight 32-bit numbers of a level, or layer, offset and size of a mip tail */
  int operation;
  int handle_type;
  CUmemGenericAllocationHandle handle;
  unsigned long long offset;
  unsigned int device_mask;
  unsigned int flags;
  unsigned int reserved[2];
};

/* Ways a handle leaves the process. */
enum { CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR = 1, CU_MEM_HANDLE_TYPE_FABRIC = 8 };

/* CUipcMemHandle: passed by value. */
struct cuda_ipc_handle {
  unsigned char bytes[64];
};

/* CUDA_EXTERNAL_MEMORY_HANDLE_DESC. */
struct cuda_external_desc {
  int type;
  union {
    int fd;
    struct {
      void *handle;
      const void *name;
    } win32;
    const void *object;
  } handle;
  unsigned long long size;
  unsigned int flags;
  unsigned int reserved[16];
};

enum { CU_EXTERNAL_MEMORY_OPAQUE_FD = 1, CU_EXTERNAL_MEMORY_LAST = 9 };

struct cuda_external_buffer {
  unsigned long long offset;
  unsigned long long size;
  unsigned int flags;
  unsigned int reserved[16];
};

struct cuda_external_mipmap {
  unsigned long long offset;
  struct cuda_array3d_desc desc;
  unsigned int levels;
  unsigned int reserved[16];
};

/* CUmulticastObjectProp. */
struct cuda_multicast_prop {
  unsigned int devices;
  size_t size;
  unsigned long long handle_types;
  unsigned long long flags;
};

_Static_assert(sizeof(struct cuda_external_desc) == 104, "external memory descriptor");
_Static_assert(sizeof(struct cuda_external_buffer) == 88, "external buffer descriptor");
_Static_assert(sizeof(struct cuda_external_mipmap) == 120, "external mipmap descriptor");
_Static_assert(sizeof(struct cuda_multicast_prop) == 32, "multicast properties");
_Static_assert(sizeof(struct cuda_array_desc) == 24, "array descriptor");
_Static_assert(sizeof(struct cuda_array3d_desc) == 40, "volume descriptor");
_Static_assert(sizeof(struct cuda_array_needs) == 32, "array requirements");
_Static_assert(offsetof(struct cuda_array_map, operation) == 56, "array map operation");
_Static_assert(offsetof(struct cuda_array_map, handle) == 64, "array map handle");
_Static_assert(sizeof(struct cuda_array_map) == 96, "array map stride");

#endif
