// SPDX-License-Identifier: Apache-2.0
// Memory handles bound to something else than an address: pieces of sparse and deferred arrays, multicast objects.
// Whatever is bound holds its memory, until the piece is bound anew, let go, or the whole is gone.
#include "account.h"
#include "hooks.h"

static uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
  return hash ^ hash >> 32;
}

/* The place loses what it had. */
static void unbind(struct ptrmap *map, uint64_t place) {
  struct ptrmap_entry binding;
  if (ptrmap_take(map, place, PTRMAP_BINDING, &binding)) account_count(binding.bytes, PTRMAP_HANDLE, -1);
}

/* `handle` was counted already. */
static void bind(struct ptrmap *map, uint64_t place, uint64_t whole, uint8_t kind, uint64_t handle) {
  struct ptrmap_entry binding = {.key = place, .bytes = handle, .owner = whole, .refs = 1, .kind = PTRMAP_BINDING};
  unbind(map, place);
  ptrmap_put(map, &binding);
  ptrmap_mark(map, whole, kind, PTRMAP_BOUND, NULL);
}

/* ---- arrays ---- */

static uint64_t place_of(const struct cuda_array_map *piece) {
  uint64_t hash = mix(piece->resource, (uint64_t)piece->subresource_type);
  for (int i = 0; i < 4; i++) hash = mix(hash, piece->subresource[i]);
  return hash | 1;
}

/* Counts the handles of the first `count` pieces on or off. */
static void hold_all(const struct cuda_array_map *pieces, unsigned int count, int delta) {
  for (unsigned int i = 0; i < count; i++)
    if (pieces[i].operation == CU_MEM_OPERATION_TYPE_MAP) account_count(pieces[i].handle, PTRMAP_HANDLE, delta);
}

static void bind_all(struct ptrmap *map, const struct cuda_array_map *pieces, unsigned int count) {
  for (unsigned int i = 0; i < count; i++) {
    if (pieces[i].operation == CU_MEM_OPERATION_TYPE_UNMAP) unbind(map, place_of(&pieces[i]));
    else bind(map, place_of(&pieces[i]), pieces[i].resource, PTRMAP_ARRAY, pieces[i].handle);
  }
}

typedef CUresult (*map_fn)(struct cuda_array_map *, unsigned int, CUstream);

static CUresult map_pieces(map_fn real, struct cuda_array_map *pieces, unsigned int count, CUstream stream) {
  struct ptrmap *map = account_map();
  if (pieces == NULL || map == NULL) return real(pieces, count, stream);
  hold_all(pieces, count, 1);
  CUresult result = real(pieces, count, stream);
  if (result == CUDA_SUCCESS) bind_all(map, pieces, count);
  else hold_all(pieces, count, -1);
  return result;
}

HOOK_EXPORT CUresult cuMemMapArrayAsync(struct cuda_array_map *pieces, unsigned int count, CUstream stream) {
  return map_pieces(REAL(cuMemMapArrayAsync), pieces, count, stream);
}

HOOK_EXPORT CUresult cuMemMapArrayAsync_ptsz(struct cuda_array_map *pieces, unsigned int count, CUstream stream) {
  return map_pieces(REAL(cuMemMapArrayAsync_ptsz), pieces, count, stream);
}

/* ---- multicast ---- */

/* The object is a name for memory bound to it, and takes none itself. */
HOOK_EXPORT CUresult cuMulticastCreate(CUmemGenericAllocationHandle *out, const struct cuda_multicast_prop *prop) {
  CUresult result = REAL(cuMulticastCreate)(out, prop);
  if (result != CUDA_SUCCESS || account_map() == NULL) return result;
  struct ptrmap_entry entry = {.key = *out, .refs = 1, .kind = PTRMAP_HANDLE, .memory_class = REGION_CLASS_VMM};
  account_keep(&entry);
  return result;
}

static uint64_t seat_of(CUmemGenericAllocationHandle object, CUdevice device, size_t offset) {
  return mix(mix(object, (uint64_t)device + 1), offset) | 1;
}

/* The device that the memory lies on, which is the one it is bound for. */
static CUdevice device_of(CUmemGenericAllocationHandle memory) {
  struct cuda_allocation_prop prop = {0};
  CUdevice device = 0;
  if (DRIVER(cuMemGetAllocationPropertiesFromHandle)(&prop, memory) == CUDA_SUCCESS) return prop.location.id;
  DRIVER(cuCtxGetDevice)(&device);
  return device;
}

struct seat {
  CUmemGenericAllocationHandle object, memory;
  CUdevice device;
  size_t offset;
};

static CUresult seated(const struct seat *seat, CUresult result, bool is_held) {
  struct ptrmap *map = account_map();
  if (!is_held || map == NULL) return result;
  if (result != CUDA_SUCCESS) account_count(seat->memory, PTRMAP_HANDLE, -1);
  else bind(map, seat_of(seat->object, seat->device, seat->offset), seat->object, PTRMAP_HANDLE, seat->memory);
  return result;
}

HOOK_EXPORT CUresult cuMulticastBindMem(CUmemGenericAllocationHandle object, size_t offset,
                                        CUmemGenericAllocationHandle memory, size_t memory_offset, size_t size,
                                        unsigned long long flags) {
  bool is_held = account_count(memory, PTRMAP_HANDLE, 1);
  CUresult result = REAL(cuMulticastBindMem)(object, offset, memory, memory_offset, size, flags);
  struct seat seat = {object, memory, is_held ? device_of(memory) : 0, offset};
  return seated(&seat, result, is_held);
}

HOOK_EXPORT CUresult cuMulticastBindMem_v2(CUmemGenericAllocationHandle object, CUdevice device, size_t offset,
                                           CUmemGenericAllocationHandle memory, size_t memory_offset, size_t size,
                                           unsigned long long flags) {
  bool is_held = account_count(memory, PTRMAP_HANDLE, 1);
  struct seat seat = {object, memory, device, offset};
  CUresult result = REAL(cuMulticastBindMem_v2)(object, device, offset, memory, memory_offset, size, flags);
  return seated(&seat, result, is_held);
}

/* Of memory that was mapped: the handle under it. What cuMemAlloc gave cannot be freed while it is bound. */
static bool hold_under(CUdeviceptr pointer, CUmemGenericAllocationHandle *memory) {
  struct ptrmap_entry mapping;
  struct ptrmap *map = account_map();
  if (map == NULL || !ptrmap_get(map, pointer, PTRMAP_MAPPING, &mapping)) return false;
  *memory = mapping.owner;
  return account_count(mapping.owner, PTRMAP_HANDLE, 1);
}

HOOK_EXPORT CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle object, size_t offset, CUdeviceptr pointer,
                                         size_t size, unsigned long long flags) {
  struct seat seat = {object, 0, 0, offset};
  bool is_held = hold_under(pointer, &seat.memory);
  if (is_held) seat.device = device_of(seat.memory);
  return seated(&seat, REAL(cuMulticastBindAddr)(object, offset, pointer, size, flags), is_held);
}

HOOK_EXPORT CUresult cuMulticastBindAddr_v2(CUmemGenericAllocationHandle object, CUdevice device, size_t offset,
                                            CUdeviceptr pointer, size_t size, unsigned long long flags) {
  struct seat seat = {object, 0, device, offset};
  bool is_held = hold_under(pointer, &seat.memory);
  return seated(&seat, REAL(cuMulticastBindAddr_v2)(object, device, offset, pointer, size, flags), is_held);
}

HOOK_EXPORT CUresult cuMulticastUnbind(CUmemGenericAllocationHandle object, CUdevice device, size_t offset, size_t size) {
  CUresult result = REAL(cuMulticastUnbind)(object, device, offset, size);
  struct ptrmap *map = result == CUDA_SUCCESS ? account_map() : NULL;
  if (map != NULL) unbind(map, seat_of(object, device, offset));
  return result;
}
