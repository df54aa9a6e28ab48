// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "limits.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "driver.h"

#define LIMITS_PATH KERF_PREFIX "/limits"
#define UUID_PREFIX_BYTES 4

static const struct limits_page *mapped;

static bool is_limits(const struct limits_page *page) {
  return page->magic == LIMITS_MAGIC && page->version >= LIMITS_VERSION_OLDEST && page->version <= LIMITS_VERSION &&
         page->size_bytes == LIMITS_BYTES && page->device_count <= KERF_DEVICES_MAX;
}

static const struct limits_page *map_page(void) {
  struct stat file;
  int fd = open(LIMITS_PATH, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  void *page = MAP_FAILED;
  if (syscall(SYS_fstat, fd, &file) == 0 && file.st_size == LIMITS_BYTES)
    page = mmap(NULL, LIMITS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return page == MAP_FAILED ? NULL : page;
}

/* A page that does not read well is tried again at the next call: it may have been written too late. */
const struct limits_page *limits_read(void) {
  const struct limits_page *page = __atomic_load_n(&mapped, __ATOMIC_ACQUIRE);
  if (page == NULL) {
    const struct limits_page *nothing = NULL;
    page = map_page();
    if (page == NULL) return NULL;
    if (!__atomic_compare_exchange_n(&mapped, &nothing, page, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
      munmap((void *)(uintptr_t)page, LIMITS_BYTES);
      page = nothing;
    }
  }
  return is_limits(page) ? page : NULL;
}

int limits_find(const struct limits_page *page, const char *uuid) {
  for (uint32_t i = 0; i < page->device_count; i++) {
    const char *listed = page->devices[i].uuid;
    bool has_prefix = memchr(listed, '-', UUID_PREFIX_BYTES) != NULL;
    if (has_prefix && strncmp(listed + UUID_PREFIX_BYTES, uuid, KERF_UUID_BYTES - UUID_PREFIX_BYTES) == 0)
      return (int)i;
  }
  return -1;
}

uint64_t limits_memory(const struct limits_page *page, uint32_t index) {
  return __atomic_load_n(&page->devices[index].memory_limit_bytes, __ATOMIC_RELAXED);
}

uint64_t limits_growth(const struct limits_page *page, uint32_t index) {
  const struct limits_device *device = &page->devices[index];
  uint64_t ceiling = limits_memory(page, index);
  uint64_t now = __atomic_load_n(&device->memory_now_bytes, __ATOMIC_RELAXED);
  uint64_t guaranteed = __atomic_load_n(&device->memory_guaranteed_bytes, __ATOMIC_RELAXED);
  if (now == 0 || guaranteed == 0) return ceiling;
  uint64_t most = now > guaranteed ? now : guaranteed;
  return most < ceiling ? most : ceiling;
}

void limits_format_uuid(const unsigned char bytes[16], char *text) {
  static const char DIGITS[] = "0123456789abcdef";
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *text++ = '-';
    *text++ = DIGITS[bytes[i] >> 4];
    *text++ = DIGITS[bytes[i] & 15];
  }
  *text = '\0';
}
