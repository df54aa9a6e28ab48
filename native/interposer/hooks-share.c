// SPDX-License-Identifier: Apache-2.0
// Memory of other processes: handles sent as files, IPC, and pointers of imported pools. What a process of this container gave is charged to it
// already, and stays charged when it goes first (share.h). What comes from elsewhere, or from somebody who has gone,
// is charged to who imports it, because it lives on here. Fabric handles name memory that may lie in another machine:
// they are not counted.
#include "account.h"
#include "hooks.h"

HOOK_EXPORT CUresult cuIpcCloseMemHandle(CUdeviceptr pointer);

/* ---- handles ---- */

HOOK_EXPORT CUresult cuMemExportToShareableHandle(void *out, CUmemGenericAllocationHandle handle, int type,
                                                  unsigned long long flags) {
  share_id id;
  CUresult result = REAL(cuMemExportToShareableHandle)(out, handle, type, flags);
  if (result == CUDA_SUCCESS && type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR &&
      account_give(handle, PTRMAP_HANDLE, 0, &id))
    share_mark(*(const int *)out, account_family(), id);
  return result;
}

/* The device it lies on, as an index on the limits page; false for host memory. */
static bool find_device(CUmemGenericAllocationHandle handle, uint8_t *index) {
  struct cuda_allocation_prop prop = {0};
  CUdevice device = 0;
  if (DRIVER(cuMemGetAllocationPropertiesFromHandle)(&prop, handle) == CUDA_SUCCESS) {
    if (prop.location.type != CU_MEM_LOCATION_TYPE_DEVICE) return false;
    device = prop.location.id;
  } else if (DRIVER(cuCtxGetDevice)(&device) != CUDA_SUCCESS) {
    return false;
  }
  int at = account_index(device);
  *index = (uint8_t)at;
  return at >= 0;
}

/* Held before the driver is asked: a giver who dies between the two leaves it to nobody else. 0 where nobody of this
 * container gives it. */
static share_id hold(share_id id) {
  return id != 0 && account_map() != NULL && share_hold(account_desk(), id) ? id : 0;
}

static void let_go(share_id id) {
  if (id != 0) share_drop(account_desk(), id);
}

/* A stranger's is charged by cuMemMap, which tells how large it is. */
static void learn_import(CUmemGenericAllocationHandle handle, share_id held) {
  struct ptrmap_entry entry = {
      .key = handle, .refs = 1, .kind = PTRMAP_HANDLE, .memory_class = REGION_CLASS_IMPORT};
  if (account_count(handle, PTRMAP_HANDLE, 1)) {
    let_go(held);
    return;
  }
  if (held != 0) {
    entry.flags = PTRMAP_HOLDS;
    entry.bytes = held;
  } else if (!find_device(handle, &entry.device)) {
    return;
  }
  account_keep(&entry);
}

HOOK_EXPORT CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *out, void *os_handle, int type) {
  if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)
    return REAL(cuMemImportFromShareableHandle)(out, os_handle, type);
  share_id held = hold(share_read_mark((int)(intptr_t)os_handle, account_family()));
  CUresult result = REAL(cuMemImportFromShareableHandle)(out, os_handle, type);
  if (result != CUDA_SUCCESS) let_go(held);
  else if (account_map() != NULL) learn_import(*out, held);
  return result;
}

/* ---- IPC ---- */

/* Both sides have the same 64 bytes. Never 0. */
static uint64_t word_of(const struct cuda_ipc_handle *handle) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (unsigned int i = 0; i < sizeof(handle->bytes); i++) hash = (hash ^ handle->bytes[i]) * 0x100000001b3ull;
  return ((hash ^ hash >> 32) & 0x3fffffff) | 1;
}

HOOK_EXPORT CUresult cuIpcGetMemHandle(struct cuda_ipc_handle *out, CUdeviceptr pointer) {
  CUdeviceptr base = pointer;
  size_t size;
  share_id id;
  CUresult result = REAL(cuIpcGetMemHandle)(out, pointer);
  if (result != CUDA_SUCCESS) return result;
  DRIVER(cuMemGetAddressRange_v2)(&base, &size, pointer);
  account_give(base, PTRMAP_POINTER, word_of(out), &id);
  return result;
}

/* Nothing new is allocated by opening, so it may be charged after. */
static CUresult charge_stranger(CUdeviceptr pointer, struct ptrmap_entry *entry) {
  struct account_charge charge;
  CUdeviceptr base = pointer;
  size_t size = 0;
  CUresult result = DRIVER(cuMemGetAddressRange_v2)(&base, &size, pointer);
  if (result == CUDA_SUCCESS) result = account_charge_current(&charge, account_round(size), REGION_CLASS_IMPORT);
  if (result != CUDA_SUCCESS) return result;
  entry->bytes = charge.ledger.bytes;
  entry->device = (uint8_t)charge.ledger.device;
  return CUDA_SUCCESS;
}

/* What another process gave, by its address here; owned by the context that it was opened in. */
static CUresult keep_opened(CUdeviceptr pointer, uint8_t kind, share_id held) {
  struct ptrmap_entry entry = {.key = pointer, .refs = 1, .kind = kind, .memory_class = REGION_CLASS_IMPORT};
  CUcontext context = NULL;
  DRIVER(cuCtxGetCurrent)(&context);
  entry.owner = (uintptr_t)context;
  if (held != 0) {
    entry.flags = PTRMAP_HOLDS;
    entry.bytes = held;
  } else {
    CUresult result = charge_stranger(pointer, &entry);
    if (result != CUDA_SUCCESS) return result;
  }
  account_keep(&entry);
  return CUDA_SUCCESS;
}

static CUresult learn_opened(CUdeviceptr pointer, share_id held) {
  if (!account_count(pointer, PTRMAP_OPENED, 1)) return keep_opened(pointer, PTRMAP_OPENED, held);
  let_go(held);
  return CUDA_SUCCESS;
}

typedef CUresult (*open_fn)(CUdeviceptr *, struct cuda_ipc_handle, unsigned int);

static CUresult open_handle(open_fn real, CUdeviceptr *out, const struct cuda_ipc_handle *handle, unsigned int flags) {
  share_id held = hold(share_find(account_desk(), word_of(handle)));
  CUresult result = real(out, *handle, flags);
  if (result != CUDA_SUCCESS) {
    let_go(held);
    return result;
  }
  if (account_map() == NULL) result = CUDA_ERROR_NO_DEVICE;
  else result = learn_opened(*out, held);
  if (result != CUDA_SUCCESS) REAL(cuIpcCloseMemHandle)(*out);
  return result;
}

HOOK_EXPORT CUresult cuIpcOpenMemHandle(CUdeviceptr *out, struct cuda_ipc_handle handle, unsigned int flags) {
  return open_handle(REAL(cuIpcOpenMemHandle), out, &handle, flags);
}

HOOK_EXPORT CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *out, struct cuda_ipc_handle handle, unsigned int flags) {
  return open_handle(REAL(cuIpcOpenMemHandle_v2), out, &handle, flags);
}

HOOK_EXPORT CUresult cuIpcCloseMemHandle(CUdeviceptr pointer) {
  struct ptrmap_entry entry;
  bool is_ours = account_let_go(pointer, PTRMAP_OPENED, &entry);
  CUresult result = REAL(cuIpcCloseMemHandle)(pointer);
  return is_ours ? account_has_let_go(&entry, result) : result;
}

/* ---- pointers of pools ---- */

HOOK_EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer);

HOOK_EXPORT CUresult cuMemPoolExportPointer(struct cuda_ipc_handle *out, CUdeviceptr pointer) {
  share_id id;
  CUresult result = REAL(cuMemPoolExportPointer)(out, pointer);
  if (result == CUDA_SUCCESS) account_give(pointer, PTRMAP_POINTER, word_of(out), &id);
  return result;
}

HOOK_EXPORT CUresult cuMemPoolImportPointer(CUdeviceptr *out, CUmemoryPool pool, struct cuda_ipc_handle *data) {
  share_id held = data == NULL ? 0 : hold(share_find(account_desk(), word_of(data)));
  CUresult result = REAL(cuMemPoolImportPointer)(out, pool, data);
  if (result != CUDA_SUCCESS) {
    let_go(held);
    return result;
  }
  result = account_map() == NULL ? CUDA_ERROR_NO_DEVICE : keep_opened(*out, PTRMAP_POINTER, held);
  if (result != CUDA_SUCCESS) REAL(cuMemFree_v2)(*out);
  return result;
}
