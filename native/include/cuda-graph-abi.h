// SPDX-License-Identifier: Apache-2.0
// The part of the driver's ABI that graphs and capture need, as facts, in our own words.
#ifndef KERF_CUDA_GRAPH_ABI_H
#define KERF_CUDA_GRAPH_ABI_H

#include "cuda-abi.h"

typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphNode_st *CUgraphNode;
typedef struct CUgraphExec_st *CUgraphExec;

enum {
  CUDA_ERROR_ILLEGAL_STATE = 401,
  CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,
  CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901,
  CUDA_ERROR_STREAM_CAPTURE_MERGE = 902,
  CUDA_ERROR_STREAM_CAPTURE_UNMATCHED = 903,
  CUDA_ERROR_STREAM_CAPTURE_UNJOINED = 904,
  CUDA_ERROR_STREAM_CAPTURE_ISOLATION = 905,
  CUDA_ERROR_STREAM_CAPTURE_IMPLICIT = 906,
  CUDA_ERROR_CAPTURED_EVENT = 907,
  CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD = 908,
  CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE = 910,
};

/* CUstreamCaptureMode, CUstreamCaptureStatus. */
enum { CU_CAPTURE_GLOBAL = 0, CU_CAPTURE_THREAD_LOCAL = 1, CU_CAPTURE_RELAXED = 2 };
enum { CU_CAPTURE_NONE = 0, CU_CAPTURE_ACTIVE = 1, CU_CAPTURE_INVALIDATED = 2 };

/* CUgraphNodeType. */
enum cuda_node_type {
  CU_NODE_KERNEL = 0,
  CU_NODE_MEMCPY = 1,
  CU_NODE_MEMSET = 2,
  CU_NODE_HOST = 3,
  CU_NODE_GRAPH = 4,
  CU_NODE_EMPTY = 5,
  CU_NODE_WAIT_EVENT = 6,
  CU_NODE_EVENT_RECORD = 7,
  CU_NODE_MEM_ALLOC = 10,
  CU_NODE_MEM_FREE = 11,
};

/* CUDA_KERNEL_NODE_PARAMS; the first form ends before `kernel`. */
struct cuda_kernel_params {
  CUfunction function;
  unsigned int grid[3];
  unsigned int block[3];
  unsigned int shared_bytes;
  void **params;
  void **extra;
  void *kernel;
  CUcontext context;
};

/* CUgraphNodeParams: the type, then the kind's own parameters. */
struct cuda_node_params {
  int type;
  int reserved0[3];
  union {
    long long reserved1[29];
    struct cuda_kernel_params kernel;
    struct {
      CUgraph graph;
      int ownership;
    } child;
  };
  long long reserved2;
};

enum { CU_CHILD_GRAPH_CLONE = 0, CU_CHILD_GRAPH_MOVE = 1 };

/* CUDA_GRAPH_INSTANTIATE_PARAMS. */
struct cuda_instantiate_params {
  uint64_t flags;
  CUstream upload_stream;
  CUgraphNode error_node;
  int result;
};

/* CUgraphExecUpdateResultInfo, CUgraphExecUpdateResult. */
struct cuda_update_info {
  int result;
  CUgraphNode error_node;
  CUgraphNode error_from_node;
};
enum { CU_UPDATE_SUCCESS = 0, CU_UPDATE_ERROR = 1, CU_UPDATE_TOPOLOGY_CHANGED = 2, CU_UPDATE_NODE_TYPE_CHANGED = 3 };

_Static_assert(offsetof(struct cuda_kernel_params, kernel) == 56, "first form of kernel node parameters");
_Static_assert(sizeof(struct cuda_node_params) == 256, "CUgraphNodeParams");

#endif
