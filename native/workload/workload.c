// SPDX-License-Identifier: Apache-2.0
// A program that uses a GPU as programs do, and says in JSON lines what it got.
//
//   kerf-workload info
//   kerf-workload alloc MIB [--api API] [--device N] [--hold SECONDS]
//   kerf-workload fill [--step MIB] [--api …] [--device N]      to the limit, then shows that life goes on
//   kerf-workload hammer [--procs 4] [--seconds 3] [--most MIB] [--api …]
//   kerf-workload loop [--most MIB] [--seconds 0 (for ever)]
//   kerf-workload ask [--api …] [--device N]                    obeys lines on its input, see ask.c
//   kerf-workload launch [--pattern async|sync|graph] [--kernel-us 200] [--seconds 3] [--procs 1] [--gap-us 0] [--after-ms 0]
//
// API is a row of apis.c; hammer also takes `all`: each at random.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "cuda.h"
#include "launch.h"

struct options {
  const char *verb;
  const struct memory_api *api;
  uint64_t mib;
  uint64_t step_mib;
  uint64_t most_mib;
  int device;
  int procs;
  double seconds;
  double hold_seconds;
  struct launch_options launch;
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* As pid 1 of a container nothing ends us unless we say so. */
static void end_quietly(int signal) {
  (void)signal;
  _exit(0);
}

static int say_start_failed(const char *verb, CUresult code) {
  printf("{\"verb\":\"%s\",\"code\":%d,\"name\":\"%s\",\"devices\":[]}\n", verb, code, cuda_error(code));
  return 1;
}

/* ---- info ---- */

static void print_device(int ordinal, bool has_nvml) {
  CUdevice device;
  char uuid[48] = "", name[96] = "";
  size_t total = 0, free_bytes = 0, info_total = 0;
  struct nvml_memory memory = {0};
  nvmlDevice_t handle;
  CUresult code = cuda_start(ordinal);
  if (cuda.device_get(&device, ordinal) != CUDA_SUCCESS) return;
  cuda_uuid_text(device, uuid);
  cuda.device_name(name, sizeof(name), device);
  cuda.device_total(&total, device);
  if (code == CUDA_SUCCESS) cuda.memory_info(&free_bytes, &info_total);
  nvmlReturn_t nvml_code = has_nvml ? nvml.by_uuid(uuid, &handle) : NVML_ERROR_LIBRARY_NOT_FOUND;
  if (nvml_code == NVML_SUCCESS) nvml_code = nvml.memory(handle, &memory);
  printf("{\"uuid\":\"%s\",\"name\":\"%s\",\"code\":%d,\"cuda_total_bytes\":%zu,\"cuda_info_total_bytes\":%zu,"
         "\"cuda_free_bytes\":%zu,\"nvml_code\":%d,\"nvml_total_bytes\":%llu,\"nvml_used_bytes\":%llu,"
         "\"nvml_free_bytes\":%llu}",
         uuid, name, code, total, info_total, free_bytes, nvml_code, memory.total, memory.used, memory.free);
}

static int run_info(const struct options *options) {
  int count = 0;
  CUresult code = cuda.init(0);
  if (code != CUDA_SUCCESS) return say_start_failed(options->verb, code);
  bool has_nvml = nvml_load() && nvml.init() == NVML_SUCCESS;
  cuda.device_count(&count);
  printf("{\"verb\":\"info\",\"code\":0,\"devices\":[");
  for (int i = 0; i < count; i++) {
    if (i > 0) printf(",");
    print_device(i, has_nvml);
  }
  printf("]}\n");
  return 0;
}

/* ---- alloc ---- */

static void hold(double seconds) {
  double end = now() + seconds;
  for (double left = seconds; left > 0; left = end - now()) usleep(left > 0.1 ? 100000 : (useconds_t)(left * 1e6));
}

static int run_alloc(const struct options *options) {
  uint64_t key;
  CUresult code = cuda_start(options->device);
  if (code != CUDA_SUCCESS) return say_start_failed(options->verb, code);
  code = options->api->take(&key, options->mib * MIB);
  printf("{\"verb\":\"alloc\",\"api\":\"%s\",\"mib\":%llu,\"code\":%d,\"name\":\"%s\",\"pid\":%d}\n",
         options->api->name, (unsigned long long)options->mib, code, cuda_error(code), getpid());
  fflush(stdout);
  hold(options->hold_seconds);
  if (code != CUDA_SUCCESS) return 1;
  return options->api->give(key) == CUDA_SUCCESS ? 0 : 1;
}

/* ---- fill ---- */

static bool goes_on(const struct options *options, uint64_t *keys, uint64_t count) {
  uint64_t key;
  uint64_t step = options->step_mib * MIB;
  if (count == 0 || options->api->give(keys[count - 1]) != CUDA_SUCCESS) return false;
  if (options->api->take(&key, step) != CUDA_SUCCESS) return false;
  keys[count - 1] = key;
  bool is_full_again = options->api->take(&key, step) == CUDA_ERROR_OUT_OF_MEMORY;
  for (uint64_t i = 0; i < count; i++)
    if (options->api->give(keys[i]) != CUDA_SUCCESS) return false;
  if (options->api->take(&key, count * step) != CUDA_SUCCESS) return false;
  return is_full_again && options->api->give(key) == CUDA_SUCCESS;
}

static int run_fill(const struct options *options) {
  size_t total = 0, free_bytes = 0;
  CUresult code = cuda_start(options->device);
  if (code != CUDA_SUCCESS) return say_start_failed(options->verb, code);
  cuda.memory_info(&free_bytes, &total);
  uint64_t room = total / (options->step_mib * MIB) + 2;
  uint64_t *keys = calloc(room, sizeof(*keys));
  uint64_t count = 0;
  while (count < room && (code = options->api->take(&keys[count], options->step_mib * MIB)) == CUDA_SUCCESS) count++;
  cuda.memory_info(&free_bytes, &total);
  bool is_alive = goes_on(options, keys, count);
  printf("{\"verb\":\"fill\",\"api\":\"%s\",\"allocated_mib\":%llu,\"refused_code\":%d,\"refused_name\":\"%s\","
         "\"free_bytes_when_full\":%zu,\"total_bytes\":%zu,\"goes_on\":%s}\n",
         options->api->name, (unsigned long long)(count * options->step_mib), code, cuda_error(code), free_bytes, total,
         is_alive ? "true" : "false");
  free(keys);
  return is_alive ? 0 : 1;
}

/* ---- hammer ---- */

#define LIVE_MOST 24

/* Shared by the processes: what all of them hold, counted after each allocation and before each release, so it
 * never tells more than is really held. */
struct tally {
  uint64_t used_bytes;
  uint64_t most_bytes;
  uint64_t operations;
  uint64_t refusals;
  uint64_t wrong_codes;
  uint64_t limit_bytes;
};

static void tally_add(struct tally *tally, uint64_t bytes) {
  uint64_t used = __atomic_add_fetch(&tally->used_bytes, bytes, __ATOMIC_SEQ_CST);
  uint64_t most = __atomic_load_n(&tally->most_bytes, __ATOMIC_SEQ_CST);
  while (used > most && !__atomic_compare_exchange_n(&tally->most_bytes, &most, used, false, __ATOMIC_SEQ_CST,
                                                     __ATOMIC_SEQ_CST)) {
  }
}

struct holding {
  uint64_t key;
  uint64_t bytes;
  const struct memory_api *api;
};

static void take_one(const struct options *options, struct tally *tally, struct holding *holding, uint64_t most_mib) {
  const struct memory_api *api = options->api != NULL ? options->api : memory_api_at((size_t)rand());
  uint64_t bytes = (1 + (uint64_t)rand() % most_mib) * MIB;
  bytes = (bytes + api->grain_bytes - 1) / api->grain_bytes * api->grain_bytes;
  CUresult code = api->take(&holding->key, bytes);
  if (code == CUDA_SUCCESS) {
    holding->api = api;
    holding->bytes = bytes;
    tally_add(tally, bytes);
  } else {
    __atomic_add_fetch(code == CUDA_ERROR_OUT_OF_MEMORY ? &tally->refusals : &tally->wrong_codes, 1, __ATOMIC_SEQ_CST);
  }
}

static void give_one(struct tally *tally, struct holding *holding) {
  __atomic_sub_fetch(&tally->used_bytes, holding->bytes, __ATOMIC_SEQ_CST);
  if (holding->api->give(holding->key) != CUDA_SUCCESS) __atomic_add_fetch(&tally->wrong_codes, 1, __ATOMIC_SEQ_CST);
  holding->bytes = 0;
}

static int hammer(const struct options *options, struct tally *tally, int seed) {
  struct holding live[LIVE_MOST] = {{0, 0, NULL}};
  size_t total = 0, free_bytes = 0;
  srand((unsigned int)seed * 7919u + 1u);
  if (cuda_start(options->device) != CUDA_SUCCESS || cuda.memory_info(&free_bytes, &total) != CUDA_SUCCESS) return 1;
  tally->limit_bytes = total;
  uint64_t most_mib = options->most_mib > 0 ? options->most_mib : total / MIB / (uint64_t)options->procs / 4 + 1;
  for (double end = now() + options->seconds; now() < end;) {
    struct holding *holding = &live[rand() % LIVE_MOST];
    if (holding->bytes == 0) take_one(options, tally, holding, most_mib);
    else give_one(tally, holding);
    __atomic_add_fetch(&tally->operations, 1, __ATOMIC_RELAXED);
  }
  for (int i = 0; i < LIVE_MOST; i++)
    if (live[i].bytes > 0) give_one(tally, &live[i]);
  /* What our pools keep is the container's again before we end. */
  return cuda.synchronize();
}

/* The driver cannot be used after a fork, so children start it themselves and the parent never does. */
static int run_hammer(const struct options *options) {
  memory_share_mailbox();
  struct tally *tally = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int failed = 0;
  fflush(stdout);
  for (int i = 0; i < options->procs; i++)
    if (fork() == 0) _exit(hammer(options, tally, i));
  for (int i = 0; i < options->procs; i++) {
    int status = 0;
    wait(&status);
    failed += status != 0;
  }
  printf("{\"verb\":\"hammer\",\"api\":\"%s\",\"procs\":%d,\"failed_procs\":%d,\"operations\":%llu,\"refusals\":%llu,"
         "\"wrong_codes\":%llu,\"max_used_bytes\":%llu,\"limit_bytes\":%llu}\n",
         options->api != NULL ? options->api->name : "all", options->procs, failed, (unsigned long long)tally->operations,
         (unsigned long long)tally->refusals, (unsigned long long)tally->wrong_codes,
         (unsigned long long)tally->most_bytes, (unsigned long long)tally->limit_bytes);
  return failed == 0 && tally->most_bytes <= tally->limit_bytes ? 0 : 1;
}

/* ---- loop ---- */

static int run_loop(const struct options *options) {
  CUresult code = cuda_start(options->device);
  if (code != CUDA_SUCCESS) return say_start_failed(options->verb, code);
  uint64_t operations = 0, refusals = 0;
  double start = now(), said = start;
  while (options->seconds <= 0 || now() - start < options->seconds) {
    uint64_t key;
    uint64_t most_mib = options->most_mib > 0 ? options->most_mib : 64;
    code = options->api->take(&key, (1 + operations % most_mib) * MIB);
    if (code == CUDA_SUCCESS) options->api->give(key);
    else refusals++;
    operations++;
    usleep(10000);
    if (now() - said < 1) continue;
    said = now();
    printf("{\"verb\":\"loop\",\"operations\":%llu,\"refusals\":%llu}\n", (unsigned long long)operations,
           (unsigned long long)refusals);
    fflush(stdout);
  }
  return 0;
}

static int run_ask(const struct options *options) { return ask_run(options->api, options->device); }

/* ---- launch ---- */

static int run_launch(const struct options *options) {
  struct launch_options launch = options->launch;
  launch.device = options->device;
  launch.procs = options->procs;
  launch.for_ns = (uint64_t)(options->seconds * 1e9);
  return launch_run(&launch);
}

static int run_calibrate(const struct options *options) { return launch_calibrate(options->device); }

/* ---- command line ---- */

struct verb {
  const char *name;
  int (*run)(const struct options *options);
};

static const struct verb VERBS[] = {
    {"info", run_info}, {"alloc", run_alloc}, {"fill", run_fill}, {"hammer", run_hammer}, {"loop", run_loop},
    {"ask", run_ask}, {"launch", run_launch}, {"calibrate", run_calibrate},
};

static int fail(const char *what, const char *value) {
  fprintf(stderr, "kerf-workload: %s '%s'; verbs are info, alloc MIB, fill, hammer, loop, ask, launch, calibrate\n", what, value);
  return 2;
}

static bool read_launch_option(struct launch_options *launch, const char *name, const char *value) {
  if (strcmp(name, "--pattern") == 0) return launch_pattern(value, &launch->pattern);
  if (strcmp(name, "--kernel-us") == 0) launch->kernel_ns = (uint64_t)(atof(value) * 1e3);
  else if (strcmp(name, "--ns-per-iteration") == 0) launch->ns_per_iteration = atof(value);
  else if (strcmp(name, "--gap-us") == 0) launch->gap_ns = (uint64_t)(atof(value) * 1e3);
  else if (strcmp(name, "--after-ms") == 0) launch->after_ns = (uint64_t)(atof(value) * 1e6);
  else return false;
  return true;
}

static bool read_option(struct options *options, const char *name, const char *value) {
  if (strcmp(name, "--api") == 0) {
    options->api = memory_api(value);
    return options->api != NULL || (strcmp(value, "all") == 0 && strcmp(options->verb, "hammer") == 0);
  }
  if (strcmp(name, "--device") == 0) options->device = atoi(value);
  else if (strcmp(name, "--step") == 0) options->step_mib = strtoull(value, NULL, 10);
  else if (strcmp(name, "--most") == 0) options->most_mib = strtoull(value, NULL, 10);
  else if (strcmp(name, "--procs") == 0) options->procs = atoi(value);
  else if (strcmp(name, "--seconds") == 0) options->seconds = atof(value);
  else if (strcmp(name, "--hold") == 0) options->hold_seconds = atof(value);
  else return read_launch_option(&options->launch, name, value);
  return true;
}

int main(int argc, char **argv) {
  struct options options = {.verb = argc > 1 ? argv[1] : "", .api = memory_api("malloc"), .step_mib = 1, .procs = 4, .seconds = 3,
                            .launch = {.kernel_ns = 200000}};
  if (strcmp(options.verb, "launch") == 0) options.procs = 1;
  if (strcmp(options.verb, "loop") == 0) options.seconds = 0;
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0) continue;
    if (argv[i][0] != '-') options.mib = strtoull(argv[i], NULL, 10);
    else if (i + 1 >= argc || !read_option(&options, argv[i], argv[i + 1])) return fail("bad option", argv[i]);
    else i++;
  }
  if (options.step_mib == 0 || options.procs < 1) return fail("bad number in", "--step or --procs");
  signal(SIGTERM, end_quietly);
  if (!cuda_load()) return say_start_failed(options.verb, CUDA_ERROR_NO_DEVICE);
  for (size_t i = 0; i < sizeof(VERBS) / sizeof(VERBS[0]); i++)
    if (strcmp(VERBS[i].name, options.verb) == 0) return VERBS[i].run(&options);
  return fail("unknown verb", options.verb);
}
