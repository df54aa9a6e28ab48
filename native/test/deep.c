// SPDX-License-Identifier: Apache-2.0
// Opened with RTLD_DEEPBIND: its own dlopen is the C library's, past every preload.
#include <dlfcn.h>

void *deep_open(const char *name);
void *deep_open(const char *name) { return dlopen(name, RTLD_NOW); }
