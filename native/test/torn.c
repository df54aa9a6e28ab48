// SPDX-License-Identifier: Apache-2.0
// torn FILE OFFSET A B: maps a limits page as libkerf does and reads the 64-bit field at OFFSET until it says 0, which
// ends it. Prints how often it was read and changed, and how often it held neither A nor B.
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "region.h"

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  uint64_t offset = strtoull(argv[2], NULL, 10), a = strtoull(argv[3], NULL, 10), b = strtoull(argv[4], NULL, 10);
  uint64_t reads = 0, changes = 0, torn = 0, last = a;
  int fd = open(argv[1], O_RDONLY);
  const char *page = mmap(NULL, LIMITS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
  if (fd < 0 || page == MAP_FAILED || offset % 8 != 0 || offset >= LIMITS_BYTES) return 2;
  const uint64_t *field = (const uint64_t *)(const void *)(page + offset);
  printf("{\"ready\":true}\n");
  fflush(stdout);
  for (uint64_t value; (value = __atomic_load_n(field, __ATOMIC_RELAXED)) != 0; last = value, reads++) {
    changes += value != last;
    torn += value != a && value != b;
  }
  printf("{\"reads\":%" PRIu64 ",\"changes\":%" PRIu64 ",\"torn\":%" PRIu64 "}\n", reads, changes, torn);
  return torn == 0 ? 0 : 1;
}
