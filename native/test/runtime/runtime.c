// SPDX-License-Identifier: Apache-2.0
// runtime LIBCUDART: a program of the CUDA runtime, step by step; says the code of each step it came to.
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void *library;
static int is_going = 1;

static void *find(const char *name) {
  void *found = dlsym(library, name);
  if (found == NULL) printf("%s\"%s\":\"missing\"", is_going ? "," : "", name);
  return found;
}

/* Every step is a function of up to four words; what it does not take, it does not look at. */
static int step(const char *name, void *a, void *b, void *c, void *d) {
  void *found = find(name);
  int (*call)(void *, void *, void *, void *);
  if (found == NULL || !is_going) return -1;
  memcpy(&call, &found, sizeof(found));
  int code = call(a, b, c, d);
  printf(",\"%s\":%d", name, code);
  is_going = code == 0;
  return code;
}

int main(int argc, char **argv) {
  int version = 0, driver = 0, count = 0;
  size_t free_bytes = 0, total = 0;
  void *pointer = NULL;
  char host[64] = "bytes";
  library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (library == NULL) return 1;
  printf("{\"loaded\":0");
  step("cudaRuntimeGetVersion", &version, NULL, NULL, NULL);
  step("cudaDriverGetVersion", &driver, NULL, NULL, NULL);
  step("cudaGetDeviceCount", &count, NULL, NULL, NULL);
  step("cudaFree", NULL, NULL, NULL, NULL);
  step("cudaMemGetInfo", &free_bytes, &total, NULL, NULL);
  step("cudaMalloc", &pointer, (void *)4096, NULL, NULL);
  step("cudaMemset", pointer, NULL, (void *)4096, NULL);
  step("cudaMemcpy", pointer, host, (void *)sizeof(host), (void *)1);
  step("cudaDeviceSynchronize", NULL, NULL, NULL, NULL);
  step("cudaFree", pointer, NULL, NULL, NULL);
  step("cudaDeviceReset", NULL, NULL, NULL, NULL);
  printf(",\"runtime\":%d,\"driver\":%d,\"devices\":%d,\"total_bytes\":%zu}\n", version, driver, count, total);
  return 0;
}
