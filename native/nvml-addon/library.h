// SPDX-License-Identifier: Apache-2.0
// NVML opened by name at run time: what it says, as plain values. Every call may block for ever (the caller
// runs it on a worker thread of a process that may be killed). No JavaScript here.
#ifndef KERF_NVML_LIBRARY_H
#define KERF_NVML_LIBRARY_H

#include <cstdint>
#include <string>
#include <vector>

extern "C" {
#include "nvml-abi.h"
}

namespace kerf {

struct Process {
  uint32_t pid;
  uint64_t used_bytes;
};

/* A MIG instance: a part of a device that the driver has cut off, with one compute instance in it. */
struct Instance {
  std::string uuid;
  uint32_t gpu_instance = 0;
  uint32_t compute_instance = 0;
  uint32_t gpu_slices = 0;
  uint32_t compute_slices = 0;
  uint64_t memory_total_bytes = 0;
  uint64_t memory_used_bytes = 0;
};

struct Device {
  uint32_t index = 0;
  std::string uuid; /* empty where the device cannot even be named */
  std::string name;
  std::string pci_bus_id;
  uint32_t minor = 0;
  uint64_t memory_total_bytes = 0;
  uint64_t memory_used_bytes = 0;
  int numa_node = -1;
  int utilization_percent = -1;
  std::string error; /* NVML's name of what failed; empty when all went well */
  std::vector<Process> processes;
  bool is_mig = false; /* it is used through its instances alone */
  std::vector<Instance> instances;
};

/* NVLinks of one device that are up and lead to one place. */
struct NvLinks {
  std::string to; /* PCI bus id of the other end as NVML writes it; empty for a switch */
  uint32_t count = 0;
};

/* How one device hangs together with the others: raw, told by itself alone; the other end may say otherwise. */
struct DeviceLinks {
  std::string uuid;
  std::string pci_bus_id;
  std::vector<NvLinks> nvlinks;
  std::vector<int> ancestors; /* level of the common ancestor with the device of each index; -1: not told */
};

/* Something a device had to tell; no kind: the wait ended without. */
struct Event {
  std::string kind; /* xid, ecc (a double-bit error) */
  std::string uuid;
  uint32_t code = 0; /* of an xid */
  int gpu_instance = -1;
};

/* Empty on success, else NVML's name of the error. */
using ErrorName = std::string;

ErrorName error_name(nvmlReturn_t code);
/* dlopen and nvmlInit; opening twice keeps the first. */
ErrorName open_library(const std::string &name);
/* Whether the device is in MIG mode, and what it is cut to then. One that cannot be read is left out. */
void read_instances(nvmlDevice_t handle, Device *device);
ErrorName read_devices(std::vector<Device> *out);
/* One row per device, by index; without a uuid where it cannot be named. A question that fails leaves its answer out. */
ErrorName read_links(std::vector<DeviceLinks> *out);
ErrorName read_processes(const std::string &uuid, std::vector<Process> *out);
ErrorName read_driver_version(std::string *out);
/* Watches, from now on, the devices that answer now; the set before is let go. */
ErrorName watch_events();
/* Waits so long at most. NVML_ERROR_GPU_IS_LOST: a watched device is, and the set is of no more use. By one thread at a time. */
ErrorName next_event(uint32_t wait_ms, Event *out);
ErrorName close_library();

}  // namespace kerf

#endif
