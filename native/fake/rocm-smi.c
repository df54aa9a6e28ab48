// SPDX-License-Identifier: Apache-2.0
// Fake librocm_smi64: a machine of AMD GPUs as kerf-fake-amd writes it, seen through ROCm SMI. It holds nothing in
// memory of processes: how much is used and how busy a GPU is stands in a file that tests write.
//
//   DIR/amd/gpus    the machine's GPUs as text
//   DIR/amd/live    optional: "<unique id> <used MiB> <busy percent>" a line
//   DIR/amd/faults  optional: "<unique id> lost" a line: its files are gone; or "<unique id> <count>": so many
//                   uncorrectable errors of its memory since the driver was loaded
//   DIR/amd/hang    optional: while it exists, calls never return
//
// DIR is $KERF_FAKE_DIR, else /run/kerf-fake.
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rocm-smi-abi.h"

#define EXPORT __attribute__((visibility("default")))
#define DEFAULT_DIR "/run/kerf-fake"
#define GPUS_MAX 16
#define LINE_BYTES 256

struct amd_gpu {
  uint64_t unique_id;
  uint32_t minor;
  unsigned int domain, bus, device, function;
  int32_t numa_node;
  bool is_in_hive;
  uint64_t memory_bytes;
  char model[96];
};

static struct amd_gpu gpus[GPUS_MAX];
static uint32_t count;
static uint32_t users; /* rsmi_init calls without rsmi_shut_down */

static void path_of(char *path, const char *name) {
  const char *dir = getenv("KERF_FAKE_DIR");
  snprintf(path, LINE_BYTES, "%s/amd/%s", dir != NULL ? dir : DEFAULT_DIR, name);
}

static FILE *machine_file(const char *name) {
  char path[LINE_BYTES];
  path_of(path, name);
  return fopen(path, "re");
}

static void hang_while_told(void) {
  char path[LINE_BYTES];
  path_of(path, "hang");
  while (access(path, F_OK) == 0) usleep(20000);
}

/* ---- DIR/amd/gpus ---- */

static void read_pair(struct amd_gpu *gpu, const char *key, const char *value) {
  if (strcmp(key, "unique_id") == 0) gpu->unique_id = strtoull(value, NULL, 16);
  if (strcmp(key, "minor") == 0) gpu->minor = (uint32_t)atoi(value);
  if (strcmp(key, "numa_node") == 0) gpu->numa_node = atoi(value);
  if (strcmp(key, "memory_mib") == 0) gpu->memory_bytes = strtoull(value, NULL, 10) << 20;
  if (strcmp(key, "hive") == 0) gpu->is_in_hive = strcmp(value, "yes") == 0;
  if (strcmp(key, "model") == 0) snprintf(gpu->model, sizeof(gpu->model), "%s", value);
  if (strcmp(key, "pci_bus_id") == 0)
    sscanf(value, "%x:%x:%x.%x", &gpu->domain, &gpu->bus, &gpu->device, &gpu->function);
}

static bool read_gpus(void) {
  char line[LINE_BYTES];
  FILE *file = machine_file("gpus");
  if (file == NULL) return false;
  count = 0;
  while (fgets(line, sizeof(line), file) != NULL) {
    line[strcspn(line, "\r\n")] = '\0';
    char *equals = strchr(line, '=');
    if (strcmp(line, "[gpu]") == 0 && count < GPUS_MAX) gpus[count++] = (struct amd_gpu){.numa_node = -1};
    if (equals == NULL || count == 0) continue;
    *equals = '\0';
    read_pair(&gpus[count - 1], line, equals + 1);
  }
  fclose(file);
  return true;
}

/* The words that a file says of a GPU after its id; false where it says nothing. */
static bool said_of(const struct amd_gpu *gpu, const char *name, char words[2][32]) {
  char line[LINE_BYTES];
  FILE *file = machine_file(name);
  bool is_said = false;
  words[0][0] = words[1][0] = '\0';
  if (file == NULL) return false;
  while (!is_said && fgets(line, sizeof(line), file) != NULL) {
    uint64_t id = strtoull(line, NULL, 16);
    is_said = id == gpu->unique_id && sscanf(line, "%*s %31s %31s", words[0], words[1]) >= 1;
  }
  fclose(file);
  return is_said;
}

static bool is_lost(const struct amd_gpu *gpu) {
  char words[2][32];
  return said_of(gpu, "faults", words) && strcmp(words[0], "lost") == 0;
}

/* ---- the library ---- */

#define CHECK_INIT()                                    \
  do {                                                  \
    hang_while_told();                                  \
    if (users == 0) return RSMI_STATUS_INIT_ERROR;      \
  } while (0)
#define CHECK_OUT(out)                                  \
  do {                                                  \
    if ((out) == NULL) return RSMI_STATUS_INVALID_ARGS; \
  } while (0)
#define CHECK_DEVICE(index, out)                             \
  do {                                                       \
    CHECK_INIT();                                            \
    CHECK_OUT(out);                                          \
    if ((index) >= count) return RSMI_STATUS_INVALID_ARGS;   \
    if (is_lost(&gpus[index])) return RSMI_STATUS_FILE_ERROR; \
  } while (0)

static rsmi_status_t put_text(char *out, size_t size, const char *text) {
  int length = snprintf(out, size, "%s", text);
  return length >= 0 && (size_t)length < size ? RSMI_STATUS_SUCCESS : RSMI_STATUS_INSUFFICIENT_SIZE;
}

EXPORT rsmi_status_t rsmi_init(uint64_t flags) {
  (void)flags;
  hang_while_told();
  if (users == 0 && !read_gpus()) return RSMI_STATUS_INIT_ERROR;
  users++;
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_shut_down(void) {
  CHECK_INIT();
  users--;
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_num_monitor_devices(uint32_t *number) {
  CHECK_INIT();
  CHECK_OUT(number);
  *number = count;
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_version_str_get(int component, char *version, uint32_t size) {
  CHECK_INIT();
  CHECK_OUT(version);
  if (component != RSMI_SW_COMP_DRIVER) return RSMI_STATUS_INVALID_ARGS;
  return put_text(version, size, "6.12.12");
}

EXPORT rsmi_status_t rsmi_dev_unique_id_get(uint32_t index, uint64_t *id) {
  CHECK_DEVICE(index, id);
  *id = gpus[index].unique_id;
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_dev_name_get(uint32_t index, char *name, size_t size) {
  CHECK_DEVICE(index, name);
  return put_text(name, size, gpus[index].model);
}

EXPORT rsmi_status_t rsmi_dev_drm_render_minor_get(uint32_t index, uint32_t *minor) {
  CHECK_DEVICE(index, minor);
  *minor = gpus[index].minor;
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_dev_pci_id_get(uint32_t index, uint64_t *id) {
  CHECK_DEVICE(index, id);
  const struct amd_gpu *gpu = &gpus[index];
  *id = RSMI_BDFID(gpu->domain, gpu->bus, gpu->device, gpu->function);
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_topo_numa_affinity_get(uint32_t index, int32_t *node) {
  CHECK_DEVICE(index, node);
  *node = gpus[index].numa_node;
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_dev_memory_total_get(uint32_t index, int type, uint64_t *bytes) {
  CHECK_DEVICE(index, bytes);
  if (type != RSMI_MEM_TYPE_VRAM) return RSMI_STATUS_NOT_SUPPORTED;
  *bytes = gpus[index].memory_bytes;
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_dev_memory_usage_get(uint32_t index, int type, uint64_t *bytes) {
  char words[2][32];
  CHECK_DEVICE(index, bytes);
  if (type != RSMI_MEM_TYPE_VRAM) return RSMI_STATUS_NOT_SUPPORTED;
  *bytes = said_of(&gpus[index], "live", words) ? strtoull(words[0], NULL, 10) << 20 : 0;
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_dev_busy_percent_get(uint32_t index, uint32_t *percent) {
  char words[2][32];
  CHECK_DEVICE(index, percent);
  *percent = said_of(&gpus[index], "live", words) ? (uint32_t)atoi(words[1]) : 0;
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_dev_ecc_enabled_get(uint32_t index, uint64_t *blocks) {
  CHECK_DEVICE(index, blocks);
  *blocks = RSMI_GPU_BLOCK_UMC | RSMI_GPU_BLOCK_GFX;
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_dev_ecc_count_get(uint32_t index, uint64_t block, struct rsmi_error_count *errors) {
  char words[2][32];
  CHECK_DEVICE(index, errors);
  if ((block & (RSMI_GPU_BLOCK_UMC | RSMI_GPU_BLOCK_GFX)) == 0) return RSMI_STATUS_NOT_SUPPORTED;
  bool is_said = block == RSMI_GPU_BLOCK_UMC && said_of(&gpus[index], "faults", words);
  *errors = (struct rsmi_error_count){0, is_said ? strtoull(words[0], NULL, 10) : 0};
  return RSMI_STATUS_SUCCESS;
}

EXPORT rsmi_status_t rsmi_topo_get_link_type(uint32_t from, uint32_t to, uint64_t *hops, int *type) {
  CHECK_DEVICE(from, hops);
  CHECK_DEVICE(to, type);
  bool is_direct = gpus[from].is_in_hive && gpus[to].is_in_hive;
  if (from == to) return RSMI_STATUS_INVALID_ARGS;
  *hops = is_direct ? 1 : 2;
  *type = is_direct ? RSMI_IOLINK_TYPE_XGMI : RSMI_IOLINK_TYPE_PCIEXPRESS;
  return RSMI_STATUS_SUCCESS;
}
