// SPDX-License-Identifier: Apache-2.0
// What strangers write and we read: the region, the limits page, the loader's cache, what a driver answers to
// cuGetProcAddress. The first byte of an input chooses. As libFuzzer wants it; fuzz-main.c drives it without clang.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../interposer/driver.c"
#include "../../interposer/limits.c"
#undef PATH_BYTES
#include "../../interposer/compute-bucket.h"
#include "../../interposer/hooks.h"
#include "ledger.h"

#define MUST(claim)                                                     \
  do {                                                                  \
    if (claim) break;                                                   \
    fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim); \
    abort();                                                            \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const char *const driver_soname = "libcuda.so.1";
const char *const driver_own_path = "/nowhere";
const int driver_absent_code = 100;
const int driver_missing_code = 801;

static void *open_nothing(const char *name, int mode) {
  (void)name, (void)mode;
  return NULL;
}

loader_open_fn loader_open(void) { return open_nothing; }

void *loader_symbol(void *from, const char *name) {
  (void)from, (void)name;
  return NULL;
}

/* ---- a region ---- */

static bool is_dead(void *context, uint32_t index, const struct region_slot *slot) {
  (void)context;
  return ((slot->pid ^ index) & 1) != 0;
}

static bool try_lock(void *context, struct region *of) {
  (void)context, (void)of;
  return true;
}

static void unlock(void *context, struct region *of) { (void)context, (void)of; }

static const struct ledger_liveness BY_CHANCE = {.is_dead = is_dead, .try_lock = try_lock, .unlock = unlock};

static void use_ledger(struct ledger *ledger, uint32_t device, uint64_t bytes) {
  struct ledger_charge charge = {device, (uint32_t)(bytes % REGION_CLASSES), bytes};
  uint64_t limit = bytes | 0xffff;
  uint64_t before = ledger_used(ledger->region, device);
  enum ledger_answer answer = ledger_reserve(ledger, charge, limit);
  MUST(answer != LEDGER_OK || ledger_used(ledger->region, device) <= limit);
  if (answer == LEDGER_OK) ledger_refund(ledger, charge);
  (void)before;
}

static void fuzz_region(const uint8_t *data, size_t size) {
  struct region *region = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct ledger ledger = {.region = region, .liveness = &BY_CHANCE};
  /* A header, then (offset, value) pairs: what lies between is zero, as in a young file. */
  ledger_format(region);
  for (size_t at = 0; at + 12 <= size; at += 12) {
    uint32_t offset;
    memcpy(&offset, data + at, sizeof(offset));
    memcpy((uint8_t *)region + 64 + offset % (REGION_BYTES - 72), data + at + 4, 8);
  }
  MUST(ledger_is_region(region));
  for (uint32_t device = 0; device < 3; device++) ledger_living(region, device, &BY_CHANCE);
  if (ledger_attach(&ledger, (uint32_t)getpid(), 1))
    for (uint32_t device = 0; device < 3; device++) use_ledger(&ledger, device, size * 4096);
  struct region_device *device = &region->devices[0];
  bucket_refill(device, 300, size, size * 1000000);
  MUST(bucket_wait(device, bucket_ask(device, size), 300) <= 3600000000000ull);
  bucket_count_once(device, size, size * 2);
  munmap(region, REGION_BYTES);
}

/* ---- a limits page ---- */

static void fuzz_limits(const uint8_t *data, size_t size) {
  static struct limits_page page;
  memset(&page, 0, sizeof(page));
  memcpy(&page, data, size < sizeof(page) ? size : sizeof(page));
  mapped = &page;
  const struct limits_page *read = limits_read();
  if (read == NULL) return;
  MUST(read->device_count <= KERF_DEVICES_MAX);
  int found = limits_find(read, "3f7a8bcd-0000-0000-0000-000000000000");
  MUST(found >= -1 && found < (int)KERF_DEVICES_MAX);
  for (uint32_t i = 0; i < read->device_count; i++) {
    limits_memory(read, i);
    MUST(bucket_rate(read, i, size) <= 1000);
  }
}

/* ---- the loader's cache ---- */

static const struct wanted WANTED = {.soname = "libcuda.so.1"};

static void fuzz_cache(const uint8_t *data, size_t size) {
  char *copy = malloc(size > 0 ? size : 1);
  memcpy(copy, data, size);
  MUST(search_cache(&WANTED, copy, size) == NULL);
  free(copy);
}

/* ---- cuGetProcAddress ---- */

void *hook_reals[HOOK_COUNT];
static char own_places[HOOK_COUNT];
static char real_places[256];
static const uint8_t *answers;
static size_t answer_count;

static void *answer(size_t at) {
  uint8_t value = answer_count > 0 ? answers[at % answer_count] : 0;
  return value == 0 ? NULL : &real_places[value];
}

static CUresult ask_v2(const char *symbol, void **out, int version, uint64_t flags, int *status) {
  (void)flags, (void)status;
  *out = answer((size_t)symbol[strlen(symbol) / 2] * 31 + (size_t)version);
  return *out != NULL ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

static CUresult ask(const char *symbol, void **out, int version, uint64_t flags) {
  return ask_v2(symbol, out, version, flags, NULL);
}

void *hook_find_real(enum hook_number number) {
  CUresult (*const v1)(const char *, void **, int, uint64_t) = ask;
  CUresult (*const v2)(const char *, void **, int, uint64_t, int *) = ask_v2;
  if (number == HOOK_cuGetProcAddress) return *(void *const *)&v1;
  if (number == HOOK_cuGetProcAddress_v2) return *(void *const *)&v2;
  void *real = answer((size_t)number);
  return real != NULL ? real : driver_function("none");
}

void *hook_address(enum hook_number number) { return &own_places[number]; }

CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *status);
void proc_forget(void);

static void fuzz_proc(const uint8_t *data, size_t size) {
  static const char *const ASKED[] = {"cuMemAlloc", "cuMemFree", "cuInit", "cuNoSuchThing", "cuLaunchKernel"};
  answers = data;
  answer_count = size;
  proc_forget();
  for (size_t i = 0; i < 5; i++)
    for (int version = 2000; version < 14000; version += 3000) {
      void *got = NULL, *real = NULL;
      CUresult code = cuGetProcAddress_v2(ASKED[i], &got, version, 0, NULL);
      MUST(code == ask_v2(ASKED[i], &real, version, 0, NULL));
      bool is_hook = (char *)got >= own_places && (char *)got < own_places + HOOK_COUNT;
      MUST(got == real || (is_hook && real != NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static void (*const TARGETS[])(const uint8_t *, size_t) = {fuzz_region, fuzz_limits, fuzz_cache, fuzz_proc};
  if (size > 0) TARGETS[data[0] % 4](data + 1, size - 1);
  return 0;
}
