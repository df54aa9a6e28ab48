// SPDX-License-Identifier: Apache-2.0
// Facts of the driver's behaviour that must stay facts under libkerf; linked with the driver, run in a slice.
// Ends with 0 if all hold, else says which does not.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver-calls.h"
#include "test.h"

#define MIB (1ull << 20)

static CUcontext primary;
static size_t total;

static size_t used(void) {
  size_t free_bytes = 0, total_bytes = 0;
  CLAIM(cuMemGetInfo_v2(&free_bytes, &total_bytes) == CUDA_SUCCESS);
  CLAIM(total_bytes == total);
  return total_bytes - free_bytes;
}

static void start(void) {
  size_t free_bytes;
  CLAIM(cuInit(0) == CUDA_SUCCESS);
  CLAIM(cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS);
  CLAIM(cuCtxSetCurrent(primary) == CUDA_SUCCESS);
  CLAIM(cuMemGetInfo_v2(&free_bytes, &total) == CUDA_SUCCESS);
  CLAIM(used() == 0);
}

static void nothing_works_before_init(void) {
  CUcontext context;
  CUdeviceptr pointer;
  int count;
  CLAIM(cuDeviceGetCount(&count) == CUDA_ERROR_NOT_INITIALIZED);
  CLAIM(cuDevicePrimaryCtxRetain(&context, 0) == CUDA_ERROR_NOT_INITIALIZED);
  CLAIM(cuMemAlloc_v2(&pointer, MIB) == CUDA_ERROR_NOT_INITIALIZED);
  CLAIM(cuMemFree_v2(1) == CUDA_ERROR_NOT_INITIALIZED);
}

static void wrong_arguments_are_the_drivers_to_refuse(void) {
  CUdeviceptr pointer = 0;
  size_t size;
  CLAIM(cuMemAlloc_v2(&pointer, 0) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuMemAlloc_v2(NULL, 512) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuMemGetInfo_v2(NULL, &size) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuMemGetInfo_v2(&size, NULL) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuDevicePrimaryCtxRetain(&primary, 99) == CUDA_ERROR_INVALID_DEVICE);
  CLAIM(cuCtxSetCurrent(NULL) == CUDA_SUCCESS && cuMemAlloc_v2(&pointer, 1) == CUDA_ERROR_INVALID_CONTEXT);
  CLAIM(cuCtxSetCurrent(primary) == CUDA_SUCCESS);
  CLAIM(cuMemFree_v2(12345) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuMemCreate(NULL, 2 * MIB, NULL, 0) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuGetProcAddress_v2(NULL, NULL, 12000, 0, NULL) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuMemAlloc_v2(&pointer, SIZE_MAX) == CUDA_ERROR_OUT_OF_MEMORY);
  CLAIM(cuMemAlloc_v2(&pointer, 1ull << 50) == CUDA_ERROR_OUT_OF_MEMORY);
  CLAIM(used() == 0);
}

static void a_double_free_refunds_once(void) {
  CUdeviceptr pointer;
  CLAIM(cuMemAlloc_v2(&pointer, MIB) == CUDA_SUCCESS);
  CLAIM(used() == MIB);
  CLAIM(cuMemFree_v2(pointer) == CUDA_SUCCESS);
  CLAIM(cuMemFree_v2(pointer) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(used() == 0);
}

static void memory_can_be_written(void) {
  CUdeviceptr pointer;
  char text[6] = "";
  CLAIM(cuMemAlloc_v2(&pointer, MIB) == CUDA_SUCCESS);
  CLAIM(cuMemcpyHtoD_v2(pointer, "hello", 6) == CUDA_SUCCESS);
  CLAIM(cuMemcpyDtoH_v2(text, pointer, 6) == CUDA_SUCCESS && strcmp(text, "hello") == 0);
  CLAIM(cuMemFree_v2(pointer) == CUDA_SUCCESS);
}

static void pitched_memory_is_charged_by_its_pitch(void) {
  CUdeviceptr pointer;
  size_t pitch;
  CLAIM(cuMemAllocPitch_v2(&pointer, &pitch, 1000, 1000, 4) == CUDA_SUCCESS);
  CLAIM(pitch == 1024 && used() == 1024 * 1000);
  CLAIM(cuMemFree_v2(pointer) == CUDA_SUCCESS && used() == 0);
}

static void a_context_takes_its_memory_along(void) {
  CUcontext context;
  CUdeviceptr pointer;
  CLAIM(cuCtxCreate_v2(&context, 0, 0) == CUDA_SUCCESS);
  for (int i = 0; i < 100; i++) CLAIM(cuMemAlloc_v2(&pointer, MIB) == CUDA_SUCCESS);
  CLAIM(used() == 100 * MIB);
  CLAIM(cuCtxDestroy_v2(context) == CUDA_SUCCESS);
  CLAIM(cuCtxSetCurrent(primary) == CUDA_SUCCESS);
  CLAIM(used() == 0);
  CLAIM(cuMemAlloc_v2(&pointer, MIB) == CUDA_SUCCESS);
  CLAIM(cuCtxDestroy_v2(primary) == CUDA_ERROR_INVALID_CONTEXT && used() == MIB);
  CLAIM(cuDevicePrimaryCtxReset_v2(0) == CUDA_SUCCESS && used() == 0);
  CLAIM(cuMemAlloc_v2(&pointer, MIB) == CUDA_SUCCESS);
  CLAIM(cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS);
  CLAIM(cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS);
  CLAIM(cuCtxSetCurrent(primary) == CUDA_SUCCESS);
  CLAIM(used() == 0);
}

/* Released before unmapped is the normal order; the memory is held until both are done. */
static void mapped_memory_is_charged_until_nothing_holds_it(void) {
  struct cuda_allocation_prop prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                      .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  CUmemGenericAllocationHandle handle, again;
  CUdeviceptr at;
  CLAIM(cuMemCreate(&handle, 4 * MIB, &prop, 0) == CUDA_SUCCESS && used() == 4 * MIB);
  CLAIM(cuMemAddressReserve(&at, 4 * MIB, 0, 0, 0) == CUDA_SUCCESS);
  CLAIM(cuMemMap(at, 4 * MIB, 0, handle, 0) == CUDA_SUCCESS);
  CLAIM(cuMemMap(at, 4 * MIB, 0, handle, 0) == CUDA_ERROR_INVALID_VALUE);
  CLAIM(cuMemRelease(handle) == CUDA_SUCCESS && used() == 4 * MIB);
  CLAIM(cuMemRetainAllocationHandle(&again, (void *)(uintptr_t)at) == CUDA_SUCCESS && again == handle);
  CLAIM(cuMemUnmap(at, 4 * MIB) == CUDA_SUCCESS && used() == 4 * MIB);
  CLAIM(cuMemRelease(again) == CUDA_SUCCESS && used() == 0);
  CLAIM(cuMemRelease(again) == CUDA_ERROR_INVALID_VALUE && used() == 0);
}

/* By what the pools have reserved: blocks of 32 MiB (pool-memory.c tells the rest). */
static void pools_and_streams_are_charged(void) {
  struct cuda_pool_props props = {.type = 1, .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  CUmemoryPool pool, other;
  CUstream stream;
  CUdeviceptr a, b, c;
  CLAIM(cuStreamCreate(&stream, 0) == CUDA_SUCCESS);
  CLAIM(cuMemPoolCreate(&pool, &props) == CUDA_SUCCESS);
  CLAIM(cuMemAllocFromPoolAsync(&a, MIB, pool, stream) == CUDA_SUCCESS && used() == 32 * MIB);
  CLAIM(cuDeviceGetDefaultMemPool(&other, 0) == CUDA_SUCCESS);
  CLAIM(cuMemAllocFromPoolAsync(&b, MIB, other, NULL) == CUDA_SUCCESS && used() == 64 * MIB);
  CLAIM(cuMemAllocAsync_ptsz(&c, MIB, NULL) == CUDA_SUCCESS && used() == 64 * MIB);
  CLAIM(cuMemFreeAsync(a, stream) == CUDA_SUCCESS);
  CLAIM(cuMemFree_v2(b) == CUDA_SUCCESS && cuMemFreeAsync(c, NULL) == CUDA_SUCCESS);
  CLAIM(cuMemPoolDestroy(pool) == CUDA_SUCCESS);
  CLAIM(cuCtxSynchronize() == CUDA_SUCCESS && used() == 0);
}

static void *proc(const char *name, int version, uint64_t flags) {
  void *found = NULL, *found_v2 = NULL;
  int status = -1;
  CUresult result = cuGetProcAddress_v2(name, &found_v2, version, flags, &status);
  CLAIM(cuGetProcAddress(name, &found, version, flags) == result && found == found_v2);
  CLAIM((result == CUDA_SUCCESS) == (status == CU_PROC_FOUND));
  return found;
}

/* The driver chooses by version and flags; we only exchange what it chose. */
static void proc_addresses_are_the_variant_the_driver_chose(void) {
  int status = -1;
  void *none = (void *)1;
  CLAIM(proc("cuMemAlloc", 12000, 0) == (void *)cuMemAlloc_v2);
  CLAIM(proc("cuMemAlloc", 2000, 0) == (void *)cuMemAlloc);
  CLAIM(proc("cuMemAllocAsync", 12000, CU_GET_PROC_ADDRESS_PER_THREAD) == (void *)cuMemAllocAsync_ptsz);
  CLAIM(proc("cuMemAllocAsync", 12000, 0) != (void *)cuMemAllocAsync_ptsz);
  CLAIM(proc("cuMemAllocAsync", 11010, 0) == NULL);
  CLAIM(proc("cuGetProcAddress", 12000, 0) == (void *)cuGetProcAddress_v2);
  CLAIM(proc("cuGetProcAddress", 11030, 0) == (void *)cuGetProcAddress);
  CLAIM(proc("cuDeviceGetCount", 12000, 0) != NULL);
  CLAIM(cuGetProcAddress_v2("cuNoSuchThing", &none, 99999, 0, &status) == CUDA_ERROR_NOT_FOUND);
  CLAIM(none == NULL && status == CU_PROC_SYMBOL_NOT_FOUND);
}

#define ROUNDS 20000

static void *churn(void *context) {
  CUdeviceptr pointers[16] = {0};
  CLAIM(cuCtxSetCurrent(context) == CUDA_SUCCESS);
  for (int i = 0; i < ROUNDS; i++) {
    if (pointers[i % 16] != 0) CLAIM(cuMemFree_v2(pointers[i % 16]) == CUDA_SUCCESS);
    CLAIM(cuMemAlloc_v2(&pointers[i % 16], 512 + (size_t)i) == CUDA_SUCCESS);
  }
  for (int i = 0; i < 16; i++) CLAIM(cuMemFree_v2(pointers[i]) == CUDA_SUCCESS);
  return NULL;
}

static void threads_share_one_account(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) CLAIM(pthread_create(&threads[i], NULL, churn, primary) == 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CLAIM(used() == 0);
}

static int wait_for(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

/* As without us: the driver is of no use in such a child, and what the child does is not the parent's affair. */
static void a_forked_child_owns_nothing_of_its_parent(void) {
  CUdeviceptr pointer, other;
  CLAIM(cuMemAlloc_v2(&pointer, 8 * MIB) == CUDA_SUCCESS);
  pid_t child = fork();
  if (child == 0) {
    CLAIM(cuMemAlloc_v2(&other, MIB) == CUDA_ERROR_NOT_INITIALIZED);
    CLAIM(cuMemFree_v2(pointer) == CUDA_ERROR_NOT_INITIALIZED);
    exit(0);
  }
  CLAIM(wait_for(child) == 0);
  CLAIM(used() == 8 * MIB);
  CLAIM(cuMemFree_v2(pointer) == CUDA_SUCCESS && used() == 0);
}

/* Such a child has its parent's descriptors, and pids tell it nothing: the parent must not look dead to it. */
static void a_child_in_a_sandbox_takes_nothing_from_its_parent(void) {
  struct cuda_allocation_prop prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                      .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  CUmemGenericAllocationHandle handle;
  CUdeviceptr pointer, other;
  CLAIM(cuMemAlloc_v2(&pointer, total) == CUDA_SUCCESS);
  pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
  if (child == 0) _exit(cuMemCreate(&handle, 2 * MIB, &prop, 0) == CUDA_SUCCESS);
  CLAIM(child > 0 && wait_for(child) == 0);
  CLAIM(cuMemAlloc_v2(&other, MIB) == CUDA_ERROR_OUT_OF_MEMORY);
  CLAIM(cuMemFree_v2(pointer) == CUDA_SUCCESS && used() == 0);
}

/* Same pid and start time after an exec, but the driver has let the memory go. */
static void an_exec_gives_the_memory_back(const char *self) {
  CUdeviceptr pointer;
  pid_t child = fork();
  if (child == 0) {
    execl(self, self, "hold", NULL);
    _exit(9);
  }
  CLAIM(wait_for(child) == 0);
  CLAIM(used() == 0);
  CLAIM(cuMemAlloc_v2(&pointer, total) == CUDA_SUCCESS);
  CLAIM(cuMemFree_v2(pointer) == CUDA_SUCCESS);
}

int main(int argc, char **argv) {
  CUdeviceptr pointer;
  if (argc > 1 && strcmp(argv[1], "hold") == 0) {
    start();
    CLAIM(cuMemAlloc_v2(&pointer, total) == CUDA_SUCCESS);
    execl(argv[0], argv[0], "after", NULL);
    return 9;
  }
  if (argc == 1) nothing_works_before_init();
  start();
  if (argc > 1) return cuMemAlloc_v2(&pointer, total) == CUDA_SUCCESS ? 0 : 8;
  wrong_arguments_are_the_drivers_to_refuse();
  a_double_free_refunds_once();
  memory_can_be_written();
  pitched_memory_is_charged_by_its_pitch();
  a_context_takes_its_memory_along();
  mapped_memory_is_charged_until_nothing_holds_it();
  pools_and_streams_are_charged();
  proc_addresses_are_the_variant_the_driver_chose();
  threads_share_one_account();
  a_forked_child_owns_nothing_of_its_parent();
  a_child_in_a_sandbox_takes_nothing_from_its_parent();
  an_exec_gives_the_memory_back(argv[0]);
  printf("{\"held\":true}\n");
  return 0;
}
