// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: multicast objects. One takes no memory, and holds what is bound to it.
#include "cuda-vmm.h"

#define DEVICES_MOST 16u

/* owner of its entry: its size; device: how many devices it is for. Which of them were added: */
#define ADDED 0x1du

static uint64_t seat_of(uint64_t object, CUdevice device, size_t offset) {
  return (object * 64 + (uint64_t)device) * 0x9e3779b97f4a7c15ull + offset / VMM_GRAIN * 2 + 1;
}

static bool is_device(CUdevice device) { return device >= 0 && (uint32_t)device < fake_cuda.world.count; }

static bool find(CUmemGenericAllocationHandle object, struct ptrmap_entry *entry) {
  return vmm_find(object, entry) && (entry->flags & VMM_IS_MULTICAST) != 0;
}

static uint64_t added_of(uint64_t object, CUdevice device) { return object * 64 + (uint64_t)device; }

static bool is_added(uint64_t object, CUdevice device) {
  struct ptrmap_entry added;
  return ptrmap_get(&fake_cuda.map, added_of(object, device), ADDED, &added);
}

FAKE_EXPORT CUresult cuMulticastGetGranularity(size_t *grain, const struct cuda_multicast_prop *prop, int option) {
  CHECK_READY();
  CHECK_ARGUMENT(grain != NULL && prop != NULL && option >= 0 && option <= 1);
  *grain = VMM_GRAIN;
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMulticastCreate(CUmemGenericAllocationHandle *out, const struct cuda_multicast_prop *prop) {
  CHECK_READY();
  CHECK_ARGUMENT(out != NULL && prop != NULL && prop->flags == 0 && prop->size > 0 && IS_GRAIN(prop->size));
  CHECK_ARGUMENT(prop->devices > 0 && prop->devices <= DEVICES_MOST);
  struct ptrmap_entry entry = {.owner = prop->size, .flags = VMM_IS_MULTICAST};
  return vmm_add(&entry, out);
}

FAKE_EXPORT CUresult cuMulticastAddDevice(CUmemGenericAllocationHandle object, CUdevice device) {
  struct ptrmap_entry entry;
  CHECK_READY();
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  CHECK_ARGUMENT(find(object, &entry) && !is_added(object, device));
  struct ptrmap_entry added = {.key = added_of(object, device), .owner = object, .refs = 1, .kind = ADDED};
  return ptrmap_put(&fake_cuda.map, &added) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult bind(const struct ptrmap_entry *object, size_t offset, uint64_t memory, size_t size) {
  struct ptrmap_entry entry, bound;
  CHECK_ARGUMENT(IS_GRAIN(offset) && IS_GRAIN(size) && size > 0 && offset <= object->owner);
  CHECK_ARGUMENT(size <= object->owner - offset && ptrmap_get(&fake_cuda.map, memory, PTRMAP_HANDLE, &entry));
  CHECK_ARGUMENT((entry.flags & (VMM_IS_MULTICAST | VMM_IS_HOST)) == 0 && size <= entry.owner);
  if (!is_added(object->key, entry.device)) return CUDA_ERROR_INVALID_DEVICE;
  uint64_t seat = seat_of(object->key, entry.device, offset);
  CHECK_ARGUMENT(!ptrmap_get(&fake_cuda.map, seat, PTRMAP_BINDING, &bound) && vmm_hold(memory));
  bound = (struct ptrmap_entry){.key = seat, .bytes = memory, .owner = object->key, .refs = 1, .kind = PTRMAP_BINDING};
  return ptrmap_put(&fake_cuda.map, &bound) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

FAKE_EXPORT CUresult cuMulticastBindMem(CUmemGenericAllocationHandle object, size_t offset,
                                        CUmemGenericAllocationHandle memory, size_t memory_offset, size_t size,
                                        unsigned long long flags) {
  struct ptrmap_entry entry, bound;
  CHECK_READY();
  CHECK_ARGUMENT(flags == 0 && memory_offset == 0 && find(object, &entry) && vmm_find(memory, &bound));
  return bind(&entry, offset, memory, size);
}

FAKE_EXPORT CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle object, size_t offset, CUdeviceptr pointer,
                                         size_t size, unsigned long long flags) {
  struct ptrmap_entry entry, mapping;
  CHECK_READY();
  CHECK_ARGUMENT(flags == 0 && find(object, &entry));
  CHECK_ARGUMENT(ptrmap_get(&fake_cuda.map, pointer, PTRMAP_MAPPING, &mapping));
  return bind(&entry, offset, mapping.owner, size);
}

FAKE_EXPORT CUresult cuMulticastUnbind(CUmemGenericAllocationHandle object, CUdevice device, size_t offset, size_t size) {
  struct ptrmap_entry entry, bound;
  CHECK_READY();
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  CHECK_ARGUMENT(find(object, &entry) && IS_GRAIN(size) && size > 0);
  CHECK_ARGUMENT(ptrmap_take(&fake_cuda.map, seat_of(object, device, offset), PTRMAP_BINDING, &bound));
  vmm_drop(bound.bytes);
  return CUDA_SUCCESS;
}
