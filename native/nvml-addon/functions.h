// SPDX-License-Identifier: Apache-2.0
// Inside of the addon: NVML's functions as they were found, and how they are called.
#ifndef KERF_NVML_FUNCTIONS_H
#define KERF_NVML_FUNCTIONS_H

#include <atomic>

#include "library.h"

namespace kerf {

/* What we call, newest name first: an old driver has only the older one. */
struct Functions {
  nvmlReturn_t (*init)();
  nvmlReturn_t (*shutdown)();
  nvmlReturn_t (*driver_version)(char *, unsigned int);
  nvmlReturn_t (*count)(unsigned int *);
  nvmlReturn_t (*by_index)(unsigned int, nvmlDevice_t *);
  nvmlReturn_t (*by_uuid)(const char *, nvmlDevice_t *);
  nvmlReturn_t (*uuid)(nvmlDevice_t, char *, unsigned int);
  nvmlReturn_t (*name)(nvmlDevice_t, char *, unsigned int);
  nvmlReturn_t (*minor)(nvmlDevice_t, unsigned int *);
  nvmlReturn_t (*memory)(nvmlDevice_t, struct nvml_memory *);
  nvmlReturn_t (*pci)(nvmlDevice_t, struct nvml_pci *);
  nvmlReturn_t (*affinity)(nvmlDevice_t, unsigned int, unsigned long *, unsigned int);
  nvmlReturn_t (*utilization)(nvmlDevice_t, struct nvml_utilization *);
  nvmlReturn_t (*processes)(nvmlDevice_t, unsigned int *, struct nvml_process *);
  nvmlReturn_t (*ancestor)(nvmlDevice_t, nvmlDevice_t, unsigned int *);
  nvmlReturn_t (*link_state)(nvmlDevice_t, unsigned int, unsigned int *);
  nvmlReturn_t (*link_type)(nvmlDevice_t, unsigned int, unsigned int *);
  nvmlReturn_t (*link_pci)(nvmlDevice_t, unsigned int, struct nvml_pci *);
  nvmlReturn_t (*mig_mode)(nvmlDevice_t, unsigned int *, unsigned int *);
  nvmlReturn_t (*mig_most)(nvmlDevice_t, unsigned int *);
  nvmlReturn_t (*mig_at)(nvmlDevice_t, unsigned int, nvmlDevice_t *);
  nvmlReturn_t (*gpu_instance)(nvmlDevice_t, unsigned int *);
  nvmlReturn_t (*compute_instance)(nvmlDevice_t, unsigned int *);
  nvmlReturn_t (*attributes)(nvmlDevice_t, struct nvml_attributes *);
  nvmlReturn_t (*event_types)(nvmlDevice_t, unsigned long long *);
  nvmlReturn_t (*set_create)(nvmlEventSet_t *);
  nvmlReturn_t (*set_free)(nvmlEventSet_t);
  nvmlReturn_t (*set_add)(nvmlDevice_t, unsigned long long, nvmlEventSet_t);
  nvmlReturn_t (*set_wait)(nvmlEventSet_t, struct nvml_event *, unsigned int);
};

extern Functions nvml;
extern std::atomic<bool> is_open;

/* A function the library lacks answers as NVML itself would. */
template <typename F, typename... A>
nvmlReturn_t call(F function, A... arguments) {
  return function == nullptr ? NVML_ERROR_FUNCTION_NOT_FOUND : function(arguments...);
}

}  // namespace kerf

#endif
