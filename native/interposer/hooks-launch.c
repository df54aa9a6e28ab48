// SPDX-License-Identifier: Apache-2.0
// Kernel launches. One that cannot be (a grid of nothing, no function, no configuration) goes straight to the driver,
// which says so: it is never delayed and never charged.
#include <stddef.h>

#include "compute.h"
#include "hooks.h"

/* CUlaunchAttribute, of which we read two kinds. */
struct cuda_launch_attribute {
  int id;
  char pad[4];
  union {
    unsigned char bytes[64];
    uint32_t cluster[3];
    int is_cooperative;
  } value;
};

enum { CU_LAUNCH_ATTRIBUTE_COOPERATIVE = 2, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION = 4 };
#define ATTRIBUTES_MOST 64u

/* CUDA_LAUNCH_PARAMS. */
struct cuda_launch_params {
  CUfunction function;
  unsigned int grid[3];
  unsigned int block[3];
  unsigned int shared_bytes;
  CUstream stream;
  void **params;
};

_Static_assert(sizeof(struct cuda_launch_attribute) == 72, "CUlaunchAttribute");
_Static_assert(offsetof(struct cuda_launch_config, stream) == 32 && sizeof(struct cuda_launch_config) == 56,
               "CUlaunchConfig");
_Static_assert(offsetof(struct cuda_launch_params, stream) == 40, "CUDA_LAUNCH_PARAMS");

#define PER_THREAD(stream) \
  ((stream) == NULL ? (CUstream)(uintptr_t)CU_STREAM_PER_THREAD_NUMBER : (stream))

#define GRID unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by, unsigned int bz
#define SHAPE(function, shared_bytes) \
  (struct cost_shape) { (function), {gx, gy, gz}, {bx, by, bz}, (shared_bytes), {0, 0, 0}, 0 }

static bool is_work(const struct cost_shape *shape) {
  const uint32_t *grid = shape->grid;
  const uint32_t *block = shape->block;
  return shape->function != NULL && grid[0] && grid[1] && grid[2] && block[0] && block[1] && block[2];
}

typedef CUresult (*kernel_fn)(CUfunction, GRID, unsigned int, CUstream, void **, void **);

static __attribute__((noinline)) CUresult launch_kernel(kernel_fn real, struct cost_shape *shape, CUstream stream,
                                                        CUstream plain, void **params, void **extra) {
  struct compute_launch launch;
  launch.key = NULL;
  if (is_work(shape)) compute_before(&launch, shape, plain, COMPUTE_KERNEL);
  CUresult result = real((CUfunction)(uintptr_t)shape->function, shape->grid[0], shape->grid[1], shape->grid[2],
                         shape->block[0], shape->block[1], shape->block[2], shape->shared_bytes, stream, params, extra);
  return compute_after(&launch, result);
}

HOOK_EXPORT CUresult cuLaunchKernel(CUfunction function, GRID, unsigned int shared_bytes, CUstream stream,
                                    void **params, void **extra) {
  kernel_fn real = REAL(cuLaunchKernel);
  if (!compute_is_limited()) return real(function, gx, gy, gz, bx, by, bz, shared_bytes, stream, params, extra);
  return launch_kernel(real, &SHAPE(function, shared_bytes), stream, stream, params, extra);
}

HOOK_EXPORT CUresult cuLaunchKernel_ptsz(CUfunction function, GRID, unsigned int shared_bytes, CUstream stream,
                                         void **params, void **extra) {
  kernel_fn real = REAL(cuLaunchKernel_ptsz);
  if (!compute_is_limited()) return real(function, gx, gy, gz, bx, by, bz, shared_bytes, stream, params, extra);
  return launch_kernel(real, &SHAPE(function, shared_bytes), stream, PER_THREAD(stream), params, extra);
}

/* ---- with a configuration ---- */

typedef CUresult (*configured_fn)(const struct cuda_launch_config *, CUfunction, void **, void **);

static enum compute_kind read_config(struct cost_shape *shape, const struct cuda_launch_config *config) {
  enum compute_kind kind = COMPUTE_KERNEL;
  const struct cuda_launch_attribute *attributes = config->attributes;
  uint32_t count = attributes == NULL || config->attribute_count > ATTRIBUTES_MOST ? 0 : config->attribute_count;
  for (int i = 0; i < 3; i++) {
    shape->grid[i] = config->grid[i];
    shape->block[i] = config->block[i];
  }
  shape->shared_bytes = config->shared_bytes;
  for (uint32_t i = 0; i < count; i++) {
    const struct cuda_launch_attribute *attribute = &attributes[i];
    if (attribute->id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE && attribute->value.is_cooperative != 0)
      kind = COMPUTE_TOGETHER;
    if (attribute->id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
      for (int j = 0; j < 3; j++) shape->cluster[j] = attribute->value.cluster[j];
  }
  return kind;
}

static CUresult launch_configured(configured_fn real, const struct cuda_launch_config *config, CUstream plain,
                                  CUfunction function, void **params, void **extra) {
  struct compute_launch launch;
  launch.key = NULL;
  struct cost_shape shape = {.function = function};
  enum compute_kind kind = read_config(&shape, config);
  if (is_work(&shape)) compute_before(&launch, &shape, plain, kind);
  return compute_after(&launch, real(config, function, params, extra));
}

HOOK_EXPORT CUresult cuLaunchKernelEx(const struct cuda_launch_config *config, CUfunction function, void **params,
                                      void **extra) {
  configured_fn real = REAL(cuLaunchKernelEx);
  if (config == NULL || !compute_is_limited()) return real(config, function, params, extra);
  return launch_configured(real, config, config->stream, function, params, extra);
}

HOOK_EXPORT CUresult cuLaunchKernelEx_ptsz(const struct cuda_launch_config *config, CUfunction function,
                                           void **params, void **extra) {
  configured_fn real = REAL(cuLaunchKernelEx_ptsz);
  if (config == NULL || !compute_is_limited()) return real(config, function, params, extra);
  return launch_configured(real, config, PER_THREAD(config->stream), function, params, extra);
}

/* ---- cooperative: all blocks, or all devices, wait for each other on the device ---- */

typedef CUresult (*cooperative_fn)(CUfunction, GRID, unsigned int, CUstream, void **);

static CUresult launch_cooperative(cooperative_fn real, struct cost_shape *shape, CUstream stream, CUstream plain,
                                   void **params) {
  struct compute_launch launch;
  launch.key = NULL;
  if (is_work(shape)) compute_before(&launch, shape, plain, COMPUTE_TOGETHER);
  CUresult result = real((CUfunction)(uintptr_t)shape->function, shape->grid[0], shape->grid[1], shape->grid[2],
                         shape->block[0], shape->block[1], shape->block[2], shape->shared_bytes, stream, params);
  return compute_after(&launch, result);
}

HOOK_EXPORT CUresult cuLaunchCooperativeKernel(CUfunction function, GRID, unsigned int shared_bytes, CUstream stream,
                                               void **params) {
  cooperative_fn real = REAL(cuLaunchCooperativeKernel);
  if (!compute_is_limited()) return real(function, gx, gy, gz, bx, by, bz, shared_bytes, stream, params);
  return launch_cooperative(real, &SHAPE(function, shared_bytes), stream, stream, params);
}

HOOK_EXPORT CUresult cuLaunchCooperativeKernel_ptsz(CUfunction function, GRID, unsigned int shared_bytes,
                                                    CUstream stream, void **params) {
  cooperative_fn real = REAL(cuLaunchCooperativeKernel_ptsz);
  if (!compute_is_limited()) return real(function, gx, gy, gz, bx, by, bz, shared_bytes, stream, params);
  return launch_cooperative(real, &SHAPE(function, shared_bytes), stream, PER_THREAD(stream), params);
}

/* One launch on several devices: charged to the current one, at its largest part's price. The call is gone since 13. */
HOOK_EXPORT CUresult cuLaunchCooperativeKernelMultiDevice(struct cuda_launch_params *list, unsigned int count,
                                                          unsigned int flags) {
  struct compute_launch launch;
  launch.key = NULL;
  if (list == NULL || count == 0 || !compute_is_limited())
    return REAL(cuLaunchCooperativeKernelMultiDevice)(list, count, flags);
  struct cost_shape shape = {.function = list->function, .shared_bytes = list->shared_bytes};
  for (int i = 0; i < 3; i++) {
    shape.grid[i] = list->grid[i];
    shape.block[i] = list->block[i];
  }
  if (is_work(&shape)) compute_before(&launch, &shape, list->stream, COMPUTE_TOGETHER);
  return compute_after(&launch, REAL(cuLaunchCooperativeKernelMultiDevice)(list, count, flags));
}

/* ---- of CUDA 2: the block's size was set before, and is not told here ---- */

static void before_old(struct compute_launch *launch, CUfunction function, int width, int height, CUstream stream) {
  struct cost_shape shape = {
      .function = function, .grid = {(uint32_t)width, (uint32_t)height, 1}, .block = {1, 1, 1}};
  launch->key = NULL;
  if (width > 0 && height > 0 && is_work(&shape) && compute_is_limited())
    compute_before(launch, &shape, stream, COMPUTE_KERNEL);
}

HOOK_EXPORT CUresult cuLaunch(CUfunction function) {
  struct compute_launch launch;
  before_old(&launch, function, 1, 1, NULL);
  return compute_after(&launch, REAL(cuLaunch)(function));
}

HOOK_EXPORT CUresult cuLaunchGrid(CUfunction function, int width, int height) {
  struct compute_launch launch;
  before_old(&launch, function, width, height, NULL);
  return compute_after(&launch, REAL(cuLaunchGrid)(function, width, height));
}

HOOK_EXPORT CUresult cuLaunchGridAsync(CUfunction function, int width, int height, CUstream stream) {
  struct compute_launch launch;
  before_old(&launch, function, width, height, stream);
  return compute_after(&launch, REAL(cuLaunchGridAsync)(function, width, height, stream));
}
