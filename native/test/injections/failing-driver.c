// SPDX-License-Identifier: Apache-2.0
// A driver that fails where it is told to: libcuda.so.1 in a folder of its own, in front of the fake (which is loaded
// through the same dlopen door, by path). Every function the fake exports is one here, so nobody's file has to know.
//
//   KERF_FAILURES="cuMemAlloc_v2@2=2 cuMemFree_v2=kill * @9+=700"
//     CALL[@NTH[+]]=WHAT   CALL   a function's name, or * for all that are listed in exports.def
//                          NTH    counted from 1 in each process; with + from then on; without @ every time
//                          WHAT   a CUresult: answered, the fake is not asked
//                                 kill, kill-after: SIGKILL to ourselves before or after the fake was asked
//                                 stop, stop-after: SIGSTOP
//                                 slow: half a second, then the fake is asked
//
// With KERF_NEWEST=<CUDA version> at build time it is an older driver: what came later is missing.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cuda-abi.h"

#define EXPORT __attribute__((visibility("default")))
#define ROWS_MAX 16
#define GO_ON 0
#define ANSWER (1ll << 32)
#define ASK_AND_RETURN (2ll << 32)

enum what { WHAT_CODE, WHAT_KILL, WHAT_KILL_AFTER, WHAT_STOP, WHAT_STOP_AFTER, WHAT_SLOW };

struct row {
  char name[64];
  unsigned long nth; /* 0: every time */
  bool is_from_then_on;
  enum what what;
  int code;
  unsigned long seen;
};

#define FAKE(symbol, name, since, per_thread) #symbol,
static const char *const NAMES[] = {
#include "../../fake/exports.def"
};
#undef FAKE
#define COUNT (sizeof(NAMES) / sizeof(NAMES[0]))

#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"
#define FAKE(symbol, name, since, per_thread) extern void own_##symbol(void) __asm__(#symbol) __attribute__((weak));
#include "../../fake/exports.def"
#undef FAKE
#define FAKE(symbol, name, since, per_thread) own_##symbol,
__attribute__((unused)) static void (*const OWN[])(void) = {
#include "../../fake/exports.def"
};
#undef FAKE

void *failing_reals[COUNT];
static struct row rows[ROWS_MAX];
static unsigned int row_count;

static enum what what_of(const char *text) {
  static const char *const WORDS[] = {"", "kill", "kill-after", "stop", "stop-after", "slow"};
  for (int i = 1; i < 6; i++)
    if (strcmp(text, WORDS[i]) == 0) return (enum what)i;
  return WHAT_CODE;
}

static void read_row(char *text) {
  char *equals = strchr(text, '=');
  if (equals == NULL || row_count == ROWS_MAX) return;
  struct row *row = &rows[row_count++];
  *equals = '\0';
  row->what = what_of(equals + 1);
  row->code = atoi(equals + 1);
  char *at = strchr(text, '@');
  if (at != NULL) {
    *at = '\0';
    row->is_from_then_on = strchr(at + 1, '+') != NULL;
    row->nth = strtoul(at + 1, NULL, 10);
  }
  snprintf(row->name, sizeof(row->name), "%s", text);
}

static void read_plan(void) {
  static char plan[2048];
  char *rest = NULL;
  const char *asked = getenv("KERF_FAILURES");
  snprintf(plan, sizeof(plan), "%s", asked != NULL ? asked : "");
  for (char *word = strtok_r(plan, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) read_row(word);
}

/* The fake lies beside us under a name that no interposer takes for a driver's. */
__attribute__((constructor)) static void open_fake(void) {
  Dl_info own;
  char path[4096];
  void *(*open_library)(const char *, int);
  void *address = dlsym(RTLD_NEXT, "dlopen");
  memcpy(&open_library, &address, sizeof(address));
  dladdr((const void *)rows, &own);
  snprintf(path, sizeof(path), "%.*s/behind.so", (int)(strrchr(own.dli_fname, '/') - own.dli_fname), own.dli_fname);
  void *fake = open_library(path, RTLD_NOW | RTLD_LOCAL);
  for (size_t i = 0; i < COUNT; i++) failing_reals[i] = fake != NULL ? dlsym(fake, NAMES[i]) : NULL;
  if (fake == NULL) fprintf(stderr, "failing driver: %s\n", dlerror());
  read_plan();
}

static bool is_due(struct row *row, const char *name) {
  if (strcmp(row->name, "*") != 0 && strcmp(row->name, name) != 0) return false;
  unsigned long seen = __atomic_add_fetch(&row->seen, 1, __ATOMIC_SEQ_CST);
  return row->nth == 0 || seen == row->nth || (row->is_from_then_on && seen > row->nth);
}

static long long act_before(const struct row *row) {
  struct timespec half = {0, 500000000};
  switch (row->what) {
    case WHAT_CODE: return ANSWER | (unsigned int)row->code;
    case WHAT_KILL: kill(getpid(), SIGKILL); break;
    case WHAT_STOP: kill(getpid(), SIGSTOP); break;
    case WHAT_SLOW: nanosleep(&half, NULL); break;
    case WHAT_KILL_AFTER: return ASK_AND_RETURN | SIGKILL;
    case WHAT_STOP_AFTER: return ASK_AND_RETURN | SIGSTOP;
  }
  return GO_ON;
}

/* What to do with this call: see the codes above. Called by the entries, which keep the caller's arguments. */
long long failing_before(unsigned int index);
long long failing_before(unsigned int index) {
  if (failing_reals[index] == NULL) return ANSWER | CUDA_ERROR_NO_DEVICE;
  for (unsigned int i = 0; i < row_count; i++)
    if (is_due(&rows[i], NAMES[index])) return act_before(&rows[i]);
  return GO_ON;
}

int failing_after(int signal_number, int result);
int failing_after(int signal_number, int result) {
  kill(getpid(), signal_number);
  return result;
}

/* ---- what a runtime asks for: our own functions for the fake's ---- */

#if !defined(KERF_NEWEST) || KERF_NEWEST >= 11030
/* A function younger than every list of the interposer's. */
#define FUTURE_SINCE 14000
EXPORT CUresult cuFutureThing(int *out);
EXPORT CUresult cuFutureThing(int *out) {
  *out = FUTURE_SINCE;
  return CUDA_SUCCESS;
}

static void exchange(void **out) {
  for (size_t i = 0; out != NULL && i < COUNT; i++) {
    if (*out == NULL || *out != failing_reals[i]) continue;
    memcpy(out, &OWN[i], sizeof(*out));
    return;
  }
}

static bool is_future(const char *symbol, void **out, int version) {
  CUresult (*const future)(int *) = cuFutureThing;
  if (symbol == NULL || out == NULL || version < FUTURE_SINCE || strcmp(symbol, "cuFutureThing") != 0) return false;
  memcpy(out, &future, sizeof(*out));
  return true;
}

extern CUresult entry_cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags);
extern CUresult entry_cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *status);

EXPORT CUresult cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags);
EXPORT CUresult cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags) {
  if (is_future(symbol, out, version)) return CUDA_SUCCESS;
  CUresult result = entry_cuGetProcAddress(symbol, out, version, flags);
  if (result == CUDA_SUCCESS) exchange(out);
  return result;
}

EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *status);
EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *status) {
  if (is_future(symbol, out, version)) {
    if (status != NULL) *status = CU_PROC_FOUND;
    return CUDA_SUCCESS;
  }
  CUresult result = entry_cuGetProcAddress_v2(symbol, out, version, flags, status);
  if (result == CUDA_SUCCESS) exchange(out);
  return result;
}
#endif
