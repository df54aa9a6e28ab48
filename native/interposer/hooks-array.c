// SPDX-License-Identifier: Apache-2.0
// Arrays and mipmapped arrays. How much one takes is the driver's business (it lays texels out in blocks), so it is
// asked: of a twin whose memory would come later, which is the only kind it tells it of and takes nothing. Drivers
// before 11.6 cannot be asked; there an upper estimate is charged.
#include "account.h"
#include "hooks.h"

#define UNBACKED (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING)
#define BLOCK_ROW_BYTES 64u
#define BLOCK_ROWS_MOST 128u
#define PAGE_BYTES 0x10000u
#define EXTENT_MOST 0x20000u

HOOK_EXPORT CUresult cuArray3DCreate_v2(CUarray *out, const struct cuda_array3d_desc *desc);
HOOK_EXPORT CUresult cuMipmappedArrayCreate(CUmipmappedArray *out, const struct cuda_array3d_desc *desc,
                                            unsigned int levels);
HOOK_EXPORT CUresult cuArrayDestroy(CUarray array);
HOOK_EXPORT CUresult cuMipmappedArrayDestroy(CUmipmappedArray mipmap);

/* ---- how much ---- */

static bool can_ask(void) {
  static uint32_t answer; /* 0 not looked yet, 1 no, 2 yes */
  uint32_t known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
  if (known == 0) {
    known = driver_symbol("cuMipmappedArrayGetMemoryRequirements") != NULL ? 2 : 1;
    __atomic_store_n(&answer, known, __ATOMIC_RELAXED);
  }
  return known == 2;
}

static CUresult ask_array(const struct cuda_array3d_desc *twin, CUdevice device, struct cuda_array_needs *needs) {
  CUarray array;
  CUresult result = REAL(cuArray3DCreate_v2)(&array, twin);
  if (result != CUDA_SUCCESS) return result;
  result = DRIVER(cuArrayGetMemoryRequirements)(needs, array, device);
  REAL(cuArrayDestroy)(array);
  return result;
}

static CUresult ask_mipmap(const struct cuda_array3d_desc *twin, unsigned int levels, CUdevice device,
                           struct cuda_array_needs *needs) {
  CUmipmappedArray mipmap;
  CUresult result = REAL(cuMipmappedArrayCreate)(&mipmap, twin, levels);
  if (result != CUDA_SUCCESS) return result;
  result = DRIVER(cuMipmappedArrayGetMemoryRequirements)(needs, mipmap, device);
  REAL(cuMipmappedArrayDestroy)(mipmap);
  return result;
}

/* levels 0 is a plain array. */
static bool ask(const struct cuda_array3d_desc *desc, unsigned int levels, uint64_t *bytes) {
  struct cuda_array_needs needs = {0};
  struct cuda_array3d_desc twin = *desc;
  CUdevice device;
  if (!can_ask() || DRIVER(cuCtxGetDevice)(&device) != CUDA_SUCCESS) return false;
  twin.flags |= CUDA_ARRAY3D_DEFERRED_MAPPING;
  CUresult result = levels == 0 ? ask_array(&twin, device, &needs) : ask_mipmap(&twin, levels, device, &needs);
  *bytes = needs.size;
  return result == CUDA_SUCCESS;
}

/* Bytes of a channel; 0 for formats that are not simple (planes, compressed blocks). */
static uint64_t channel_bytes(int format) {
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8: return 1;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF: return 2;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT: return 4;
    default: return 0;
  }
}

static uint64_t round_up(uint64_t value, uint64_t grain) { return (value + grain - 1) / grain * grain; }

/* Blocks are as high as the array, in powers of two, up to 128 rows. */
static uint64_t padded_rows(uint64_t rows) {
  uint64_t block = 8;
  while (block < BLOCK_ROWS_MOST && block < rows) block *= 2;
  return rows <= 1 ? 1 : round_up(rows, block);
}

static uint64_t at_least_one(uint64_t value) { return value == 0 ? 1 : value; }

static uint64_t estimate_level(const struct cuda_array3d_desc *desc, unsigned int level) {
  uint64_t texel = at_least_one(channel_bytes(desc->format) * desc->channels);
  if (channel_bytes(desc->format) == 0) texel = 16;
  bool is_layered = (desc->flags & CUDA_ARRAY3D_LAYERED) != 0;
  uint64_t row = round_up(at_least_one(desc->width >> level) * texel, BLOCK_ROW_BYTES);
  uint64_t depth = is_layered ? desc->depth : desc->depth >> level;
  return row * padded_rows(desc->height >> level) * at_least_one(depth);
}

static uint64_t estimate(const struct cuda_array3d_desc *desc, unsigned int levels) {
  uint64_t bytes = estimate_level(desc, 0);
  for (unsigned int level = 1; level < levels && level < 32; level++) bytes += estimate_level(desc, level);
  return round_up(bytes, PAGE_BYTES);
}

/* One that the driver takes, if it has the memory. */
static bool is_ordinary(const struct cuda_array3d_desc *desc) {
  bool is_shape = desc->width > 0 && (desc->depth == 0 || desc->height > 0);
  bool is_size = desc->width <= EXTENT_MOST && desc->height <= EXTENT_MOST && desc->depth <= EXTENT_MOST;
  bool is_texel = channel_bytes(desc->format) > 0 &&
                  (desc->channels == 1 || desc->channels == 2 || desc->channels == 4);
  return is_shape && is_size && is_texel && (desc->flags & ~(unsigned int)CUDA_ARRAY3D_LAYERED) == 0;
}

/* ---- charging ---- */

/* What is to be charged, and whether "it does not fit" is what the driver would say too. */
struct order {
  struct account_charge charge;
  bool is_certain;
};

static CUresult charge(struct order *order, const struct cuda_array3d_desc *desc, unsigned int levels) {
  uint64_t bytes;
  order->is_certain = true;
  order->charge.is_free_of_charge = (desc->flags & UNBACKED) != 0;
  if (order->charge.is_free_of_charge) return CUDA_SUCCESS;
  if (!ask(desc, levels, &bytes)) {
    order->is_certain = !can_ask() && is_ordinary(desc);
    bool is_size = desc->width <= EXTENT_MOST && desc->height <= EXTENT_MOST && desc->depth <= EXTENT_MOST;
    bytes = is_size && desc->channels <= 4 ? estimate(desc, levels) : REGION_USED_MASK;
  }
  return account_charge_current(&order->charge, account_round(bytes), REGION_CLASS_ARRAY);
}

/* It does not fit, but perhaps it is no array at all: then the driver says what is wrong with it. */
static bool is_for_the_driver(const struct order *order, CUresult charged) {
  return charged == CUDA_ERROR_OUT_OF_MEMORY && !order->is_certain;
}

/* Those without memory are remembered too: some may be mapped into them. */
static CUresult settle(const struct order *order, CUresult result, uint64_t handle) {
  struct ptrmap_entry entry = {.key = handle, .refs = 1, .kind = PTRMAP_ARRAY, .memory_class = REGION_CLASS_ARRAY};
  CUcontext context;
  if (!order->charge.is_free_of_charge) return account_settle(&order->charge, result, handle, PTRMAP_ARRAY);
  if (result != CUDA_SUCCESS || DRIVER(cuCtxGetCurrent)(&context) != CUDA_SUCCESS) return result;
  entry.owner = (uintptr_t)context;
  if (account_map() != NULL) account_keep(&entry);
  return result;
}

static CUresult settle_array(const struct order *order, CUresult charged, CUresult result, CUarray *out) {
  if (charged == CUDA_SUCCESS) return settle(order, result, (uintptr_t)*out);
  if (result != CUDA_SUCCESS) return result;
  REAL(cuArrayDestroy)(*out);
  return charged;
}

HOOK_EXPORT CUresult cuArray3DCreate_v2(CUarray *out, const struct cuda_array3d_desc *desc) {
  struct order order;
  if (out == NULL || desc == NULL) return REAL(cuArray3DCreate_v2)(out, desc);
  CUresult charged = charge(&order, desc, 0);
  if (charged != CUDA_SUCCESS && !is_for_the_driver(&order, charged)) return charged;
  return settle_array(&order, charged, REAL(cuArray3DCreate_v2)(out, desc), out);
}

HOOK_EXPORT CUresult cuArrayCreate_v2(CUarray *out, const struct cuda_array_desc *desc) {
  struct order order;
  if (out == NULL || desc == NULL) return REAL(cuArrayCreate_v2)(out, desc);
  struct cuda_array3d_desc as_volume = {desc->width, desc->height, 0, desc->format, desc->channels, 0};
  CUresult charged = charge(&order, &as_volume, 0);
  if (charged != CUDA_SUCCESS && !is_for_the_driver(&order, charged)) return charged;
  return settle_array(&order, charged, REAL(cuArrayCreate_v2)(out, desc), out);
}

HOOK_EXPORT CUresult cuArray3DCreate(CUarray *out, const struct cuda_array3d_desc_v1 *desc) {
  struct order order;
  if (out == NULL || desc == NULL) return REAL(cuArray3DCreate)(out, desc);
  struct cuda_array3d_desc wide = {desc->width,  desc->height,   desc->depth,
                                   desc->format, desc->channels, desc->flags};
  CUresult charged = charge(&order, &wide, 0);
  if (charged != CUDA_SUCCESS && !is_for_the_driver(&order, charged)) return charged;
  return settle_array(&order, charged, REAL(cuArray3DCreate)(out, desc), out);
}

HOOK_EXPORT CUresult cuArrayCreate(CUarray *out, const struct cuda_array_desc_v1 *desc) {
  struct order order;
  if (out == NULL || desc == NULL) return REAL(cuArrayCreate)(out, desc);
  struct cuda_array3d_desc as_volume = {desc->width, desc->height, 0, desc->format, desc->channels, 0};
  CUresult charged = charge(&order, &as_volume, 0);
  if (charged != CUDA_SUCCESS && !is_for_the_driver(&order, charged)) return charged;
  return settle_array(&order, charged, REAL(cuArrayCreate)(out, desc), out);
}

HOOK_EXPORT CUresult cuMipmappedArrayCreate(CUmipmappedArray *out, const struct cuda_array3d_desc *desc,
                                            unsigned int levels) {
  struct order order;
  if (out == NULL || desc == NULL || levels == 0) return REAL(cuMipmappedArrayCreate)(out, desc, levels);
  CUresult charged = charge(&order, desc, levels);
  if (charged != CUDA_SUCCESS && !is_for_the_driver(&order, charged)) return charged;
  CUresult result = REAL(cuMipmappedArrayCreate)(out, desc, levels);
  if (charged == CUDA_SUCCESS) return settle(&order, result, (uintptr_t)*out);
  if (result != CUDA_SUCCESS) return result;
  REAL(cuMipmappedArrayDestroy)(*out);
  return charged;
}

/* ---- giving back ---- */

HOOK_EXPORT CUresult cuArrayDestroy(CUarray array) {
  struct ptrmap_entry entry;
  bool is_ours = account_take((uintptr_t)array, PTRMAP_ARRAY, &entry);
  CUresult result = REAL(cuArrayDestroy)(array);
  return is_ours ? account_give_back(&entry, result) : result;
}

HOOK_EXPORT CUresult cuMipmappedArrayDestroy(CUmipmappedArray mipmap) {
  struct ptrmap_entry entry;
  bool is_ours = account_take((uintptr_t)mipmap, PTRMAP_ARRAY, &entry);
  CUresult result = REAL(cuMipmappedArrayDestroy)(mipmap);
  return is_ours ? account_give_back(&entry, result) : result;
}
