// SPDX-License-Identifier: Apache-2.0
// Fake libnvidia-ml: the machine of world.c seen through NVML. A device handle points into the list of visible
// GPUs. Real NVML can block for ever; so does this one while DIR/hang exists.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "nvml.h"
#include "timeline.h"

#define XID_FALLEN_OFF_BUS 79u

struct nvmlDevice_st {
  struct fake_gpu gpu;
};

static struct fake_world world;
static struct nvmlDevice_st devices[FAKE_GPUS_MAX]; /* GPUs, then MIG instances */
static uint32_t count_gpus, count_all;
static uint32_t users; /* nvmlInit calls without nvmlShutdown */
static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;

static void hang_while_told(void) {
  while (world_hangs()) usleep(20000);
}

static bool is_device(nvmlDevice_t device) {
  return device >= devices && device < devices + count_all;
}

bool nvml_is_lost(const struct fake_gpu *gpu) {
  const struct fake_gpu *whole = gpu->parent < 0 ? gpu : &world.all[gpu->parent];
  return world_fault(whole) == XID_FALLEN_OFF_BUS || !world_has_node(gpu);
}

nvmlDevice_t nvml_at(uint32_t index) { return index < count_gpus ? &devices[index] : NULL; }
nvmlDevice_t nvml_instance(const struct fake_gpu *gpu, uint32_t number) {
  for (uint32_t i = count_gpus; i < count_all; i++)
    if (devices[i].gpu.parent == (int32_t)gpu->index && number-- == 0) return &devices[i];
  return NULL;
}

int nvml_index(nvmlDevice_t device) { return is_device(device) ? (int)(device - devices) : -1; }

#define CHECK_INIT()                                                                 \
  do {                                                                               \
    hang_while_told();                                                               \
    if (__atomic_load_n(&users, __ATOMIC_ACQUIRE) == 0) return NVML_ERROR_UNINITIALIZED; \
  } while (0)
#define CHECK_DEVICE(handle)                                                              \
  do {                                                                                    \
    CHECK_INIT();                                                                         \
    CHECK_ARGUMENT(is_device(handle));                                                    \
    if (nvml_is_lost(&(handle)->gpu)) return NVML_ERROR_GPU_IS_LOST;                      \
  } while (0)

/* NVML shows a GPU in MIG mode, and its instances under it. */
static void list_devices(void) {
  count_all = 0;
  for (uint32_t i = 0; i < world.all_count; i++)
    if (world.all[i].parent < 0 && world_has_node(&world.all[i])) devices[count_all++].gpu = world.all[i];
  count_gpus = count_all;
  for (uint32_t i = 0; i < world.all_count; i++)
    if (world.all[i].parent >= 0 && world_has_node(&world.all[i])) devices[count_all++].gpu = world.all[i];
}

static bool open_once(void) {
  if (users > 0) return true;
  if (world.ledger.region == NULL && !world_open(&world)) return false;
  list_devices();
  return true;
}

FAKE_EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned int flags) {
  (void)flags;
  hang_while_told();
  pthread_mutex_lock(&init_lock);
  bool is_open = open_once();
  if (is_open) __atomic_fetch_add(&users, 1, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&init_lock);
  return is_open ? NVML_SUCCESS : NVML_ERROR_DRIVER_NOT_LOADED;
}

FAKE_EXPORT nvmlReturn_t nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
FAKE_EXPORT nvmlReturn_t nvmlInit(void) { return nvmlInitWithFlags(0); }

FAKE_EXPORT nvmlReturn_t nvmlShutdown(void) {
  CHECK_INIT();
  __atomic_fetch_sub(&users, 1, __ATOMIC_RELEASE);
  return NVML_SUCCESS;
}

static const char *const ERROR_TEXTS[] = {
    [NVML_SUCCESS] = "Success",
    [NVML_ERROR_UNINITIALIZED] = "Uninitialized",
    [NVML_ERROR_INVALID_ARGUMENT] = "Invalid Argument",
    [NVML_ERROR_NOT_SUPPORTED] = "Not Supported",
    [NVML_ERROR_NOT_FOUND] = "Not Found",
    [NVML_ERROR_INSUFFICIENT_SIZE] = "Insufficient Size",
    [NVML_ERROR_DRIVER_NOT_LOADED] = "Driver Not Loaded",
    [NVML_ERROR_TIMEOUT] = "Timeout",
    [NVML_ERROR_GPU_IS_LOST] = "GPU is lost",
};

FAKE_EXPORT const char *nvmlErrorString(nvmlReturn_t code) {
  bool is_listed = code >= 0 && code < (nvmlReturn_t)(sizeof(ERROR_TEXTS) / sizeof(ERROR_TEXTS[0]));
  return is_listed && ERROR_TEXTS[code] != NULL ? ERROR_TEXTS[code] : "Unknown Error";
}

static nvmlReturn_t put_text(char *out, unsigned int size, const char *text) {
  CHECK_ARGUMENT(out != NULL);
  if (strlen(text) + 1 > size) return NVML_ERROR_INSUFFICIENT_SIZE;
  memcpy(out, text, strlen(text) + 1);
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int size) {
  CHECK_INIT();
  return put_text(version, size, world.driver_version);
}

FAKE_EXPORT nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned int size) {
  CHECK_INIT();
  return put_text(version, size, world.driver_version);
}

FAKE_EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) {
  hang_while_told();
  CHECK_ARGUMENT(version != NULL);
  *version = world.cuda_version;
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version) {
  return nvmlSystemGetCudaDriverVersion_v2(version);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) {
  CHECK_INIT();
  CHECK_ARGUMENT(count != NULL);
  *count = count_gpus;
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetCount(unsigned int *count) { return nvmlDeviceGetCount_v2(count); }

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
  CHECK_INIT();
  CHECK_ARGUMENT(device != NULL && index < count_gpus);
  if (nvml_is_lost(&devices[index].gpu)) return NVML_ERROR_GPU_IS_LOST;
  *device = &devices[index];
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t *device) {
  return nvmlDeviceGetHandleByIndex_v2(index, device);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device) {
  CHECK_INIT();
  CHECK_ARGUMENT(device != NULL && uuid != NULL);
  for (uint32_t i = 0; i < count_gpus; i++)
    if (strcmp(devices[i].gpu.uuid, uuid) == 0) return nvmlDeviceGetHandleByIndex_v2(i, device);
  for (uint32_t i = count_gpus; i < count_all; i++) {
    if (strcmp(devices[i].gpu.uuid, uuid) != 0) continue;
    *device = &devices[i];
    return nvml_is_lost(&devices[i].gpu) ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
  }
  return NVML_ERROR_NOT_FOUND;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvmlDevice_t *device) {
  CHECK_INIT();
  CHECK_ARGUMENT(device != NULL && bus_id != NULL);
  for (uint32_t i = 0; i < count_gpus; i++)
    if (strcasecmp(devices[i].gpu.pci_bus_id, bus_id) == 0) return nvmlDeviceGetHandleByIndex_v2(i, device);
  return NVML_ERROR_NOT_FOUND;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(index != NULL);
  *index = (unsigned int)(device - devices);
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int size) {
  CHECK_DEVICE(device);
  return put_text(uuid, size, device->gpu.uuid);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int size) {
  CHECK_DEVICE(device);
  return put_text(name, size, device->gpu.model);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int *minor) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(minor != NULL);
  *minor = device->gpu.minor;
  return NVML_SUCCESS;
}

static void put_pci(struct nvml_pci *pci, const char *bus_id, uint32_t pci_device_id) {
  memset(pci, 0, sizeof(*pci));
  sscanf(bus_id, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device);
  pci->pci_device_id = pci_device_id;
  snprintf(pci->bus_id, sizeof(pci->bus_id), "%08X:%02X:%02X.0", pci->domain, pci->bus, pci->device);
  snprintf(pci->bus_id_legacy, sizeof(pci->bus_id_legacy), "%04X:%02X:%02X.0", pci->domain & 0xffffu, pci->bus & 0xffu,
           pci->device & 0xffu);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, struct nvml_pci *pci) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(pci != NULL);
  put_pci(pci, device->gpu.pci_bus_id, device->gpu.pci_device_id);
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(major != NULL && minor != NULL);
  *major = (int)device->gpu.cc_major;
  *minor = (int)device->gpu.cc_minor;
  return NVML_SUCCESS;
}

/* ---- memory, use ---- */

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, struct nvml_memory *memory) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(memory != NULL);
  memory->total = device->gpu.memory_bytes;
  memory->used = world_used(&world, device->gpu.index);
  memory->free = memory->used < memory->total ? memory->total - memory->used : 0;
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, struct nvml_memory_v2 *memory) {
  struct nvml_memory plain = {0};
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(memory != NULL);
  if (memory->version != NVML_MEMORY_V2) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  nvmlReturn_t result = nvmlDeviceGetMemoryInfo(device, &plain);
  memory->total = plain.total;
  memory->free = plain.free;
  memory->used = plain.used;
  memory->reserved = 0;
  return result;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, struct nvml_utilization *rates) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(rates != NULL);
  uint64_t busy_ns = timeline_busy_second(world.time, device->gpu.index, clock_now_ns() - world.time->lag_ns);
  *rates = (struct nvml_utilization){(unsigned int)(busy_ns / 10000000), 0};
  return NVML_SUCCESS;
}

struct nvml_inside nvml_inside(nvmlDevice_t device) {
  hang_while_told();
  if (__atomic_load_n(&users, __ATOMIC_ACQUIRE) == 0) return (struct nvml_inside){NVML_ERROR_UNINITIALIZED, NULL, NULL};
  if (!is_device(device)) return (struct nvml_inside){NVML_ERROR_INVALID_ARGUMENT, NULL, NULL};
  return (struct nvml_inside){nvml_is_lost(&device->gpu) ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS, &world, &device->gpu};
}

/* ---- topology ---- */

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMemoryAffinity(nvmlDevice_t device, unsigned int size, unsigned long *set, unsigned int scope) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(set != NULL && size > 0 && scope <= 1);
  if (device->gpu.numa_node < 0) return NVML_ERROR_NOT_SUPPORTED;
  memset(set, 0, size * sizeof(*set));
  uint32_t node = (uint32_t)device->gpu.numa_node;
  if (node / 64 >= size) return NVML_ERROR_INSUFFICIENT_SIZE;
  set[node / 64] = 1ul << (node % 64);
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t a, nvmlDevice_t b, unsigned int *level) {
  CHECK_DEVICE(a);
  CHECK_DEVICE(b);
  CHECK_ARGUMENT(level != NULL);
  if (a == b) *level = NVML_TOPOLOGY_INTERNAL;
  else if (a->gpu.pcie_switch >= 0 && a->gpu.pcie_switch == b->gpu.pcie_switch) *level = NVML_TOPOLOGY_SINGLE;
  else *level = a->gpu.numa_node == b->gpu.numa_node ? NVML_TOPOLOGY_NODE : NVML_TOPOLOGY_SYSTEM;
  return NVML_SUCCESS;
}

/* Links are numbered: those to each GPU by its index, then those to switches. */
#define TO_SWITCH FAKE_GPUS_MAX
#define SWITCHES 6u
#define SWITCH_PCI_ID 0x22a310deu

static bool find_nvlink(const struct fake_gpu *gpu, unsigned int link, uint32_t *to) {
  unsigned int end = 0;
  for (uint32_t peer = 0; peer < FAKE_GPUS_MAX; peer++) {
    end += gpu->nvlinks[peer];
    *to = peer;
    if (link < end) return true;
  }
  *to = TO_SWITCH;
  return link < end + gpu->nvswitch_links;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t device, unsigned int link, unsigned int *is_active) {
  uint32_t to = 0;
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(is_active != NULL && link < NVML_NVLINK_MAX_LINKS);
  if (!find_nvlink(&device->gpu, 0, &to)) return NVML_ERROR_NOT_SUPPORTED;
  *is_active = find_nvlink(&device->gpu, link, &to);
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetNvLinkRemoteDeviceType(nvmlDevice_t device, unsigned int link, unsigned int *type) {
  uint32_t to = 0;
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(type != NULL && link < NVML_NVLINK_MAX_LINKS);
  if (!find_nvlink(&device->gpu, link, &to)) return NVML_ERROR_NOT_SUPPORTED;
  *type = to == TO_SWITCH ? NVML_NVLINK_TO_SWITCH : NVML_NVLINK_TO_GPU;
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t device, unsigned int link, struct nvml_pci *pci) {
  uint32_t to = 0;
  char bus_id[32];
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(pci != NULL && link < NVML_NVLINK_MAX_LINKS);
  if (!find_nvlink(&device->gpu, link, &to)) return NVML_ERROR_NOT_SUPPORTED;
  if (to != TO_SWITCH && to >= world.all_count) return NVML_ERROR_UNKNOWN;
  snprintf(bus_id, sizeof(bus_id), "0000:%02x:00.0", 0xc0u + link % SWITCHES);
  if (to == TO_SWITCH) put_pci(pci, bus_id, SWITCH_PCI_ID);
  else put_pci(pci, world.all[to].pci_bus_id, world.all[to].pci_device_id);
  return NVML_SUCCESS;
}
