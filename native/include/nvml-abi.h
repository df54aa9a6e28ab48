// SPDX-License-Identifier: Apache-2.0
// The part of NVML's ABI that we touch: types, codes and layouts, as facts, in our own words.
#ifndef KERF_NVML_ABI_H
#define KERF_NVML_ABI_H

#include <stdint.h>

typedef int nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct nvmlEventSet_st *nvmlEventSet_t;

enum {
  NVML_SUCCESS = 0,
  NVML_ERROR_UNINITIALIZED = 1,
  NVML_ERROR_INVALID_ARGUMENT = 2,
  NVML_ERROR_NOT_SUPPORTED = 3,
  NVML_ERROR_NO_PERMISSION = 4,
  NVML_ERROR_NOT_FOUND = 6,
  NVML_ERROR_INSUFFICIENT_SIZE = 7,
  NVML_ERROR_DRIVER_NOT_LOADED = 9,
  NVML_ERROR_TIMEOUT = 10,
  NVML_ERROR_LIBRARY_NOT_FOUND = 12,
  NVML_ERROR_FUNCTION_NOT_FOUND = 13,
  NVML_ERROR_GPU_IS_LOST = 15,
  NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
  NVML_ERROR_UNKNOWN = 999,
};

#define NVML_NO_INSTANCE 0xffffffffu
#define NVML_EVENT_DOUBLE_BIT_ECC 0x2ull
#define NVML_EVENT_XID 0x8ull

struct nvml_memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct nvml_memory_v2 {
  unsigned int version; /* size | 2 << 24 */
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;
};

#define NVML_MEMORY_V2 ((unsigned int)(sizeof(struct nvml_memory_v2) | (2u << 24)))

struct nvml_process_v1 {
  unsigned int pid;
  unsigned long long used_bytes;
};

/* Both _v2 and _v3 lists use this row. */
struct nvml_process {
  unsigned int pid;
  unsigned long long used_bytes;
  unsigned int gpu_instance;
  unsigned int compute_instance;
};

struct nvml_bar1 {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct nvml_detail {
  unsigned int pid;
  unsigned long long used_bytes;
  unsigned int gpu_instance;
  unsigned int compute_instance;
  unsigned long long protected_bytes;
};

enum { NVML_PROCESSES_COMPUTE, NVML_PROCESSES_GRAPHICS, NVML_PROCESSES_MPS };

struct nvml_details {
  unsigned int version; /* size | 1 << 24 */
  unsigned int mode;
  unsigned int count; /* in: room; out: rows */
  struct nvml_detail *rows;
};

#define NVML_DETAILS_V1 ((unsigned int)(sizeof(struct nvml_details) | (1u << 24)))

struct nvml_sample {
  unsigned int pid;
  unsigned long long time_us;
  unsigned int sm;
  unsigned int memory;
  unsigned int encoder;
  unsigned int decoder;
};

struct nvml_use {
  unsigned long long time_us;
  unsigned int pid;
  unsigned int sm;
  unsigned int memory;
  unsigned int encoder;
  unsigned int decoder;
  unsigned int jpeg;
  unsigned int optical_flow;
};

struct nvml_uses {
  unsigned int version; /* size | 1 << 24 */
  unsigned int count;   /* in: room; out: rows */
  unsigned long long since_us;
  struct nvml_use *rows;
};

/* What nvmlDeviceGetAccountingStats tells. */
struct nvml_stats {
  unsigned int gpu;
  unsigned int memory;
  unsigned long long most_bytes;
  unsigned long long time_ms;
  unsigned long long started_us;
  unsigned int is_running;
  unsigned int reserved[5];
};

#define NVML_USES_V1 ((unsigned int)(sizeof(struct nvml_uses) | (1u << 24)))

struct nvml_utilization {
  unsigned int gpu;
  unsigned int memory;
};

struct nvml_pci {
  char bus_id_legacy[16];
  unsigned int domain;
  unsigned int bus;
  unsigned int device;
  unsigned int pci_device_id;
  unsigned int pci_subsystem_id;
  char bus_id[32];
};

struct nvml_event {
  nvmlDevice_t device;
  unsigned long long type;
  unsigned long long data;
  unsigned int gpu_instance;
  unsigned int compute_instance;
};

/* Of a MIG instance: nvmlDeviceGetAttributes_v2. */
struct nvml_attributes {
  unsigned int multiprocessors;
  unsigned int copy_engines;
  unsigned int decoders;
  unsigned int encoders;
  unsigned int jpegs;
  unsigned int optical_flows;
  unsigned int gpu_slices;
  unsigned int compute_slices;
  unsigned long long memory_mib;
};

#define NVML_MIG_ON 1u

/* Levels of nvmlDeviceGetTopologyCommonAncestor. */
enum {
  NVML_TOPOLOGY_INTERNAL = 0,
  NVML_TOPOLOGY_SINGLE = 10,
  NVML_TOPOLOGY_MULTIPLE = 20,
  NVML_TOPOLOGY_HOSTBRIDGE = 30,
  NVML_TOPOLOGY_NODE = 40,
  NVML_TOPOLOGY_SYSTEM = 50,
};

/* Links a device may have, and what nvmlDeviceGetNvLinkRemoteDeviceType says stands at the other end. */
#define NVML_NVLINK_MAX_LINKS 18u
enum { NVML_NVLINK_TO_GPU = 0, NVML_NVLINK_TO_SWITCH = 2, NVML_NVLINK_TO_UNKNOWN = 255 };

#endif
