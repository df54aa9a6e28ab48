// SPDX-License-Identifier: Apache-2.0
// hold-reaper REGION: is a reaper of another pid namespace that is at work, until it is killed.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ledger.h"
#include "test.h"

/* No process of a test has this pid, nor this namespace. */
#define STRANGER (1ull << 32 | 4100000ull)

int main(int argc, char **argv) {
  CLAIM(argc == 2);
  int fd = open(argv[1], O_RDWR);
  struct region *region = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CLAIM(region != MAP_FAILED && ledger_is_region(region));
  CLAIM(ledger_lock(fd, LEDGER_REAPER_LOCK) == LEDGER_LOCKED);
  __atomic_store_n(&region->reaper_pid, STRANGER, __ATOMIC_SEQ_CST);
  printf("{\"holds\":true}\n");
  fflush(stdout);
  for (;;) pause();
}
