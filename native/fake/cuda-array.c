// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: arrays and mipmapped arrays. Their size is no plain product: rows are padded to 64 bytes, images to
// eight rows, all of it to 64 KiB, so that whoever only multiplies is found out.
#include <string.h>

#include "cuda-holdings.h"
#include "cuda-vmm.h"

#define ROW_BYTES 64ull
#define ROWS 8ull
#define PAGE_BYTES 0x10000ull
#define WIDTH_MOST 131072u
#define HEIGHT_MOST 65536u
#define DEPTH_MOST 16384u
#define UNBACKED (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING)

/* Flags of an entry. Its bytes are what the array needs, whether it has them or not. */
enum { IS_BACKED = 1, IS_MIPMAP = 2, IS_LEVEL = 4, IS_DEFERRED = 8 };

static uint64_t round_up(uint64_t value, uint64_t grain) { return (value + grain - 1) / grain * grain; }
static uint64_t or_one(uint64_t value) { return value == 0 ? 1 : value; }

static uint64_t channel_bytes(int format) {
  static const uint8_t BYTES[] = {[0x01] = 1, [0x02] = 2, [0x03] = 4, [0x08] = 1,
                                  [0x09] = 2, [0x0a] = 4, [0x10] = 2, [0x20] = 4};
  return format >= 0 && (size_t)format < sizeof(BYTES) ? BYTES[format] : 0;
}

static bool is_array(const struct cuda_array3d_desc *desc) {
  bool is_texel = channel_bytes(desc->format) > 0 && (desc->channels == 1 || desc->channels == 2 || desc->channels == 4);
  bool is_size = desc->width > 0 && desc->width <= WIDTH_MOST && desc->height <= HEIGHT_MOST && desc->depth <= DEPTH_MOST;
  bool is_layered = (desc->flags & CUDA_ARRAY3D_LAYERED) != 0;
  bool is_cube = (desc->flags & CUDA_ARRAY3D_CUBEMAP) == 0 ||
                 (desc->width == desc->height && desc->depth > 0 && desc->depth % 6 == 0);
  bool is_shape = is_layered ? desc->depth > 0 : desc->depth == 0 || desc->height > 0;
  return is_texel && is_size && is_shape && is_cube && (desc->flags & ~(unsigned int)CUDA_ARRAY3D_FLAGS) == 0;
}

static unsigned int levels_most(const struct cuda_array3d_desc *desc) {
  size_t longest = desc->width > desc->height ? desc->width : desc->height;
  unsigned int levels = 1;
  while (longest > 1) longest /= 2, levels++;
  return levels;
}

static uint64_t level_bytes(const struct cuda_array3d_desc *desc, unsigned int level) {
  bool is_layered = (desc->flags & CUDA_ARRAY3D_LAYERED) != 0;
  uint64_t row = round_up(or_one(desc->width >> level) * channel_bytes(desc->format) * desc->channels, ROW_BYTES);
  uint64_t rows = desc->height == 0 ? 1 : round_up(or_one(desc->height >> level), ROWS);
  return row * rows * or_one(is_layered ? desc->depth : desc->depth >> level);
}

static uint64_t array_bytes(const struct cuda_array3d_desc *desc, unsigned int levels) {
  uint64_t bytes = 0;
  for (unsigned int level = 0; level < levels; level++) bytes += level_bytes(desc, level);
  return round_up(bytes, PAGE_BYTES);
}

static CUresult create(uint64_t *handle, const struct cuda_array3d_desc *desc, unsigned int levels, uint8_t flags) {
  struct CUctx_st *context;
  CUresult current = cuda_current(&context);
  if (current != CUDA_SUCCESS) return current;
  CHECK_ARGUMENT(handle != NULL && desc != NULL && is_array(desc) && levels > 0 && levels <= levels_most(desc));
  if ((desc->flags & CUDA_ARRAY3D_DEFERRED_MAPPING) != 0) flags |= IS_DEFERRED;
  if ((desc->flags & UNBACKED) == 0) flags |= IS_BACKED;
  struct holding holding = {PTRMAP_ARRAY, flags, context, REGION_CLASS_ARRAY, array_bytes(desc, levels)};
  return (flags & IS_BACKED) != 0 ? cuda_hold(&holding, handle) : cuda_hold_nothing(&holding, handle);
}

CUresult cuda_array_on(const struct cuda_array3d_desc *desc, unsigned int levels, uint64_t memory, uint64_t *handle) {
  struct CUctx_st *context;
  CUresult current = cuda_current(&context);
  if (current != CUDA_SUCCESS) return current;
  CHECK_ARGUMENT(is_array(desc) && levels > 0 && levels <= levels_most(desc));
  struct holding holding = {PTRMAP_ARRAY, IS_MIPMAP | PTRMAP_PART, context, REGION_CLASS_ARRAY, 0};
  CUresult result = cuda_hold_nothing(&holding, handle);
  if (result != CUDA_SUCCESS) return result;
  struct ptrmap_entry whole = {.key = *handle, .owner = memory, .refs = 1, .kind = PTRMAP_BINDING};
  ptrmap_put(&fake_cuda.map, &whole);
  return CUDA_SUCCESS;
}

static CUresult create_array(CUarray *out, const struct cuda_array3d_desc *desc) {
  uint64_t handle;
  CHECK_READY();
  CUresult result = create(out == NULL ? NULL : &handle, desc, 1, 0);
  if (result == CUDA_SUCCESS) *out = (CUarray)(uintptr_t)handle;
  return result;
}

FAKE_EXPORT CUresult cuArray3DCreate_v2(CUarray *out, const struct cuda_array3d_desc *desc) {
  return create_array(out, desc);
}

FAKE_EXPORT CUresult cuArrayCreate_v2(CUarray *out, const struct cuda_array_desc *desc) {
  if (desc == NULL) return create_array(out, NULL);
  struct cuda_array3d_desc wide = {desc->width, desc->height, 0, desc->format, desc->channels, 0};
  return create_array(out, &wide);
}

FAKE_EXPORT CUresult cuArray3DCreate(CUarray *out, const struct cuda_array3d_desc_v1 *desc) {
  if (desc == NULL) return create_array(out, NULL);
  struct cuda_array3d_desc wide = {desc->width, desc->height, desc->depth, desc->format, desc->channels, desc->flags};
  return create_array(out, &wide);
}

FAKE_EXPORT CUresult cuArrayCreate(CUarray *out, const struct cuda_array_desc_v1 *desc) {
  if (desc == NULL) return create_array(out, NULL);
  struct cuda_array3d_desc wide = {desc->width, desc->height, 0, desc->format, desc->channels, 0};
  return create_array(out, &wide);
}

FAKE_EXPORT CUresult cuMipmappedArrayCreate(CUmipmappedArray *out, const struct cuda_array3d_desc *desc,
                                            unsigned int levels) {
  uint64_t handle;
  CHECK_READY();
  CUresult result = create(out == NULL ? NULL : &handle, desc, levels, IS_MIPMAP);
  if (result == CUDA_SUCCESS) *out = (CUmipmappedArray)(uintptr_t)handle;
  return result;
}

/* Of the right sort, and alive. */
static bool find(uint64_t handle, uint8_t sort, struct ptrmap_entry *entry) {
  return ptrmap_get(&fake_cuda.map, handle, PTRMAP_ARRAY, entry) && (entry->flags & IS_MIPMAP) == sort;
}

/* A level is its mipmap's: nobody destroys it alone. */
static CUresult destroy(uint64_t handle, uint8_t sort) {
  struct ptrmap_entry entry;
  struct CUctx_st *context;
  CUresult current = cuda_current(&context);
  if (current != CUDA_SUCCESS) return current;
  if (!find(handle, sort, &entry) || (entry.flags & IS_LEVEL) != 0) return CUDA_ERROR_INVALID_HANDLE;
  if (entry.owner != (uintptr_t)context) return CUDA_ERROR_INVALID_CONTEXT;
  if (!ptrmap_take(&fake_cuda.map, handle, PTRMAP_ARRAY, &entry)) return CUDA_ERROR_INVALID_HANDLE;
  cuda_let_go(&entry);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuArrayDestroy(CUarray array) { return destroy((uintptr_t)array, 0); }

FAKE_EXPORT CUresult cuMipmappedArrayDestroy(CUmipmappedArray mipmap) { return destroy((uintptr_t)mipmap, IS_MIPMAP); }

FAKE_EXPORT CUresult cuMipmappedArrayGetLevel(CUarray *out, CUmipmappedArray mipmap, unsigned int level) {
  struct ptrmap_entry entry;
  uint64_t handle;
  CHECK_READY();
  CHECK_ARGUMENT(out != NULL && level < 32);
  if (!find((uintptr_t)mipmap, IS_MIPMAP, &entry)) return CUDA_ERROR_INVALID_HANDLE;
  struct holding holding = {PTRMAP_ARRAY, IS_LEVEL, (struct CUctx_st *)(uintptr_t)entry.owner, REGION_CLASS_ARRAY, 0};
  CUresult result = cuda_hold_nothing(&holding, &handle);
  if (result == CUDA_SUCCESS) *out = (CUarray)(uintptr_t)handle;
  return result;
}

/* Told of deferred ones only, as the vendor's manual says. */
static CUresult tell_needs(struct cuda_array_needs *needs, uint64_t handle, uint8_t sort, CUdevice device) {
  struct ptrmap_entry entry;
  CHECK_READY();
  CHECK_ARGUMENT(needs != NULL && device >= 0 && (uint32_t)device < fake_cuda.world.count);
  CHECK_ARGUMENT(find(handle, sort, &entry) && (entry.flags & IS_DEFERRED) != 0);
  *needs = (struct cuda_array_needs){.size = entry.bytes, .alignment = PAGE_BYTES};
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuArrayGetMemoryRequirements(struct cuda_array_needs *needs, CUarray array, CUdevice device) {
  return tell_needs(needs, (uintptr_t)array, 0, device);
}

FAKE_EXPORT CUresult cuMipmappedArrayGetMemoryRequirements(struct cuda_array_needs *needs, CUmipmappedArray mipmap,
                                                           CUdevice device) {
  return tell_needs(needs, (uintptr_t)mipmap, IS_MIPMAP, device);
}

/* ---- memory under pieces of them ---- */

static uint64_t place_of(const struct cuda_array_map *piece) {
  uint64_t hash = piece->resource + (uint64_t)piece->subresource_type;
  for (int i = 0; i < 4; i++) hash = (hash ^ piece->subresource[i]) * 0x100000001b3ull + 7;
  return hash | 1;
}

static CUresult check_piece(const struct cuda_array_map *piece) {
  struct ptrmap_entry entry;
  uint8_t sort = piece->resource_type == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY ? IS_MIPMAP : 0;
  CHECK_ARGUMENT(find(piece->resource, sort, &entry) && (entry.flags & (IS_BACKED | IS_LEVEL | PTRMAP_PART)) == 0);
  bool is_map = piece->operation == CU_MEM_OPERATION_TYPE_MAP;
  CHECK_ARGUMENT(is_map || piece->operation == CU_MEM_OPERATION_TYPE_UNMAP);
  CHECK_ARGUMENT(!is_map || vmm_find(piece->handle, &entry));
  return CUDA_SUCCESS;
}

static void bind_piece(const struct cuda_array_map *piece) {
  struct ptrmap_entry old;
  struct ptrmap_entry binding = {
      .key = place_of(piece), .bytes = piece->handle, .owner = piece->resource, .refs = 1, .kind = PTRMAP_BINDING};
  bool is_map = piece->operation == CU_MEM_OPERATION_TYPE_MAP && vmm_hold(piece->handle);
  if (ptrmap_take(&fake_cuda.map, binding.key, PTRMAP_BINDING, &old)) vmm_drop(old.bytes);
  if (!is_map) return;
  ptrmap_put(&fake_cuda.map, &binding);
  ptrmap_mark(&fake_cuda.map, piece->resource, PTRMAP_ARRAY, PTRMAP_BOUND, NULL);
}

/* All or nothing. */
FAKE_EXPORT CUresult cuMemMapArrayAsync(struct cuda_array_map *pieces, unsigned int count, CUstream stream) {
  struct CUctx_st *context;
  CUresult result = cuda_stream_context(stream, &context);
  if (result != CUDA_SUCCESS) return result;
  CHECK_ARGUMENT(pieces != NULL && count > 0);
  for (unsigned int i = 0; i < count; i++) {
    result = check_piece(&pieces[i]);
    if (result != CUDA_SUCCESS) return result;
  }
  for (unsigned int i = 0; i < count; i++) bind_piece(&pieces[i]);
  return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemMapArrayAsync_ptsz(struct cuda_array_map *pieces, unsigned int count, CUstream stream) {
  return cuMemMapArrayAsync(pieces, count, stream);
}
