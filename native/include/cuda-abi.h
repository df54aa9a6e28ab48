// SPDX-License-Identifier: Apache-2.0
// The part of the CUDA driver's ABI that we touch: types, codes and layouts, as facts, in our own words.
#ifndef KERF_CUDA_ABI_H
#define KERF_CUDA_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef int CUresult;
typedef int CUdevice;
typedef uint64_t CUdeviceptr;
typedef uint64_t CUmemGenericAllocationHandle;
typedef struct CUctx_st *CUcontext;
typedef struct CUstream_st *CUstream;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUevent_st *CUevent;
typedef struct CUmemPoolHandle_st *CUmemoryPool;
typedef struct CUlib_st *CUlibrary;
typedef void (*CUhostFn)(void *argument);
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphNode_st *CUgraphNode;
typedef struct CUgraphExec_st *CUgraphExec;

typedef struct {
  unsigned char bytes[16];
} CUuuid;

enum {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_NOT_INITIALIZED = 3,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_DEVICE = 101,
  CUDA_ERROR_INVALID_CONTEXT = 201,
  CUDA_ERROR_INVALID_HANDLE = 400,
  CUDA_ERROR_NOT_FOUND = 500,
  CUDA_ERROR_NOT_READY = 600,
  CUDA_ERROR_NOT_SUPPORTED = 801,
  CUDA_ERROR_UNKNOWN = 999,
};

enum { CU_MEM_LOCATION_TYPE_DEVICE = 1, CU_MEM_LOCATION_TYPE_HOST = 2 };
enum { CU_MEM_ALLOCATION_TYPE_PINNED = 1, CU_MEM_ALLOCATION_TYPE_MANAGED = 2 };

/* Handles that stand for "the current context's default stream". */
#define CU_STREAM_LEGACY_NUMBER 1u
#define CU_STREAM_PER_THREAD_NUMBER 2u

/* Flags of cuGetProcAddress. */
enum { CU_GET_PROC_ADDRESS_DEFAULT = 0, CU_GET_PROC_ADDRESS_LEGACY = 1, CU_GET_PROC_ADDRESS_PER_THREAD = 2 };
/* Answers of cuGetProcAddress_v2. */
enum { CU_PROC_FOUND = 0, CU_PROC_SYMBOL_NOT_FOUND = 1, CU_PROC_VERSION_NOT_SUFFICIENT = 2 };

struct cuda_mem_location {
  int type;
  int id;
};

/* CUmemAllocationProp; only the head matters to us. */
struct cuda_allocation_prop {
  int type;
  int handle_types;
  struct cuda_mem_location location;
  void *win32_metadata;
  unsigned char flags[8];
};

/* CUmemPoolProps; 88 bytes in all versions. */
struct cuda_pool_props {
  int type;
  int handle_types;
  struct cuda_mem_location location;
  void *win32_attributes;
  size_t max_size;
  unsigned char reserved[56];
};

/* CUlaunchConfig. */
struct cuda_launch_config {
  unsigned int grid[3];
  unsigned int block[3];
  unsigned int shared_bytes;
  CUstream stream;
  void *attributes;
  unsigned int attribute_count;
};

/* Attributes of cuMemPoolGetAttribute. */
enum {
  CU_POOL_RELEASE_THRESHOLD = 4,
  CU_POOL_RESERVED_CURRENT = 5,
  CU_POOL_RESERVED_HIGH = 6,
  CU_POOL_USED_CURRENT = 7,
  CU_POOL_USED_HIGH = 8,
};

/* Attributes of cuDeviceGetGraphMemAttribute. */
enum { CU_GRAPH_MEM_USED_CURRENT, CU_GRAPH_MEM_USED_HIGH, CU_GRAPH_MEM_RESERVED_CURRENT, CU_GRAPH_MEM_RESERVED_HIGH };

/* What cuGraphNodeGetType answers for memory nodes. */
enum { CU_GRAPH_NODE_TYPE_GRAPH = 4, CU_GRAPH_NODE_TYPE_MEM_ALLOC = 10, CU_GRAPH_NODE_TYPE_MEM_FREE = 11 };

/* CUDA_MEM_ALLOC_NODE_PARAMS, the same in both versions. */
struct cuda_graph_alloc {
  struct cuda_pool_props props;
  const void *access;
  size_t access_count;
  size_t bytes;
  CUdeviceptr address; /* out */
};

enum { CU_STREAM_NOT_CAPTURING = 0, CU_STREAM_CAPTURING = 1 };
enum { CU_CAPTURE_MODE_RELAXED = 2 };

#endif
