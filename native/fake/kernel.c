// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: modules, functions, and how long a kernel runs. It says so itself, in its name or in DIR/kernels:
//
//   busy_200us[_sm250][_jitter30]   200 µs alone on the GPU, on 250 ‰ of its SMs, each run up to 30 % more or less
//   wave_5us                        5 µs for each wave of blocks that the GPU can hold at once
//   DIR/kernels                     "<name> <what it is like>" a line: ncclDevKernel_AllReduce busy_80us
//
// All others take no time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

#define FUNCTION_MAGIC 0x636e7566u
#define NAME_BYTES 128

static const struct {
  const char *unit;
  uint64_t ns;
} UNITS[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};

static uint64_t unit_ns(const char *text, size_t length) {
  for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++)
    if (strlen(UNITS[i].unit) == length && strncmp(UNITS[i].unit, text, length) == 0) return UNITS[i].ns;
  return 0;
}

static void read_part(const char *part, struct kernel *kernel) {
  unsigned int value = 0;
  if (sscanf(part, "_sm%u", &value) == 1 && value > 0 && value <= TIMELINE_ALL_SMS) kernel->sm_permille = value;
  if (sscanf(part, "_jitter%u", &value) == 1 && value < 100) kernel->jitter_percent = value;
}

static void read_likeness(const char *text, struct kernel *kernel) {
  char *unit = NULL;
  *kernel = (struct kernel){.sm_permille = TIMELINE_ALL_SMS};
  if (strncmp(text, "busy_", 5) != 0 && strncmp(text, "wave_", 5) != 0) return;
  kernel->is_per_wave = text[0] == 'w';
  uint64_t count = strtoull(text + 5, &unit, 10);
  kernel->gpu_ns = count * unit_ns(unit, strcspn(unit, "_"));
  for (const char *part = strchr(unit, '_'); part != NULL; part = strchr(part + 1, '_')) read_part(part, kernel);
}

/* The table is read at every look-up of a function: that is rare, and a test may write it late. */
void kernel_of_name(const char *name, struct kernel *kernel) {
  char known[NAME_BYTES] = "", likeness[NAME_BYTES] = "";
  bool is_found = false;
  FILE *table = world_file("kernels");
  while (table != NULL && !is_found && fscanf(table, "%127s %127s", known, likeness) == 2)
    is_found = strcmp(known, name) == 0;
  if (table != NULL) fclose(table);
  read_likeness(is_found ? likeness : name, kernel);
}

static uint64_t count_waves(const struct launch_shape *shape, uint32_t device) {
  const struct fake_gpu *gpu = cuda_gpu(device);
  uint64_t threads = (uint64_t)shape->block[0] * shape->block[1] * shape->block[2];
  uint64_t blocks = (uint64_t)shape->grid[0] * shape->grid[1] * shape->grid[2];
  uint64_t at_once = gpu->sm_count * (gpu->max_threads_per_sm / threads);
  if (at_once == 0) at_once = gpu->sm_count > 0 ? gpu->sm_count : 1;
  return (blocks + at_once - 1) / at_once;
}

/* The same numbers in every process: run by run, not by chance. */
static uint64_t vary(uint64_t ns, uint32_t run, uint32_t percent) {
  uint64_t mixed = (run + 1) * 0x9e3779b97f4a7c15ull;
  mixed = (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9ull;
  int64_t part = (int64_t)((mixed >> 33) % (2 * percent + 1)) - (int64_t)percent;
  return (uint64_t)((int64_t)ns + (int64_t)ns / 100 * part);
}

uint64_t kernel_gpu_ns(struct CUfunc_st *function, const struct launch_shape *shape, uint32_t device) {
  const struct kernel *kernel = &function->kernel;
  if (kernel->gpu_ns == 0) return 0;
  uint64_t ns = kernel->is_per_wave ? kernel->gpu_ns * count_waves(shape, device) : kernel->gpu_ns;
  if (kernel->jitter_percent == 0) return ns;
  return vary(ns, __atomic_fetch_add(&function->runs, 1, __ATOMIC_RELAXED), kernel->jitter_percent);
}

bool kernel_is_function(CUfunction function) { return function != NULL && function->magic == FUNCTION_MAGIC; }

/* Functions live as long as the process: the fake keeps no list of them. */
FAKE_EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  CHECK_READY();
  CHECK_ARGUMENT(function != NULL && module != NULL && name != NULL);
  *function = calloc(1, sizeof(**function));
  if (*function == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  (*function)->magic = FUNCTION_MAGIC;
  snprintf((*function)->name, sizeof((*function)->name), "%s", name);
  kernel_of_name(name, &(*function)->kernel);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuFuncGetName(const char **name, CUfunction function) {
  CHECK_READY();
  CHECK_ARGUMENT(name != NULL);
  if (!kernel_is_function(function)) return CUDA_ERROR_INVALID_HANDLE;
  *name = function->name;
  return CUDA_SUCCESS;
}
