// SPDX-License-Identifier: Apache-2.0
// dlopen by absolute path or alias would pass the shims by: file names of the driver are sent to them.
#include <stddef.h>
#include <string.h>

#include "driver.h"

static void *open_nothing(const char *name, int mode) {
  (void)name, (void)mode;
  return NULL;
}

/* "libcuda.so", "libcuda.so.1", "/usr/lib/libcuda.so.580.95.05": the stem, then a dot or the end. */
static int is_file_of(const char *path, const char *stem) {
  const char *slash = strrchr(path, '/');
  const char *base = slash != NULL ? slash + 1 : path;
  size_t length = strlen(stem);
  return strncmp(base, stem, length) == 0 && (base[length] == '\0' || base[length] == '.');
}

/* Called by the dlopen of entry-*.S: answers what to open and, through `next`, with whose dlopen. */
const char *loader_route(const char *name, void **next) {
  loader_open_fn open = loader_open();
  *(loader_open_fn *)next = open != NULL ? open : open_nothing;
  if (name == NULL) return NULL;
  /* The loader finds our own object by this name, as it is the first with that DT_SONAME. */
  if (is_file_of(name, "libcuda.so")) return "libcuda.so.1";
  if (is_file_of(name, "libnvidia-ml.so")) return KERF_PREFIX "/libkerf-nvml.so";
  return name;
}
