// SPDX-License-Identifier: Apache-2.0
// NVML's lists of processes: the container's own, with what the ledger says they hold. Who is at work on the GPU by
// graphics or MPS only the driver knows; of his list those are kept that are ours.
#include <stddef.h>
#include <string.h>

#include "nvml-view.h"

#define DRIVER_ROWS 256u

typedef nvmlReturn_t (*list_fn)(nvmlDevice_t, unsigned int *, void *);

/* Version 1 has the first two fields only. */
static void put_row(unsigned char *rows, size_t row_bytes, uint32_t at, const struct nvml_holder *holder) {
  struct nvml_process row = {.pid = holder->pid,
                             .used_bytes = holder->bytes,
                             .gpu_instance = NVML_NO_INSTANCE,
                             .compute_instance = NVML_NO_INSTANCE};
  memcpy(rows + at * row_bytes, &row, row_bytes);
}

/* As the driver answers: the number of rows, filled or not. */
static nvmlReturn_t answer(unsigned int *count, uint32_t found, uint32_t room) {
  *count = found;
  return found > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

/* Asks for the number alone: the driver's own refusals come first. */
static nvmlReturn_t ask_driver(const char *name, nvmlDevice_t device, unsigned int *count, void *rows) {
  unsigned int number = 0;
  if (count == NULL) return NVML_REAL(list_fn, name)(device, NULL, rows);
  if (rows == NULL && *count != 0) return NVML_ERROR_INVALID_ARGUMENT;
  nvmlReturn_t result = NVML_REAL(list_fn, name)(device, &number, NULL);
  return result == NVML_ERROR_INSUFFICIENT_SIZE ? NVML_SUCCESS : result;
}

static nvmlReturn_t list_compute(const char *name, nvmlDevice_t device, unsigned int *count, void *rows, size_t row_bytes) {
  struct nvml_view view;
  struct nvml_holder holder;
  uint32_t at = 0, found = 0;
  nvmlReturn_t result = ask_driver(name, device, count, rows);
  if (result == NVML_SUCCESS) result = nvml_view(device, &view);
  if (result != NVML_SUCCESS) return result;
  while (nvml_view_next(&view, &at, &holder)) {
    if (found < *count) put_row(rows, row_bytes, found, &holder);
    found++;
  }
  return answer(count, found, *count);
}

static nvmlReturn_t list_other(const char *name, nvmlDevice_t device, unsigned int *count, void *rows, size_t row_bytes) {
  struct nvml_view view;
  struct nvml_holder holder;
  unsigned char all[DRIVER_ROWS * sizeof(struct nvml_process)];
  unsigned int listed = DRIVER_ROWS;
  uint32_t found = 0, pid = 0;
  nvmlReturn_t result = ask_driver(name, device, count, rows);
  if (result == NVML_SUCCESS) result = nvml_view(device, &view);
  if (result == NVML_SUCCESS) result = NVML_REAL(list_fn, name)(device, &listed, all);
  if (result != NVML_SUCCESS) return result;
  for (uint32_t i = 0; i < listed; i++) {
    memcpy(&pid, all + i * row_bytes, sizeof(pid));
    if (!nvml_view_find(&view, pid, &holder)) continue;
    if (found < *count) put_row(rows, row_bytes, found, &holder);
    found++;
  }
  return answer(count, found, *count);
}

#define ROW_V1 sizeof(struct nvml_process_v1)
#define ROW_V2 sizeof(struct nvml_process)

#define LIST(symbol, list, row_bytes)                                                             \
  HOOK_EXPORT nvmlReturn_t symbol(nvmlDevice_t device, unsigned int *count, void *rows) {         \
    return list(#symbol, device, count, rows, row_bytes);                                         \
  }

LIST(nvmlDeviceGetComputeRunningProcesses, list_compute, ROW_V1)
LIST(nvmlDeviceGetComputeRunningProcesses_v2, list_compute, ROW_V2)
LIST(nvmlDeviceGetComputeRunningProcesses_v3, list_compute, ROW_V2)
LIST(nvmlDeviceGetGraphicsRunningProcesses, list_other, ROW_V1)
LIST(nvmlDeviceGetGraphicsRunningProcesses_v2, list_other, ROW_V2)
LIST(nvmlDeviceGetGraphicsRunningProcesses_v3, list_other, ROW_V2)
LIST(nvmlDeviceGetMPSComputeRunningProcesses, list_other, ROW_V1)
LIST(nvmlDeviceGetMPSComputeRunningProcesses_v2, list_other, ROW_V2)
LIST(nvmlDeviceGetMPSComputeRunningProcesses_v3, list_other, ROW_V2)

/* ---- details, in one structure ---- */

typedef nvmlReturn_t (*details_fn)(nvmlDevice_t, struct nvml_details *);

HOOK_EXPORT nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device, struct nvml_details *list) {
  struct nvml_view view;
  struct nvml_holder holder;
  uint32_t at = 0, found = 0;
  if (list == NULL) return NVML_REAL(details_fn, "nvmlDeviceGetRunningProcessDetailList")(device, list);
  struct nvml_details asked = {list->version, list->mode, 0, NULL};
  nvmlReturn_t result = NVML_REAL(details_fn, "nvmlDeviceGetRunningProcessDetailList")(device, &asked);
  if (result == NVML_ERROR_INSUFFICIENT_SIZE) result = NVML_SUCCESS;
  if (result == NVML_SUCCESS) result = nvml_view(device, &view);
  if (result != NVML_SUCCESS) return result;
  uint32_t room = list->rows != NULL ? list->count : 0;
  while (list->mode == NVML_PROCESSES_COMPUTE && nvml_view_next(&view, &at, &holder)) {
    if (found < room)
      list->rows[found] =
          (struct nvml_detail){holder.pid, holder.bytes, NVML_NO_INSTANCE, NVML_NO_INSTANCE, 0};
    found++;
  }
  return answer(&list->count, found, room);
}

/* ---- samples of use, and accounting: those of others are taken out of what the driver told ---- */

static bool is_ours(const struct nvml_view *view, uint32_t pid) {
  struct nvml_holder holder;
  return nvml_view_find(view, pid, &holder);
}

struct rows {
  unsigned char *at;
  uint32_t count;
  size_t row_bytes;
  size_t pid_offset;
};

static uint32_t keep_ours(const struct nvml_view *view, const struct rows *rows) {
  uint32_t kept = 0, pid = 0;
  for (uint32_t i = 0; i < rows->count; i++) {
    const unsigned char *row = rows->at + i * rows->row_bytes;
    memcpy(&pid, row + rows->pid_offset, sizeof(pid));
    if (!is_ours(view, pid)) continue;
    memmove(rows->at + kept * rows->row_bytes, row, rows->row_bytes);
    kept++;
  }
  memset(rows->at + kept * rows->row_bytes, 0, (rows->count - kept) * rows->row_bytes);
  return kept;
}

/* The driver says NOT_FOUND where it has no samples. */
static nvmlReturn_t filter(nvmlDevice_t device, unsigned int *count, struct rows rows) {
  struct nvml_view view;
  nvmlReturn_t result = nvml_view(device, &view);
  if (rows.at == NULL) return result;
  rows.count = *count;
  if (result != NVML_SUCCESS) {
    memset(rows.at, 0, rows.count * rows.row_bytes);
    *count = 0;
    return result;
  }
  *count = keep_ours(&view, &rows);
  return *count > 0 || rows.count == 0 ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

typedef nvmlReturn_t (*samples_fn)(nvmlDevice_t, struct nvml_sample *, unsigned int *, unsigned long long);
typedef nvmlReturn_t (*use_fn)(nvmlDevice_t, struct nvml_uses *);
typedef nvmlReturn_t (*pids_fn)(nvmlDevice_t, unsigned int *, unsigned int *);
typedef nvmlReturn_t (*stats_fn)(nvmlDevice_t, unsigned int, void *);

HOOK_EXPORT nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, struct nvml_sample *samples,
                                                         unsigned int *count, unsigned long long since_us) {
  nvmlReturn_t result = NVML_REAL(samples_fn, "nvmlDeviceGetProcessUtilization")(device, samples, count, since_us);
  if (result != NVML_SUCCESS) return result;
  return filter(device, count,
                (struct rows){(unsigned char *)samples, 0, sizeof(*samples), offsetof(struct nvml_sample, pid)});
}

HOOK_EXPORT nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, struct nvml_uses *uses) {
  nvmlReturn_t result = NVML_REAL(use_fn, "nvmlDeviceGetProcessesUtilizationInfo")(device, uses);
  if (result != NVML_SUCCESS || uses == NULL) return result;
  return filter(device, &uses->count,
                (struct rows){(unsigned char *)uses->rows, 0, sizeof(*uses->rows), offsetof(struct nvml_use, pid)});
}

HOOK_EXPORT nvmlReturn_t nvmlDeviceGetAccountingPids(nvmlDevice_t device, unsigned int *count, unsigned int *pids) {
  nvmlReturn_t result = NVML_REAL(pids_fn, "nvmlDeviceGetAccountingPids")(device, count, pids);
  if (result != NVML_SUCCESS || count == NULL) return result;
  result = filter(device, count, (struct rows){(unsigned char *)pids, 0, sizeof(*pids), 0});
  return result == NVML_ERROR_NOT_FOUND ? NVML_SUCCESS : result;
}

HOOK_EXPORT nvmlReturn_t nvmlDeviceGetAccountingStats(nvmlDevice_t device, unsigned int pid, void *stats) {
  struct nvml_view view;
  nvmlReturn_t result = nvml_view(device, &view);
  if (result != NVML_SUCCESS) return result;
  if (!is_ours(&view, pid)) return NVML_ERROR_NOT_FOUND;
  return NVML_REAL(stats_fn, "nvmlDeviceGetAccountingStats")(device, pid, stats);
}
