// SPDX-License-Identifier: Apache-2.0
// Fake libnvidia-ml: who uses a GPU. All processes of the machine, whoever asks, as the real one tells them; who draws
// and who goes through MPS is told by DIR/graphics and DIR/mps.
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "nvml.h"
#include "timeline.h"

#define SECOND_NS 1000000000ull
#define BAR1_BYTES (64ull << 30)

/* Rows of a list: the next one's place is filled while there is room, and all are counted. */
struct list {
  unsigned char *rows;
  size_t row_bytes;
  uint32_t room;
  uint32_t found;
};

static void put(struct list *list, const struct nvml_process *row) {
  if (list->found < list->room) memcpy(list->rows + list->found * list->row_bytes, row, list->row_bytes);
  list->found++;
}

static void list_holders(const struct nvml_inside *in, struct list *list) {
  for (uint32_t i = 0; i < REGION_SLOTS; i++) {
    const struct region_slot *slot = &in->world->ledger.region->slots[i];
    uint64_t bytes = slot->pid != 0 ? ledger_slot_bytes(slot, in->gpu->index) : 0;
    uint32_t pid = bytes > 0 ? world_owner(in->world, i) : 0;
    if (pid != 0) put(list, &(struct nvml_process){pid, bytes, NVML_NO_INSTANCE, NVML_NO_INSTANCE});
  }
}

static void list_named(const struct nvml_inside *in, struct list *list, const char *file_name) {
  char uuid[FAKE_TEXT_BYTES];
  unsigned int pid = 0;
  FILE *file = world_file(file_name);
  if (file == NULL) return;
  while (fscanf(file, "%95s %u", uuid, &pid) == 2)
    if (strcmp(uuid, in->gpu->uuid) == 0) put(list, &(struct nvml_process){pid, 0, NVML_NO_INSTANCE, NVML_NO_INSTANCE});
  fclose(file);
}

static void list_mode(const struct nvml_inside *in, struct list *list, unsigned int mode) {
  if (mode == NVML_PROCESSES_COMPUTE) list_holders(in, list);
  else list_named(in, list, mode == NVML_PROCESSES_GRAPHICS ? "graphics" : "mps");
}

static nvmlReturn_t answer(unsigned int *count, const struct list *list) {
  *count = list->found;
  return list->found > list->room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

struct question {
  unsigned int *count;
  void *rows;
  size_t row_bytes;
  unsigned int mode;
};

static nvmlReturn_t tell(nvmlDevice_t device, const struct question *ask) {
  BEGIN(device);
  CHECK_ARGUMENT(ask->count != NULL && (ask->rows != NULL || *ask->count == 0));
  struct list list = {ask->rows, ask->row_bytes, *ask->count, 0};
  list_mode(&in, &list, ask->mode);
  return answer(ask->count, &list);
}

#define LIST(symbol, row, mode)                                                                  \
  FAKE_EXPORT nvmlReturn_t symbol(nvmlDevice_t device, unsigned int *count, struct row *rows) {  \
    return tell(device, &(struct question){count, rows, sizeof(*rows), mode});                   \
  }

LIST(nvmlDeviceGetComputeRunningProcesses, nvml_process_v1, NVML_PROCESSES_COMPUTE)
LIST(nvmlDeviceGetComputeRunningProcesses_v2, nvml_process, NVML_PROCESSES_COMPUTE)
LIST(nvmlDeviceGetComputeRunningProcesses_v3, nvml_process, NVML_PROCESSES_COMPUTE)
LIST(nvmlDeviceGetGraphicsRunningProcesses, nvml_process_v1, NVML_PROCESSES_GRAPHICS)
LIST(nvmlDeviceGetGraphicsRunningProcesses_v2, nvml_process, NVML_PROCESSES_GRAPHICS)
LIST(nvmlDeviceGetGraphicsRunningProcesses_v3, nvml_process, NVML_PROCESSES_GRAPHICS)
LIST(nvmlDeviceGetMPSComputeRunningProcesses, nvml_process_v1, NVML_PROCESSES_MPS)
LIST(nvmlDeviceGetMPSComputeRunningProcesses_v2, nvml_process, NVML_PROCESSES_MPS)
LIST(nvmlDeviceGetMPSComputeRunningProcesses_v3, nvml_process, NVML_PROCESSES_MPS)

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device, struct nvml_details *details) {
  struct nvml_process rows[REGION_SLOTS];
  BEGIN(device);
  CHECK_ARGUMENT(details != NULL && details->mode <= NVML_PROCESSES_MPS);
  if (details->version != NVML_DETAILS_V1) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  CHECK_ARGUMENT(details->rows != NULL || details->count == 0);
  struct list list = {(unsigned char *)rows, sizeof(rows[0]), REGION_SLOTS, 0};
  list_mode(&in, &list, details->mode);
  for (uint32_t i = 0; i < list.found && i < details->count; i++)
    details->rows[i] =
        (struct nvml_detail){rows[i].pid, rows[i].used_bytes, NVML_NO_INSTANCE, NVML_NO_INSTANCE, 0};
  list.room = details->count;
  return answer(&details->count, &list);
}

/* ---- use of the last second, as long ago as the machine's lag says ---- */

static uint32_t percent_of(const struct nvml_inside *in, uint32_t pid, uint64_t end_ns) {
  const struct timeline_shared *time = in->world->time;
  uint64_t busy_ns = 0;
  for (uint32_t i = 0; i < TIMELINE_CLIENTS; i++) {
    const struct timeline_client *client = &time->clients[i];
    bool is_its = client->state != 0 && client->device == in->gpu->index && world_owner(in->world, client->slot) == pid;
    busy_ns += is_its ? timeline_busy_between(client->buckets, end_ns - SECOND_NS, end_ns) : 0;
  }
  uint64_t percent = busy_ns * 100 / SECOND_NS;
  return percent > 100 ? 100 : (uint32_t)percent;
}

static uint64_t sampled_at(const struct nvml_inside *in) { return clock_now_ns() - in->world->time->lag_ns; }

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, struct nvml_sample *samples,
                                                         unsigned int *count, unsigned long long since_us) {
  struct nvml_process rows[REGION_SLOTS];
  BEGIN(device);
  CHECK_ARGUMENT(count != NULL);
  struct list list = {(unsigned char *)rows, sizeof(rows[0]), REGION_SLOTS, 0};
  list_holders(&in, &list);
  uint32_t room = *count;
  uint64_t at_ns = sampled_at(&in);
  *count = at_ns / 1000 <= since_us ? 0 : list.found;
  if (*count == 0) return NVML_ERROR_NOT_FOUND;
  if (samples == NULL || *count > room) return NVML_ERROR_INSUFFICIENT_SIZE;
  for (uint32_t i = 0; i < list.found; i++)
    samples[i] = (struct nvml_sample){
        .pid = rows[i].pid, .time_us = at_ns / 1000, .sm = percent_of(&in, rows[i].pid, at_ns)};
  return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, struct nvml_uses *uses) {
  struct nvml_sample samples[REGION_SLOTS];
  unsigned int found = REGION_SLOTS;
  BEGIN(device);
  CHECK_ARGUMENT(uses != NULL);
  if (uses->version != NVML_USES_V1) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  nvmlReturn_t result = nvmlDeviceGetProcessUtilization(device, samples, &found, uses->since_us);
  if (result != NVML_SUCCESS) return result;
  uint32_t room = uses->count;
  uses->count = found;
  if (uses->rows == NULL || found > room) return NVML_ERROR_INSUFFICIENT_SIZE;
  for (uint32_t i = 0; i < found; i++)
    uses->rows[i] = (struct nvml_use){.time_us = samples[i].time_us, .pid = samples[i].pid, .sm = samples[i].sm};
  return NVML_SUCCESS;
}

/* ---- accounting, and the window for the host ---- */

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetAccountingPids(nvmlDevice_t device, unsigned int *count, unsigned int *pids) {
  struct nvml_process rows[REGION_SLOTS];
  BEGIN(device);
  CHECK_ARGUMENT(count != NULL && (pids != NULL || *count == 0));
  struct list list = {(unsigned char *)rows, sizeof(rows[0]), REGION_SLOTS, 0};
  list_holders(&in, &list);
  for (uint32_t i = 0; i < list.found && i < *count; i++) pids[i] = rows[i].pid;
  list.room = *count;
  return answer(count, &list);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetAccountingStats(nvmlDevice_t device, unsigned int pid, struct nvml_stats *stats) {
  struct nvml_process rows[REGION_SLOTS];
  BEGIN(device);
  CHECK_ARGUMENT(stats != NULL);
  struct list list = {(unsigned char *)rows, sizeof(rows[0]), REGION_SLOTS, 0};
  list_holders(&in, &list);
  for (uint32_t i = 0; i < list.found; i++) {
    if (rows[i].pid != pid) continue;
    *stats = (struct nvml_stats){.most_bytes = rows[i].used_bytes, .is_running = 1};
    return NVML_SUCCESS;
  }
  return NVML_ERROR_NOT_FOUND;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, struct nvml_bar1 *bar1) {
  BEGIN(device);
  CHECK_ARGUMENT(bar1 != NULL);
  bar1->total = BAR1_BYTES;
  bar1->used = world_used(in.world, in.gpu->index) / 64 + (1 << 20);
  bar1->free = bar1->total - bar1->used;
  return NVML_SUCCESS;
}
