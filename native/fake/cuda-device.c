// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: initialisation and devices.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "cuda.h"

struct fake_cuda fake_cuda;
static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;

CUresult cuda_ready(void) {
  if (fake_cuda.is_forked || !fake_cuda.is_ready) return CUDA_ERROR_NOT_INITIALIZED;
  return CUDA_SUCCESS;
}

static void after_fork(void) {
  fake_cuda.is_forked = fake_cuda.is_ready;
  fake_cuda.world.ledger.slot = NULL;
}

static CUresult init_once(void) {
  if (fake_cuda.is_ready) return CUDA_SUCCESS;
  if (!world_open(&fake_cuda.world)) return CUDA_ERROR_NO_DEVICE;
  visible_choose(&fake_cuda.world);
  if (fake_cuda.world.count == 0) return CUDA_ERROR_NO_DEVICE;
  if (!world_join(&fake_cuda.world)) return CUDA_ERROR_OUT_OF_MEMORY;
  pthread_atfork(NULL, NULL, after_fork);
  fake_cuda.is_ready = true;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuInit(unsigned int flags) {
  CHECK_ARGUMENT(flags == 0);
  if (fake_cuda.is_forked) return CUDA_ERROR_NOT_INITIALIZED;
  pthread_mutex_lock(&init_lock);
  CUresult result = init_once();
  pthread_mutex_unlock(&init_lock);
  return result;
}

struct fake_gpu *cuda_gpu(uint32_t device) { return &fake_cuda.world.gpus[device]; }

static bool is_device(CUdevice device) { return device >= 0 && (uint32_t)device < fake_cuda.world.count; }

#define CHECK_DEVICE(device)                                    \
  do {                                                          \
    CHECK_READY();                                              \
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;   \
  } while (0)

/* Works before cuInit, as the real one does. */
FAKE_EXPORT CUresult cuDriverGetVersion(int *version) {
  CHECK_ARGUMENT(version != NULL);
  *version = fake_cuda.is_ready ? fake_cuda.world.cuda_version : 13000;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGetCount(int *count) {
  CHECK_READY();
  CHECK_ARGUMENT(count != NULL);
  *count = (int)fake_cuda.world.count;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  CHECK_READY();
  CHECK_ARGUMENT(device != NULL);
  if (!is_device(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGetName(char *name, int size, CUdevice device) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(name != NULL && size > 0);
  snprintf(name, (size_t)size, "%s", cuda_gpu((uint32_t)device)->model);
  return CUDA_SUCCESS;
}

/* "GPU-" and 32 hex digits with dashes, as 16 bytes. */
static bool parse_uuid(const char *text, CUuuid *uuid) {
  uint32_t digits = 0;
  memset(uuid, 0, sizeof(*uuid));
  for (const char *c = text + 4; *c != '\0' && digits < 32; c++) {
    if (*c == '-') continue;
    unsigned int digit;
    if (sscanf((const char[]){*c, '\0'}, "%x", &digit) != 1) return false;
    uuid->bytes[digits / 2] |= (unsigned char)(digit << (digits % 2 == 0 ? 4 : 0));
    digits++;
  }
  return digits == 32;
}

FAKE_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(uuid != NULL);
  return parse_uuid(cuda_gpu((uint32_t)device)->uuid, uuid) ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

FAKE_EXPORT CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) { return cuDeviceGetUuid_v2(uuid, device); }

FAKE_EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(bytes != NULL);
  *bytes = cuda_gpu((uint32_t)device)->memory_bytes;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceTotalMem(unsigned int *bytes, CUdevice device) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(bytes != NULL);
  uint64_t total = cuda_gpu((uint32_t)device)->memory_bytes;
  *bytes = total > UINT32_MAX ? UINT32_MAX : (unsigned int)total;
  return CUDA_SUCCESS;
}

static int attribute_of(const struct fake_gpu *gpu, int attribute) {
  unsigned int domain = 0, bus = 0, slot = 0;
  sscanf(gpu->pci_bus_id, "%x:%x:%x", &domain, &bus, &slot);
  switch (attribute) {
    case 1: return 1024;                           /* MAX_THREADS_PER_BLOCK */
    case 10: return 32;                            /* WARP_SIZE */
    case 16: return (int)gpu->sm_count;            /* MULTIPROCESSOR_COUNT */
    case 33: return (int)bus;                      /* PCI_BUS_ID */
    case 34: return (int)slot;                     /* PCI_DEVICE_ID */
    case 39: return (int)gpu->max_threads_per_sm;  /* MAX_THREADS_PER_MULTIPROCESSOR */
    case 41: return 1;                             /* UNIFIED_ADDRESSING */
    case 50: return (int)domain;                   /* PCI_DOMAIN_ID */
    case 75: return (int)gpu->cc_major;
    case 76: return (int)gpu->cc_minor;
    case 83: return 1;                             /* MANAGED_MEMORY */
    case 102: return 1;                            /* VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED */
    case 115: return 1;                            /* MEMORY_POOLS_SUPPORTED */
    default: return 0;
  }
}

FAKE_EXPORT CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(value != NULL && attribute > 0);
  *value = attribute_of(cuda_gpu((uint32_t)device), attribute);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(major != NULL && minor != NULL);
  *major = (int)cuda_gpu((uint32_t)device)->cc_major;
  *minor = (int)cuda_gpu((uint32_t)device)->cc_minor;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGetPCIBusId(char *text, int size, CUdevice device) {
  CHECK_DEVICE(device);
  CHECK_ARGUMENT(text != NULL && size > 12);
  snprintf(text, (size_t)size, "%s", cuda_gpu((uint32_t)device)->pci_bus_id);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGetByPCIBusId(CUdevice *device, const char *text) {
  CHECK_READY();
  CHECK_ARGUMENT(device != NULL && text != NULL);
  for (uint32_t i = 0; i < fake_cuda.world.count; i++) {
    if (strcmp(cuda_gpu(i)->pci_bus_id, text) != 0) continue;
    *device = (CUdevice)i;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_DEVICE;
}

struct error_row {
  CUresult code;
  const char *name;
  const char *text;
};

static const struct error_row ERRORS[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static const struct error_row *error_row(CUresult code) {
  for (size_t i = 0; i < sizeof(ERRORS) / sizeof(ERRORS[0]); i++)
    if (ERRORS[i].code == code) return &ERRORS[i];
  return NULL;
}

FAKE_EXPORT CUresult cuGetErrorName(CUresult code, const char **text) {
  const struct error_row *row = error_row(code);
  CHECK_ARGUMENT(text != NULL);
  *text = row == NULL ? NULL : row->name;
  return row == NULL ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGetErrorString(CUresult code, const char **text) {
  const struct error_row *row = error_row(code);
  CHECK_ARGUMENT(text != NULL);
  *text = row == NULL ? NULL : row->text;
  return row == NULL ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
