// SPDX-License-Identifier: Apache-2.0
// ask-proc DRIVER: for every line "version flags name" of stdin (runtimes ask for the empty name too) asks cuGetProcAddress and its _v2 as a program would, and
// the driver itself; says where code, status or variant differ, and in the end how many were asked and hooked.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cuda-abi.h"

typedef CUresult (*proc_fn)(const char *, void **, int, uint64_t);
typedef CUresult (*proc_v2_fn)(const char *, void **, int, uint64_t, int *);

struct side {
  proc_fn ask;
  proc_v2_fn ask_v2;
};

struct answer {
  CUresult code;
  int status;
  void *address;
};

struct request {
  char name[96];
  int version;
  unsigned long long flags;
};

static struct side through, direct;
static unsigned asked, found, hooked, wrong;

/* Both ways, so that a differing one is seen; -7 is what nobody wrote. */
static struct answer ask(const struct side *side, const struct request *request, bool is_v2) {
  struct answer answer = {.status = -7, .address = (void *)-7};
  if (is_v2)
    answer.code = side->ask_v2(request->name, &answer.address, request->version, request->flags, &answer.status);
  else
    answer.code = side->ask(request->name, &answer.address, request->version, request->flags);
  return answer;
}

static const char *symbol_at(void *address, const char **file) {
  Dl_info told = {0};
  if (address == NULL || address == (void *)-7 || dladdr(address, &told) == 0 || told.dli_saddr != address) return NULL;
  *file = told.dli_fname;
  return told.dli_sname;
}

/* The driver's own function, or ours of the very same symbol. */
static bool is_same_variant(void *ours, void *theirs) {
  const char *our_file = "", *their_file = "";
  if (ours == theirs) return true;
  const char *our_symbol = symbol_at(ours, &our_file), *their_symbol = symbol_at(theirs, &their_file);
  hooked++;
  return our_symbol != NULL && their_symbol != NULL && strcmp(our_symbol, their_symbol) == 0 &&
         strstr(our_file, "libkerf.so") != NULL;
}

static void compare(const struct request *request, bool is_v2) {
  struct answer ours = ask(&through, request, is_v2), theirs = ask(&direct, request, is_v2);
  const char *file = "";
  asked++;
  found += theirs.code == CUDA_SUCCESS;
  if (ours.code == theirs.code && ours.status == theirs.status && is_same_variant(ours.address, theirs.address)) return;
  const char *our_symbol = symbol_at(ours.address, &file), *their_symbol = symbol_at(theirs.address, &file);
  wrong++;
  printf("{\"name\":\"%s\",\"version\":%d,\"flags\":%llu,\"v2\":%d,\"code\":%d,\"driver_code\":%d,\"status\":%d,"
         "\"driver_status\":%d,\"symbol\":\"%s\",\"driver_symbol\":\"%s\"}\n",
         request->name, request->version, request->flags, is_v2, ours.code, theirs.code, ours.status, theirs.status,
         our_symbol != NULL ? our_symbol : "", their_symbol != NULL ? their_symbol : "");
}

static bool find_side(struct side *side, void *library) {
  void *ask = library != NULL ? dlsym(library, "cuGetProcAddress") : NULL;
  void *ask_v2 = library != NULL ? dlsym(library, "cuGetProcAddress_v2") : NULL;
  memcpy(&side->ask, &ask, sizeof(ask));
  memcpy(&side->ask_v2, &ask_v2, sizeof(ask_v2));
  return ask != NULL && ask_v2 != NULL;
}

static bool read_request(struct request *request) {
  char line[256];
  int at = 0;
  if (fgets(line, sizeof(line), stdin) == NULL) return false;
  if (sscanf(line, "%d %llu%n", &request->version, &request->flags, &at) != 2) return false;
  snprintf(request->name, sizeof(request->name), "%.*s", (int)strcspn(line + at + 1, "\n"), line + at + 1);
  return true;
}

int main(int argc, char **argv) {
  struct request request;
  /* dlmopen into our own namespace is a dlopen that nobody reroutes. */
  if (argc != 2 || !find_side(&through, dlopen("libcuda.so.1", RTLD_NOW))) return 2;
  if (!find_side(&direct, dlmopen(LM_ID_BASE, argv[1], RTLD_NOW))) return 3;
  while (read_request(&request))
    for (int is_v2 = 0; is_v2 < 2; is_v2++) compare(&request, is_v2 == 1);
  printf("{\"asked\":%u,\"found\":%u,\"hooked\":%u,\"wrong\":%u}\n", asked, found, hooked, wrong);
  return wrong != 0;
}
