// SPDX-License-Identifier: Apache-2.0
// What pools keep is charged, and what they keep serves again; linked with the driver, run in a slice of 256 MiB whose
// device grows pools by 32 MiB. Ends with 0 if all hold, else says which does not.
#include <pthread.h>
#include <string.h>

#include "driver-calls.h"
#include "test.h"

#define MIB (1ull << 20)
#define BLOCK (32 * MIB)
#define TOTAL (256 * MIB)

static CUcontext primary;
static CUmemoryPool pool;
static CUstream one, two;

static size_t used(void) {
  size_t free_bytes = 0, total_bytes = 0;
  CLAIM(cuMemGetInfo_v2(&free_bytes, &total_bytes) == CUDA_SUCCESS && total_bytes == TOTAL);
  return total_bytes - free_bytes;
}

static CUdeviceptr take(size_t bytes, CUstream stream) {
  CUdeviceptr pointer = 0;
  CLAIM(cuMemAllocAsync(&pointer, bytes, stream) == CUDA_SUCCESS && pointer != 0);
  return pointer;
}

static void give(CUdeviceptr pointer, CUstream stream) { CLAIM(cuMemFreeAsync(pointer, stream) == CUDA_SUCCESS); }

static void keep(uint64_t bytes) {
  CLAIM(cuMemPoolSetAttribute(pool, CU_POOL_RELEASE_THRESHOLD, &bytes) == CUDA_SUCCESS);
}

static void start(void) {
  CLAIM(cuInit(0) == CUDA_SUCCESS);
  CLAIM(cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS && cuCtxSetCurrent(primary) == CUDA_SUCCESS);
  CLAIM(cuDeviceGetDefaultMemPool(&pool, 0) == CUDA_SUCCESS);
  CLAIM(cuStreamCreate(&one, 1) == CUDA_SUCCESS && cuStreamCreate(&two, 1) == CUDA_SUCCESS);
  CLAIM(used() == 0);
}

/* A free alone gives nothing back: the pool lets go when the stream is waited for. */
static void a_pool_is_charged_by_what_it_has_reserved(void) {
  CUdeviceptr a = take(MIB, one);
  CLAIM(used() == BLOCK);
  CUdeviceptr b = take(MIB, one);
  CLAIM(used() == BLOCK);
  give(a, one);
  CLAIM(used() == BLOCK);
  CUdeviceptr c = take(40 * MIB, one);
  CLAIM(used() == 3 * BLOCK);
  give(c, one);
  CLAIM(used() == 3 * BLOCK);
  CLAIM(cuStreamSynchronize(one) == CUDA_SUCCESS && used() == BLOCK);
  give(b, one);
  CLAIM(cuStreamSynchronize(one) == CUDA_SUCCESS && used() == 0);
}

static void what_the_threshold_keeps_is_charged_until_trimmed(void) {
  keep(UINT64_MAX);
  give(take(100 * MIB, one), one);
  CLAIM(cuCtxSynchronize() == CUDA_SUCCESS && used() == 4 * BLOCK);
  CLAIM(cuMemPoolTrimTo(pool, 2 * BLOCK) == CUDA_SUCCESS && used() == 2 * BLOCK);
  CLAIM(cuMemPoolTrimTo(pool, 0) == CUDA_SUCCESS && used() == 0);
  give(take(100 * MIB, one), one);
  keep(BLOCK);
  CLAIM(used() == 4 * BLOCK);
  CLAIM(cuStreamSynchronize(one) == CUDA_SUCCESS && used() == BLOCK);
  keep(0);
  CLAIM(cuMemPoolTrimTo(pool, 0) == CUDA_SUCCESS && used() == 0);
}

/* The slice has no room for a second of them; the pool has. */
static void kept_memory_serves_again_in_the_order_of_its_stream(void) {
  for (int i = 0; i < 5; i++) give(take(200 * MIB, one), one);
  CLAIM(used() == 7 * BLOCK);
  CUdeviceptr none = 0;
  CLAIM(cuMemAllocAsync(&none, 200 * MIB, two) == CUDA_ERROR_OUT_OF_MEMORY && none == 0);
  CLAIM(cuStreamSynchronize(one) == CUDA_SUCCESS && used() == 0);
  give(take(200 * MIB, two), two);
  CLAIM(cuCtxSynchronize() == CUDA_SUCCESS && used() == 0);
}

/* Plain memory is refused only when pools keep nothing unused. */
static void what_pools_keep_makes_room(void) {
  CUdeviceptr plain, more;
  CUmemoryPool other;
  struct cuda_pool_props props = {.type = 1, .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  keep(UINT64_MAX);
  give(take(200 * MIB, one), one);
  CLAIM(cuStreamSynchronize(one) == CUDA_SUCCESS && used() == 7 * BLOCK);
  CLAIM(cuMemAlloc_v2(&plain, TOTAL) == CUDA_SUCCESS && used() == TOTAL);
  CLAIM(cuMemAlloc_v2(&more, 512) == CUDA_ERROR_OUT_OF_MEMORY);
  CLAIM(cuMemAllocAsync(&more, 512, one) == CUDA_ERROR_OUT_OF_MEMORY);
  CLAIM(cuMemFree_v2(plain) == CUDA_SUCCESS);
  give(take(200 * MIB, one), one);
  CLAIM(cuStreamSynchronize(one) == CUDA_SUCCESS);
  CLAIM(cuMemPoolCreate(&other, &props) == CUDA_SUCCESS);
  CLAIM(cuMemAllocFromPoolAsync(&plain, 200 * MIB, other, one) == CUDA_SUCCESS && used() == 7 * BLOCK);
  give(plain, one);
  CLAIM(cuMemPoolDestroy(other) == CUDA_SUCCESS && used() == 0);
  keep(0);
}

static void a_destroyed_pool_is_charged_until_its_last_allocation_is_freed(void) {
  CUdeviceptr a, b;
  CUmemoryPool other, seen;
  struct cuda_pool_props props = {.type = 1, .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  CLAIM(cuMemPoolCreate(&other, &props) == CUDA_SUCCESS);
  CLAIM(cuDeviceSetMemPool(0, other) == CUDA_SUCCESS);
  CLAIM(cuDeviceGetMemPool(&seen, 0) == CUDA_SUCCESS && seen == other);
  a = take(MIB, one);
  CLAIM(cuMemAllocFromPoolAsync(&b, MIB, other, two) == CUDA_SUCCESS && used() == BLOCK);
  CLAIM(cuMemPoolDestroy(other) == CUDA_SUCCESS && used() == BLOCK);
  CLAIM(cuMemPoolDestroy(other) == CUDA_ERROR_INVALID_VALUE && used() == BLOCK);
  give(a, one);
  CLAIM(used() == BLOCK);
  give(b, two);
  CLAIM(used() == 0);
}

static void pools_elsewhere_are_free_of_charge(void) {
  CUdeviceptr a;
  CUmemoryPool host;
  struct cuda_pool_props props = {.type = 1, .location = {CU_MEM_LOCATION_TYPE_HOST, 0}};
  CLAIM(cuMemPoolCreate(&host, &props) == CUDA_SUCCESS);
  CLAIM(cuMemAllocFromPoolAsync(&a, 2 * TOTAL, host, one) == CUDA_SUCCESS && used() == 0);
  give(a, one);
  CLAIM(cuMemPoolDestroy(host) == CUDA_SUCCESS && used() == 0);
}

static void other_ways_to_free(void) {
  CUdeviceptr a = take(MIB, one), plain;
  CLAIM(cuMemFree_v2(a) == CUDA_SUCCESS && used() == 0);
  CLAIM(cuMemFreeAsync(a, one) == CUDA_ERROR_INVALID_VALUE && used() == 0);
  CLAIM(cuMemAlloc_v2(&plain, MIB) == CUDA_SUCCESS);
  give(plain, one);
  CLAIM(used() == 0);
  take(MIB, one);
  CLAIM(used() == BLOCK);
  CLAIM(cuDevicePrimaryCtxReset_v2(0) == CUDA_SUCCESS && used() == 0);
}

static void *churn(void *unused) {
  CUstream stream;
  CUdeviceptr live[8] = {0};
  CLAIM(cuCtxSetCurrent(primary) == CUDA_SUCCESS && cuStreamCreate(&stream, 1) == CUDA_SUCCESS);
  for (int i = 0; i < 4000; i++) {
    CUdeviceptr *at = &live[i % 8];
    if (*at != 0) give(*at, stream);
    *at = 0;
    CUresult result = cuMemAllocAsync(at, (size_t)(i % 37) * 300000 + 1, stream);
    CLAIM(result == CUDA_SUCCESS || result == CUDA_ERROR_OUT_OF_MEMORY);
    if (i % 64 == 0) CLAIM(cuStreamSynchronize(stream) == CUDA_SUCCESS);
  }
  for (int i = 0; i < 8; i++)
    if (live[i] != 0) give(live[i], stream);
  CLAIM(cuStreamSynchronize(stream) == CUDA_SUCCESS);
  return unused;
}

static void threads_share_a_pool(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) CLAIM(pthread_create(&threads[i], NULL, churn, NULL) == 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CLAIM(cuCtxSynchronize() == CUDA_SUCCESS && used() == 0);
}

int main(void) {
  start();
  a_pool_is_charged_by_what_it_has_reserved();
  what_the_threshold_keeps_is_charged_until_trimmed();
  kept_memory_serves_again_in_the_order_of_its_stream();
  what_pools_keep_makes_room();
  a_destroyed_pool_is_charged_until_its_last_allocation_is_freed();
  pools_elsewhere_are_free_of_charge();
  other_ways_to_free();
  threads_share_a_pool();
  printf("{\"held\":true}\n");
  return 0;
}
