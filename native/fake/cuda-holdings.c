// SPDX-License-Identifier: Apache-2.0
#include "cuda-holdings.h"

#include "cuda-vmm.h"

#define HANDLE_BYTES 512u
/* In refs of an entry: it has charged its bytes. */
enum { HAS_NOTHING = 1, HAS_MEMORY = 2 };

static CUresult put(const struct holding *holding, uint32_t refs, uint64_t *handle) {
  struct ptrmap_entry entry = {arena_take(HANDLE_BYTES),         holding->bytes,
                               (uintptr_t)holding->context,      refs,
                               holding->kind,                    (uint8_t)holding->context->device,
                               (uint8_t)holding->memory_class,   holding->flags};
  if (entry.key == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  if (!ptrmap_put(&fake_cuda.map, &entry)) {
    arena_give(entry.key, HANDLE_BYTES);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *handle = entry.key;
  return CUDA_SUCCESS;
}

CUresult cuda_hold_nothing(const struct holding *holding, uint64_t *handle) {
  return put(holding, HAS_NOTHING, handle);
}

CUresult cuda_hold(const struct holding *holding, uint64_t *handle) {
  uint32_t gpu = cuda_gpu(holding->context->device)->index;
  if (!world_charge(&fake_cuda.world, gpu, holding->bytes, holding->memory_class)) return CUDA_ERROR_OUT_OF_MEMORY;
  CUresult result = put(holding, HAS_MEMORY, handle);
  if (result != CUDA_SUCCESS) world_refund(&fake_cuda.world, gpu, holding->bytes, holding->memory_class);
  return result;
}

static void drop_binding(const struct ptrmap_entry *binding, void *context) {
  (void)context;
  vmm_drop(binding->bytes);
}

/* A part's whole stands in an entry of its own, as its bytes are its size. */
void cuda_drop_part_of(uint64_t key) {
  struct ptrmap_entry whole;
  if (ptrmap_take(&fake_cuda.map, key, PTRMAP_BINDING, &whole)) cuda_drop_part(whole.owner);
}

void cuda_let_go(const struct ptrmap_entry *entry) {
  if (entry->refs == HAS_MEMORY)
    world_refund(&fake_cuda.world, cuda_gpu(entry->device)->index, entry->bytes, entry->memory_class);
  if ((entry->flags & PTRMAP_BOUND) != 0)
    ptrmap_sweep(&fake_cuda.map, entry->key, PTRMAP_BINDING, drop_binding, NULL);
  if ((entry->flags & PTRMAP_PART) != 0) cuda_drop_part_of(entry->key);
  arena_give(entry->key, HANDLE_BYTES);
}

static void drop_one(const struct ptrmap_entry *entry, void *context) {
  (void)context;
  if (entry->kind == PTRMAP_OPENED) cuda_close_opened(entry);
  else cuda_let_go(entry);
}

void cuda_holdings_drop(struct CUctx_st *context) {
  static const uint8_t KINDS[] = {PTRMAP_ARRAY, PTRMAP_EXTERNAL, PTRMAP_OPENED, PTRMAP_EXTERNAL | PTRMAP_GIVEN,
                                  PTRMAP_CODE, PTRMAP_LIMIT};
  for (uint32_t i = 0; i < sizeof(KINDS); i++)
    ptrmap_sweep(&fake_cuda.map, (uintptr_t)context, KINDS[i], drop_one, NULL);
}
