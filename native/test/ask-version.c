// SPDX-License-Identifier: Apache-2.0
// Prints what cuDriverGetVersion says, found as a program without the driver at hand finds it.
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  int version = -1;
  int (*ask)(int *);
  void *library = dlopen("libcuda.so.1", RTLD_LAZY);
  void *found = library != NULL ? dlsym(library, "cuDriverGetVersion") : NULL;
  if (found == NULL) return 1;
  memcpy(&ask, &found, sizeof(ask));
  int code = ask(&version);
  printf("{\"code\":%d,\"version\":%d}\n", code, version);
  return 0;
}
