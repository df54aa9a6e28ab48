// SPDX-License-Identifier: Apache-2.0
#include "library.h"

#include <dlfcn.h>

#include <mutex>

#include "functions.h"

namespace kerf {

Functions nvml;
std::atomic<bool> is_open{false};

namespace {

std::mutex open_lock;


template <typename F>
void resolve(void *library, F *out, const char *first, const char *second = nullptr) {
  void *found = dlsym(library, first);
  if (found == nullptr && second != nullptr) found = dlsym(library, second);
  *out = reinterpret_cast<F>(found);
}

void resolve_all(void *library) {
  resolve(library, &nvml.init, "nvmlInit_v2", "nvmlInit");
  resolve(library, &nvml.shutdown, "nvmlShutdown");
  resolve(library, &nvml.driver_version, "nvmlSystemGetDriverVersion");
  resolve(library, &nvml.count, "nvmlDeviceGetCount_v2", "nvmlDeviceGetCount");
  resolve(library, &nvml.by_index, "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex");
  resolve(library, &nvml.by_uuid, "nvmlDeviceGetHandleByUUID");
  resolve(library, &nvml.uuid, "nvmlDeviceGetUUID");
  resolve(library, &nvml.name, "nvmlDeviceGetName");
  resolve(library, &nvml.minor, "nvmlDeviceGetMinorNumber");
  resolve(library, &nvml.memory, "nvmlDeviceGetMemoryInfo");
  resolve(library, &nvml.pci, "nvmlDeviceGetPciInfo_v3", "nvmlDeviceGetPciInfo_v2");
  resolve(library, &nvml.affinity, "nvmlDeviceGetMemoryAffinity");
  resolve(library, &nvml.utilization, "nvmlDeviceGetUtilizationRates");
  resolve(library, &nvml.processes, "nvmlDeviceGetComputeRunningProcesses_v3",
          "nvmlDeviceGetComputeRunningProcesses_v2");
  resolve(library, &nvml.ancestor, "nvmlDeviceGetTopologyCommonAncestor");
  resolve(library, &nvml.link_state, "nvmlDeviceGetNvLinkState");
  resolve(library, &nvml.link_type, "nvmlDeviceGetNvLinkRemoteDeviceType");
  resolve(library, &nvml.link_pci, "nvmlDeviceGetNvLinkRemotePciInfo_v2");
  resolve(library, &nvml.mig_mode, "nvmlDeviceGetMigMode");
  resolve(library, &nvml.mig_most, "nvmlDeviceGetMaxMigDeviceCount");
  resolve(library, &nvml.mig_at, "nvmlDeviceGetMigDeviceHandleByIndex");
  resolve(library, &nvml.gpu_instance, "nvmlDeviceGetGpuInstanceId");
  resolve(library, &nvml.compute_instance, "nvmlDeviceGetComputeInstanceId");
  resolve(library, &nvml.attributes, "nvmlDeviceGetAttributes_v2");
  resolve(library, &nvml.event_types, "nvmlDeviceGetSupportedEventTypes");
  resolve(library, &nvml.set_create, "nvmlEventSetCreate");
  resolve(library, &nvml.set_free, "nvmlEventSetFree");
  resolve(library, &nvml.set_add, "nvmlDeviceRegisterEvents");
  resolve(library, &nvml.set_wait, "nvmlEventSetWait_v2");
}

/* Keeps the first failure as the device's error: what else can be read is still read. */
void note(Device *device, nvmlReturn_t code) {
  bool is_absent = code == NVML_ERROR_NOT_SUPPORTED || code == NVML_ERROR_FUNCTION_NOT_FOUND;
  if (code != NVML_SUCCESS && !is_absent && device->error.empty()) device->error = error_name(code);
}

void read_texts(nvmlDevice_t handle, Device *device) {
  char text[96] = "";
  nvmlReturn_t code = call(nvml.uuid, handle, text, static_cast<unsigned int>(sizeof(text)));
  if (code == NVML_SUCCESS) device->uuid = text;
  note(device, code);
  code = call(nvml.name, handle, text, static_cast<unsigned int>(sizeof(text)));
  if (code == NVML_SUCCESS) device->name = text;
  note(device, code);
  struct nvml_pci pci = {};
  code = call(nvml.pci, handle, &pci);
  if (code == NVML_SUCCESS) device->pci_bus_id = pci.bus_id;
  note(device, code);
}

void read_memory(nvmlDevice_t handle, Device *device) {
  struct nvml_memory memory = {};
  nvmlReturn_t code = call(nvml.memory, handle, &memory);
  note(device, code);
  if (code != NVML_SUCCESS) return;
  device->memory_total_bytes = memory.total;
  device->memory_used_bytes = memory.used;
}

/* NVML's NUMA node of the host memory nearest to the device: the first bit of its set. */
void read_place(nvmlDevice_t handle, Device *device) {
  note(device, call(nvml.minor, handle, &device->minor));
  unsigned long set[4] = {};
  if (call(nvml.affinity, handle, 4u, set, 0u) != NVML_SUCCESS) return;
  for (int bit = 0; bit < 256 && device->numa_node < 0; bit++)
    if ((set[bit / 64] >> (bit % 64) & 1) != 0) device->numa_node = bit;
}

/* Samples and lists may fail for a moment on a device that works: only its loss makes it unfit. */
void note_loss(Device *device, nvmlReturn_t code) {
  if (code == NVML_ERROR_GPU_IS_LOST) note(device, code);
}

void read_utilization(nvmlDevice_t handle, Device *device) {
  struct nvml_utilization rates = {};
  nvmlReturn_t code = call(nvml.utilization, handle, &rates);
  note_loss(device, code);
  if (code == NVML_SUCCESS) device->utilization_percent = static_cast<int>(rates.gpu);
}

/* The list may grow between asking its length and reading it. */
nvmlReturn_t list_processes(nvmlDevice_t handle, std::vector<Process> *out) {
  std::vector<struct nvml_process> rows(64);
  nvmlReturn_t code = NVML_ERROR_INSUFFICIENT_SIZE;
  unsigned int count = 0;
  for (int tries = 0; tries < 4 && code == NVML_ERROR_INSUFFICIENT_SIZE; tries++) {
    count = static_cast<unsigned int>(rows.size());
    code = call(nvml.processes, handle, &count, rows.data());
    if (code == NVML_ERROR_INSUFFICIENT_SIZE) rows.resize(static_cast<size_t>(count) * 2 + 64);
  }
  if (code != NVML_SUCCESS) return code;
  for (unsigned int i = 0; i < count; i++) {
    /* All ones is "not available". */
    uint64_t used = rows[i].used_bytes == ~0ull ? 0 : rows[i].used_bytes;
    out->push_back({rows[i].pid, used});
  }
  return NVML_SUCCESS;
}

Device read_device(unsigned int index) {
  Device device;
  device.index = index;
  nvmlDevice_t handle = nullptr;
  nvmlReturn_t code = call(nvml.by_index, index, &handle);
  note(&device, code);
  if (code != NVML_SUCCESS) return device;
  read_texts(handle, &device);
  read_memory(handle, &device);
  read_place(handle, &device);
  read_utilization(handle, &device);
  note_loss(&device, list_processes(handle, &device.processes));
  read_instances(handle, &device);
  return device;
}

void count_link(std::vector<NvLinks> *links, const std::string &to) {
  for (NvLinks &row : *links)
    if (row.to == to) {
      row.count++;
      return;
    }
  links->push_back({to, 1});
}

/* A link that leads to something else than a device or a switch, or that nobody describes, connects no devices. */
void read_nvlink(nvmlDevice_t handle, unsigned int link, std::vector<NvLinks> *links) {
  unsigned int is_up = 0;
  unsigned int type = NVML_NVLINK_TO_UNKNOWN;
  struct nvml_pci remote = {};
  if (call(nvml.link_state, handle, link, &is_up) != NVML_SUCCESS || is_up != 1) return;
  /* An old driver does not know the type; the address tells a device all the same. */
  bool is_typed = call(nvml.link_type, handle, link, &type) == NVML_SUCCESS;
  if (is_typed && type == NVML_NVLINK_TO_SWITCH) return count_link(links, "");
  if (is_typed && type != NVML_NVLINK_TO_GPU) return;
  if (call(nvml.link_pci, handle, link, &remote) != NVML_SUCCESS) return;
  remote.bus_id[sizeof(remote.bus_id) - 1] = '\0';
  if (remote.bus_id[0] != '\0') count_link(links, remote.bus_id);
}

DeviceLinks read_device_links(nvmlDevice_t handle, const std::vector<nvmlDevice_t> &all) {
  DeviceLinks row;
  char uuid[96] = "";
  struct nvml_pci pci = {};
  if (call(nvml.uuid, handle, uuid, static_cast<unsigned int>(sizeof(uuid))) != NVML_SUCCESS) return row;
  row.uuid = uuid;
  if (call(nvml.pci, handle, &pci) == NVML_SUCCESS) row.pci_bus_id = pci.bus_id;
  for (unsigned int link = 0; link < NVML_NVLINK_MAX_LINKS; link++) read_nvlink(handle, link, &row.nvlinks);
  for (nvmlDevice_t other : all) {
    unsigned int level = 0;
    bool is_told = other != nullptr && call(nvml.ancestor, handle, other, &level) == NVML_SUCCESS;
    row.ancestors.push_back(is_told ? static_cast<int>(level) : -1);
  }
  return row;
}

struct NameRow {
  nvmlReturn_t code;
  const char *name;
};

const NameRow NAMES[] = {
    {1, "NVML_ERROR_UNINITIALIZED"},
    {2, "NVML_ERROR_INVALID_ARGUMENT"},
    {3, "NVML_ERROR_NOT_SUPPORTED"},
    {4, "NVML_ERROR_NO_PERMISSION"},
    {6, "NVML_ERROR_NOT_FOUND"},
    {7, "NVML_ERROR_INSUFFICIENT_SIZE"},
    {8, "NVML_ERROR_INSUFFICIENT_POWER"},
    {9, "NVML_ERROR_DRIVER_NOT_LOADED"},
    {10, "NVML_ERROR_TIMEOUT"},
    {11, "NVML_ERROR_IRQ_ISSUE"},
    {12, "NVML_ERROR_LIBRARY_NOT_FOUND"},
    {13, "NVML_ERROR_FUNCTION_NOT_FOUND"},
    {14, "NVML_ERROR_CORRUPTED_INFOROM"},
    {15, "NVML_ERROR_GPU_IS_LOST"},
    {16, "NVML_ERROR_RESET_REQUIRED"},
    {17, "NVML_ERROR_OPERATING_SYSTEM"},
    {18, "NVML_ERROR_LIB_RM_VERSION_MISMATCH"},
    {19, "NVML_ERROR_IN_USE"},
    {20, "NVML_ERROR_MEMORY"},
    {21, "NVML_ERROR_NO_DATA"},
    {25, "NVML_ERROR_ARGUMENT_VERSION_MISMATCH"},
    {27, "NVML_ERROR_NOT_READY"},
    {28, "NVML_ERROR_GPU_NOT_FOUND"},
};

}  // namespace

ErrorName error_name(nvmlReturn_t code) {
  if (code == NVML_SUCCESS) return "";
  for (const NameRow &row : NAMES)
    if (row.code == code) return row.name;
  return "NVML_ERROR_UNKNOWN";
}

ErrorName open_library(const std::string &name) {
  std::lock_guard<std::mutex> guard(open_lock);
  if (is_open) return "";
  void *library = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return error_name(NVML_ERROR_LIBRARY_NOT_FOUND);
  resolve_all(library);
  nvmlReturn_t code = call(nvml.init);
  is_open = code == NVML_SUCCESS;
  return error_name(code);
}

ErrorName read_devices(std::vector<Device> *out) {
  unsigned int count = 0;
  if (!is_open) return error_name(NVML_ERROR_UNINITIALIZED);
  nvmlReturn_t code = call(nvml.count, &count);
  if (code != NVML_SUCCESS) return error_name(code);
  for (unsigned int index = 0; index < count; index++) out->push_back(read_device(index));
  return "";
}

ErrorName read_links(std::vector<DeviceLinks> *out) {
  unsigned int count = 0;
  if (!is_open) return error_name(NVML_ERROR_UNINITIALIZED);
  nvmlReturn_t code = call(nvml.count, &count);
  if (code != NVML_SUCCESS) return error_name(code);
  std::vector<nvmlDevice_t> all(count, nullptr);
  for (unsigned int index = 0; index < count; index++)
    if (call(nvml.by_index, index, &all[index]) != NVML_SUCCESS) all[index] = nullptr;
  for (nvmlDevice_t handle : all) {
    DeviceLinks row = handle == nullptr ? DeviceLinks() : read_device_links(handle, all);
    out->push_back(row);
  }
  return "";
}

ErrorName read_processes(const std::string &uuid, std::vector<Process> *out) {
  nvmlDevice_t handle = nullptr;
  if (!is_open) return error_name(NVML_ERROR_UNINITIALIZED);
  nvmlReturn_t code = call(nvml.by_uuid, uuid.c_str(), &handle);
  return error_name(code == NVML_SUCCESS ? list_processes(handle, out) : code);
}

ErrorName read_driver_version(std::string *out) {
  char text[96] = "";
  if (!is_open) return error_name(NVML_ERROR_UNINITIALIZED);
  nvmlReturn_t code = call(nvml.driver_version, text, static_cast<unsigned int>(sizeof(text)));
  *out = text;
  return error_name(code);
}

ErrorName close_library() {
  std::lock_guard<std::mutex> guard(open_lock);
  if (!is_open) return error_name(NVML_ERROR_UNINITIALIZED);
  is_open = false;
  return error_name(call(nvml.shutdown));
}

}  // namespace kerf
