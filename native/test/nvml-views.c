// SPDX-License-Identifier: Apache-2.0
// nvml-views MIB [DEVICE]: takes memory, then prints as one line of JSON everything NVML and CUDA say of memory and
// processes on the device, once without context or memory where MIB is 0.
#include <string.h>
#include <unistd.h>

#include "cuda-abi.h"
#include "nvml-abi.h"
#include "test.h"

#define MIB (1ull << 20)
#define ROOM 64u

CUresult cuInit(unsigned int);
CUresult cuDevicePrimaryCtxRetain(CUcontext *, CUdevice);
CUresult cuCtxSetCurrent(CUcontext);
CUresult cuDeviceTotalMem_v2(size_t *, CUdevice);
CUresult cuMemGetInfo_v2(size_t *, size_t *);
CUresult cuMemAlloc_v2(CUdeviceptr *, size_t);

nvmlReturn_t nvmlInit_v2(void);
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int, nvmlDevice_t *);
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t, struct nvml_memory *);
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t, struct nvml_memory_v2 *);
nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t, struct nvml_bar1 *);
nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t, struct nvml_details *);
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t, struct nvml_sample *, unsigned int *, unsigned long long);
nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t, struct nvml_uses *);
nvmlReturn_t nvmlDeviceGetAccountingPids(nvmlDevice_t, unsigned int *, unsigned int *);
nvmlReturn_t nvmlDeviceGetAccountingStats(nvmlDevice_t, unsigned int, struct nvml_stats *);

#define LISTS(X)                                                         \
  X("compute_v1", nvmlDeviceGetComputeRunningProcesses, 16)              \
  X("compute_v2", nvmlDeviceGetComputeRunningProcesses_v2, 24)           \
  X("compute_v3", nvmlDeviceGetComputeRunningProcesses_v3, 24)           \
  X("graphics_v1", nvmlDeviceGetGraphicsRunningProcesses, 16)            \
  X("graphics_v2", nvmlDeviceGetGraphicsRunningProcesses_v2, 24)         \
  X("graphics_v3", nvmlDeviceGetGraphicsRunningProcesses_v3, 24)         \
  X("mps_v1", nvmlDeviceGetMPSComputeRunningProcesses, 16)               \
  X("mps_v2", nvmlDeviceGetMPSComputeRunningProcesses_v2, 24)            \
  X("mps_v3", nvmlDeviceGetMPSComputeRunningProcesses_v3, 24)

#define DECLARE(name, symbol, bytes) nvmlReturn_t symbol(nvmlDevice_t, unsigned int *, void *);
LISTS(DECLARE)

typedef nvmlReturn_t (*list_fn)(nvmlDevice_t, unsigned int *, void *);

struct list {
  const char *name;
  list_fn ask;
  size_t row_bytes;
};

#define ROW(name, symbol, bytes) {name, symbol, bytes},
static const struct list ALL[] = {LISTS(ROW)};

static nvmlDevice_t device;

/* As programs do: the number first, then the rows; and once with too little room. */
static void print_list(const struct list *list) {
  unsigned char rows[ROOM * 24];
  unsigned int count = 0;
  CLAIM(list->ask(device, NULL, rows) == NVML_ERROR_INVALID_ARGUMENT);
  nvmlReturn_t first = list->ask(device, &count, NULL);
  unsigned int needed = count;
  printf(",\"%s\":{\"code\":%d,\"count\":%u,\"rows\":[", list->name, first, count);
  if (count > 1) {
    memset(rows, 0xa5, sizeof(rows));
    count = needed - 1;
    CLAIM(list->ask(device, &count, rows) == NVML_ERROR_INSUFFICIENT_SIZE && count == needed);
    CLAIM(rows[(needed - 1) * list->row_bytes] == 0xa5);
  }
  count = ROOM;
  nvmlReturn_t second = list->ask(device, &count, rows);
  CLAIM(first == NVML_SUCCESS || first == NVML_ERROR_INSUFFICIENT_SIZE ? second == NVML_SUCCESS : second == first);
  for (unsigned int i = 0; second == NVML_SUCCESS && i < count; i++) {
    struct nvml_process row = {0};
    memcpy(&row, rows + i * list->row_bytes, list->row_bytes);
    printf("%s[%u,%llu]", i > 0 ? "," : "", row.pid, row.used_bytes);
  }
  printf("]}");
}

static void print_details(void) {
  struct nvml_detail rows[ROOM];
  struct nvml_details list = {.version = NVML_DETAILS_V1, .mode = NVML_PROCESSES_COMPUTE};
  nvmlReturn_t code = nvmlDeviceGetRunningProcessDetailList(device, &list);
  printf(",\"details\":{\"code\":%d,\"count\":%u,\"rows\":[", code, list.count);
  list.count = ROOM;
  list.rows = rows;
  code = nvmlDeviceGetRunningProcessDetailList(device, &list);
  for (unsigned int i = 0; code == NVML_SUCCESS && i < list.count; i++)
    printf("%s[%u,%llu]", i > 0 ? "," : "", rows[i].pid, rows[i].used_bytes);
  printf("]}");
}

static void print_samples(void) {
  struct nvml_sample samples[ROOM];
  struct nvml_use rows[ROOM];
  struct nvml_uses uses = {.version = NVML_USES_V1, .count = ROOM, .rows = rows};
  unsigned int count = ROOM;
  nvmlReturn_t code = nvmlDeviceGetProcessUtilization(device, samples, &count, 0);
  printf(",\"utilization\":{\"code\":%d,\"pids\":[", code);
  for (unsigned int i = 0; code == NVML_SUCCESS && i < count; i++) printf("%s%u", i > 0 ? "," : "", samples[i].pid);
  code = nvmlDeviceGetProcessesUtilizationInfo(device, &uses);
  printf("]},\"uses\":{\"code\":%d,\"pids\":[", code);
  for (unsigned int i = 0; code == NVML_SUCCESS && i < uses.count; i++) printf("%s%u", i > 0 ? "," : "", rows[i].pid);
  printf("]}");
}

static void print_accounting(unsigned int stranger) {
  unsigned int pids[ROOM], count = ROOM;
  struct nvml_stats stats;
  nvmlReturn_t code = nvmlDeviceGetAccountingPids(device, &count, pids);
  printf(",\"accounting\":{\"code\":%d,\"pids\":[", code);
  for (unsigned int i = 0; code == NVML_SUCCESS && i < count; i++) printf("%s%u", i > 0 ? "," : "", pids[i]);
  printf("],\"stranger\":%d}", nvmlDeviceGetAccountingStats(device, stranger, &stats));
}

int main(int argc, char **argv) {
  CUcontext context;
  CUdeviceptr pointer;
  size_t total = 0, info_total = 0, info_free = 0;
  struct nvml_memory memory;
  struct nvml_memory_v2 memory_v2 = {.version = NVML_MEMORY_V2};
  struct nvml_bar1 bar1;
  CLAIM(argc > 1);
  unsigned long long mib = strtoull(argv[1], NULL, 0);
  int ordinal = argc > 2 ? atoi(argv[2]) : 0;
  unsigned int stranger = argc > 3 ? (unsigned int)atoi(argv[3]) : 1;
  CLAIM(cuInit(0) == CUDA_SUCCESS && nvmlInit_v2() == NVML_SUCCESS);
  CLAIM(nvmlDeviceGetHandleByIndex_v2((unsigned int)ordinal, &device) == NVML_SUCCESS);
  if (mib > 0) {
    CLAIM(cuDevicePrimaryCtxRetain(&context, ordinal) == CUDA_SUCCESS && cuCtxSetCurrent(context) == CUDA_SUCCESS);
    CLAIM(cuMemAlloc_v2(&pointer, mib * MIB) == CUDA_SUCCESS);
    CLAIM(cuMemGetInfo_v2(&info_free, &info_total) == CUDA_SUCCESS);
  }
  cuDeviceTotalMem_v2(&total, ordinal);
  nvmlReturn_t v1 = nvmlDeviceGetMemoryInfo(device, &memory), v2 = nvmlDeviceGetMemoryInfo_v2(device, &memory_v2);
  nvmlReturn_t window = nvmlDeviceGetBAR1MemoryInfo(device, &bar1);
  printf("{\"pid\":%d,\"total\":%zu,\"info\":[%zu,%zu]", getpid(), total, info_total, info_free);
  printf(",\"v1\":[%d,%llu,%llu,%llu]", v1, memory.total, memory.used, memory.free);
  printf(",\"v2\":[%d,%llu,%llu,%llu,%llu]", v2, memory_v2.total, memory_v2.used, memory_v2.free, memory_v2.reserved);
  printf(",\"bar1\":[%d,%llu,%llu,%llu]", window, bar1.total, bar1.used, bar1.free);
  for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++) print_list(&ALL[i]);
  print_details();
  print_samples();
  print_accounting(stranger);
  printf("}\n");
  return 0;
}
