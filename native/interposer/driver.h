// SPDX-License-Identifier: Apache-2.0
// The real library behind a shim: found by absolute path, opened at the first call into it and never before.
#ifndef KERF_DRIVER_H
#define KERF_DRIVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef KERF_PREFIX
/* Where the slot mounts us. Fixed at build time: a tenant's environment must not move it. */
#define KERF_PREFIX "/usr/local/kerf"
#endif

/* Each shim says which library it stands for and what a call answers where that library is not there. */
extern const char *const driver_soname;
extern const char *const driver_own_path;
extern const int driver_absent_code;
extern const int driver_missing_code;

bool driver_is_present(void);
/* Address in the real library; NULL where it lacks the name or is absent. */
void *driver_symbol(const char *name);
/* The same, but a function that returns the right error code instead of NULL. */
void *driver_function(const char *name);

/* Another of the driver's libraries behind its shim, found in the same places; NULL where it is not there. */
void *driver_open_other(const char *soname, const char *shim_path);

/* dlopen and dlsym of the C library; NULL where it has none loaded (glibc before 2.34 without libdl). */
typedef void *(*loader_open_fn)(const char *name, int mode);
loader_open_fn loader_open(void);
void *loader_symbol(void *library, const char *name);

/* A thread that is cancelled must not take a lock of ours along: held off from before it is taken until after it was
 * given back. Of the C library proper in every version, so that no preload asks for libpthread. */
static inline int cancel_hold(void) {
  int old = 0;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
  return old;
}
static inline void cancel_allow(int old) { pthread_setcancelstate(old, &old); }

#endif
