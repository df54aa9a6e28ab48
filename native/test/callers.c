// SPDX-License-Identifier: Apache-2.0
// Asks the size of device 0 by every road a program may take to the driver: callers MODE [PATH [NAME]].
// Prints the total in bytes through this road, and the code of one allocation of MIB more than that.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "cuda-abi.h"

typedef CUresult (*init_fn)(unsigned int);
typedef CUresult (*total_fn)(size_t *, CUdevice);
typedef CUresult (*retain_fn)(CUcontext *, CUdevice);
typedef CUresult (*set_fn)(CUcontext);
typedef CUresult (*alloc_fn)(CUdeviceptr *, size_t);
typedef CUresult (*proc_fn)(const char *, void **, int, uint64_t);
typedef CUresult (*proc_v2_fn)(const char *, void **, int, uint64_t, int *);
typedef void *(*dlsym_fn)(void *, const char *);
typedef void *(*open_fn)(const char *);

struct road {
  init_fn init;
  total_fn total;
  retain_fn retain;
  set_fn set;
  alloc_fn alloc;
};

static dlsym_fn symbol = dlsym;

#define FIND(field, library, name)                \
  do {                                            \
    void *found = symbol(library, name);          \
    memcpy(&road->field, &found, sizeof(found));  \
  } while (0)

static void by_symbol(struct road *road, void *library) {
  FIND(init, library, "cuInit");
  FIND(total, library, "cuDeviceTotalMem_v2");
  FIND(retain, library, "cuDevicePrimaryCtxRetain");
  FIND(set, library, "cuCtxSetCurrent");
  FIND(alloc, library, "cuMemAlloc_v2");
}

/* As a runtime of CUDA 12 does: everything, even the asking function, through cuGetProcAddress. */
static void by_proc(struct road *road, void *library, const char *entry) {
  void *address = dlsym(library, entry);
  proc_v2_fn first, ask;
  int status = -1;
  memcpy(&first, &address, sizeof(address));
  first("cuGetProcAddress", &address, 12000, 0, &status);
  memcpy(&ask, &address, sizeof(address));
  ask("cuInit", (void **)&road->init, 12000, 0, &status);
  ask("cuDeviceTotalMem", (void **)&road->total, 12000, 0, &status);
  ask("cuDevicePrimaryCtxRetain", (void **)&road->retain, 12000, 0, &status);
  ask("cuCtxSetCurrent", (void **)&road->set, 12000, 0, &status);
  ask("cuMemAlloc", (void **)&road->alloc, 12000, 0, &status);
}

static void *deep_library(const char *path, const char *name) {
  void *deep = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  void *address = deep != NULL ? dlsym(deep, "deep_open") : NULL;
  open_fn open;
  memcpy(&open, &address, sizeof(address));
  return open != NULL ? open(name) : NULL;
}

static int find_road(struct road *road, const char *mode, const char *path, const char *name) {
  void *library = NULL;
  if (strcmp(mode, "default") == 0) library = RTLD_DEFAULT;
  else if (strcmp(mode, "path") == 0) library = dlopen(path, RTLD_NOW);
  else if (strcmp(mode, "deepbind") == 0) library = deep_library(path, name);
  else if (strcmp(mode, "dlmopen") == 0) library = dlmopen(LM_ID_NEWLM, "libcuda.so.1", RTLD_NOW);
  else library = dlopen("libcuda.so.1", RTLD_NOW);
  if (library == NULL && strcmp(mode, "default") != 0) return 1;
  if (strcmp(mode, "dlvsym") == 0) {
    void *address = dlvsym(RTLD_DEFAULT, "dlsym", "GLIBC_2.2.5");
    memcpy(&symbol, &address, sizeof(address));
  }
  if (strcmp(mode, "proc") == 0) by_proc(road, library, "cuGetProcAddress_v2");
  else by_symbol(road, library);
  return road->init == NULL;
}

int main(int argc, char **argv) {
  struct road road = {0};
  size_t total = 0;
  CUcontext context;
  CUdeviceptr pointer;
  if (argc < 2 || find_road(&road, argv[1], argc > 2 ? argv[2] : "", argc > 3 ? argv[3] : "libcuda.so.1") != 0) return 1;
  CUresult code = road.init(0);
  if (code == CUDA_SUCCESS) code = road.total(&total, 0);
  if (code == CUDA_SUCCESS) code = road.retain(&context, 0);
  if (code == CUDA_SUCCESS) code = road.set(context);
  if (code == CUDA_SUCCESS) code = road.alloc(&pointer, total + (1u << 20));
  printf("{\"mode\":\"%s\",\"total_bytes\":%zu,\"code\":%d}\n", argv[1], total, code);
  return 0;
}
