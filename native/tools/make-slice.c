// SPDX-License-Identifier: Apache-2.0
// make-slice FOLDER UUID MIB[:PERMILLE[:soft]] [...]: writes FOLDER/limits and FOLDER/region, for hand and bench. In a
// cluster the node's agent writes them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "region.h"

static int write_file(const char *folder, const char *name, const void *bytes, size_t size, mode_t mode) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  FILE *file = fopen(path, "we");
  if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0 || chmod(path, mode) != 0) {
    perror(path);
    return 1;
  }
  return 0;
}

static void read_amounts(struct limits_device *device, const char *text) {
  char *end;
  device->memory_limit_bytes = strtoull(text, &end, 10) << 20;
  if (*end == ':') device->core_permille = (uint32_t)strtoul(end + 1, &end, 10);
  if (strcmp(end, ":soft") == 0) device->flags |= LIMITS_CORES_SOFT;
}

int main(int argc, char **argv) {
  static struct limits_page page = {.magic = LIMITS_MAGIC, .version = LIMITS_VERSION, .size_bytes = LIMITS_BYTES, .epoch = 1};
  static struct region region = {.magic = REGION_MAGIC,
                                 .version = REGION_VERSION,
                                 .size_bytes = REGION_BYTES,
                                 .slot_count = REGION_SLOTS,
                                 .device_count = KERF_DEVICES_MAX,
                                 .class_count = REGION_CLASSES};
  if (argc < 4 || argc % 2 != 0 || (argc - 2) / 2 > (int)KERF_DEVICES_MAX) {
    fprintf(stderr, "make-slice FOLDER UUID MIB[:PERMILLE[:soft]] [UUID MIB ...], at most %u devices\n", KERF_DEVICES_MAX);
    return 2;
  }
  for (int i = 2; i + 1 < argc; i += 2) {
    struct limits_device *device = &page.devices[page.device_count++];
    if (strlen(argv[i]) >= sizeof(device->uuid)) return 2;
    strcpy(device->uuid, argv[i]);
    read_amounts(device, argv[i + 1]);
  }
  return write_file(argv[1], "limits", &page, sizeof(page), 0444) +
         write_file(argv[1], "region", &region, sizeof(region), 0666);
}
