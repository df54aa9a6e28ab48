// SPDX-License-Identifier: Apache-2.0
// What devices tell of themselves: one set of NVML events for all of them. A device that is lost can no longer say its
// name, so names are kept from when it was watched.
#include <utility>

#include "functions.h"

namespace kerf {
namespace {

struct Watched {
  nvmlDevice_t handle;
  std::string uuid;
};

nvmlEventSet_t events = nullptr;
std::vector<Watched> watched;

constexpr unsigned long long WANTED = NVML_EVENT_XID | NVML_EVENT_DOUBLE_BIT_ECC;

/* One that does not answer is not watched: it tells nothing, and a look at the devices shows it. */
void watch_device(unsigned int index) {
  char uuid[96] = "";
  unsigned long long types = 0;
  nvmlDevice_t handle = nullptr;
  if (call(nvml.by_index, index, &handle) != NVML_SUCCESS) return;
  if (call(nvml.uuid, handle, uuid, static_cast<unsigned int>(sizeof(uuid))) != NVML_SUCCESS) return;
  if (call(nvml.event_types, handle, &types) != NVML_SUCCESS || (types & WANTED) == 0) return;
  if (call(nvml.set_add, handle, types & WANTED, events) == NVML_SUCCESS) watched.push_back({handle, uuid});
}

std::string uuid_of(nvmlDevice_t handle) {
  for (const Watched &row : watched)
    if (row.handle == handle) return row.uuid;
  return "";
}

}  // namespace

ErrorName watch_events() {
  unsigned int count = 0;
  if (!is_open) return error_name(NVML_ERROR_UNINITIALIZED);
  if (events != nullptr) call(nvml.set_free, events);
  events = nullptr;
  watched.clear();
  nvmlReturn_t code = call(nvml.set_create, &events);
  if (code == NVML_SUCCESS) code = call(nvml.count, &count);
  if (code != NVML_SUCCESS) return error_name(code);
  for (unsigned int index = 0; index < count; index++) watch_device(index);
  /* A wait on nothing would say at once that nothing can be waited for. */
  return watched.empty() ? error_name(NVML_ERROR_NOT_SUPPORTED) : "";
}

ErrorName next_event(uint32_t wait_ms, Event *out) {
  struct nvml_event event = {};
  if (!is_open || events == nullptr) return error_name(NVML_ERROR_UNINITIALIZED);
  nvmlReturn_t code = call(nvml.set_wait, events, &event, static_cast<unsigned int>(wait_ms));
  if (code == NVML_ERROR_TIMEOUT) return "";
  if (code != NVML_SUCCESS) return error_name(code);
  out->kind = event.type == NVML_EVENT_XID ? "xid" : "ecc";
  out->uuid = uuid_of(event.device);
  out->code = static_cast<uint32_t>(event.data);
  if (event.gpu_instance != NVML_NO_INSTANCE) out->gpu_instance = static_cast<int>(event.gpu_instance);
  return "";
}

}  // namespace kerf
