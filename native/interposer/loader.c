// SPDX-License-Identifier: Apache-2.0
// The C library's own loader functions, by the versions that every glibc since 2.2.5 has: linked by default we
// would ask for GLIBC_2.34, and a preload that cannot be linked ends every process of an older image.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

#include "driver.h"

#if defined(__x86_64__)
__asm__(".symver loader_dlsym, dlsym@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver loader_dlsym, dlsym@GLIBC_2.17");
#endif
extern void *loader_dlsym(void *library, const char *name) __attribute__((weak));

static loader_open_fn next_dlopen;

void *loader_symbol(void *library, const char *name) {
  return loader_dlsym != NULL ? loader_dlsym(library, name) : NULL;
}

loader_open_fn loader_open(void) {
  loader_open_fn found = __atomic_load_n(&next_dlopen, __ATOMIC_ACQUIRE);
  if (found == NULL) {
    void *address = loader_symbol(RTLD_NEXT, "dlopen");
    found = *(loader_open_fn *)&address;
    __atomic_store_n(&next_dlopen, found, __ATOMIC_RELEASE);
  }
  return found;
}
