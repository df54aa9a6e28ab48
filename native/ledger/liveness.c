// SPDX-License-Identifier: Apache-2.0
// Is a process of this pid namespace still the one it was? By raw system calls: callers live in hooks.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "ledger.h"

static uint32_t append_number(char *at, uint32_t number) {
  char digits[12];
  uint32_t count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  for (uint32_t i = 0; i < count; i++) at[i] = digits[count - 1 - i];
  return count;
}

static const char STAT_HEAD[] = "/proc/";
static const char STAT_TAIL[] = "/stat";

static ssize_t read_stat(uint32_t pid, char *text, size_t size) {
  char path[40];
  uint32_t at = 0;
  for (const char *c = STAT_HEAD; *c != '\0'; c++) path[at++] = *c;
  at += append_number(path + at, pid);
  for (const char *c = STAT_TAIL; *c != '\0'; c++) path[at++] = *c;
  path[at] = '\0';
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t got = read(fd, text, size);
  close(fd);
  return got;
}

struct stat_fields {
  char state;
  uint64_t threads;
  uint64_t start_ticks;
};

static uint64_t number_at(const char *text, ssize_t at, ssize_t size) {
  uint64_t number = 0;
  for (; at < size && text[at] >= '0' && text[at] <= '9'; at++) number = number * 10 + (uint64_t)(text[at] - '0');
  return number;
}

/* Fields 3, 20 and 22; the name in field 2 may hold anything, so they are counted from its last parenthesis. */
static bool parse_stat(const char *text, ssize_t size, struct stat_fields *out) {
  ssize_t at = size - 1;
  while (at >= 0 && text[at] != ')') at--;
  if (at < 0) return false;
  for (uint32_t field = 3; field <= 22; field++) {
    while (at < size && text[at] != ' ') at++;
    at++;
    if (at >= size) return false;
    if (field == 3) out->state = text[at];
    if (field == 20) out->threads = number_at(text, at, size);
    if (field == 22) out->start_ticks = number_at(text, at, size);
  }
  return true;
}

static bool read_fields(uint32_t pid, struct stat_fields *out) {
  char text[1024];
  return parse_stat(text, read_stat(pid, text, sizeof(text)), out);
}

uint64_t ledger_start_ticks(uint32_t pid) {
  struct stat_fields fields;
  return read_fields(pid, &fields) ? fields.start_ticks : 0;
}

/* A zombie holds no device memory; but a leader that ended before its threads is a zombie that lives. */
bool ledger_pid_is_dead(uint32_t pid, uint64_t start_ticks) {
  if (kill((pid_t)pid, 0) != 0 && errno == ESRCH) return true;
  struct stat_fields fields;
  if (!read_fields(pid, &fields)) return false;
  if (fields.state == 'Z' && fields.threads <= 1) return true;
  return start_ticks != 0 && fields.start_ticks != start_ticks;
}

uint64_t ledger_pid_namespace(void) {
  struct stat file;
  int fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  bool is_known = syscall(SYS_fstat, fd, &file) == 0;
  close(fd);
  return is_known ? file.st_ino : 0;
}

/* Of the open file description: closing another descriptor of the file does not drop it. */
static struct flock lock_of(uint32_t index, short type) {
  return (struct flock){
      .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)REGION_BYTES + (off_t)index, .l_len = 1};
}

enum ledger_lock ledger_lock(int region_fd, uint32_t index) {
  struct flock lock = lock_of(index, F_WRLCK);
  if (fcntl(region_fd, F_OFD_SETLK, &lock) == 0) return LEDGER_LOCKED;
  return errno == EAGAIN || errno == EACCES ? LEDGER_HELD_BY_OTHERS : LEDGER_CANNOT_LOCK;
}

void ledger_unlock(int region_fd, uint32_t index) {
  struct flock lock = lock_of(index, F_UNLCK);
  fcntl(region_fd, F_OFD_SETLK, &lock);
}

/* A file system that cannot tell says "locked": held, never free. */
bool ledger_slot_is_locked(int region_fd, uint32_t index) {
  struct flock lock = lock_of(index, F_WRLCK);
  return fcntl(region_fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}
