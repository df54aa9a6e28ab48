// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "driver.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define CACHE_PATH "/etc/ld.so.cache"
#define CACHE_MAGIC "glibc-ld.so.cache1.1"

/* Any other value is the pid of the process that is opening, and OPENING. */
enum { DRIVER_UNKNOWN, DRIVER_OPEN, DRIVER_ABSENT, DRIVER_OPENING };

static uint32_t state;
static void *library;

/* Places a driver lies in, after the ones the loader would look at. */
static const char *const FOLDERS[] = {
#if defined(__x86_64__)
    "/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64",
#elif defined(__aarch64__)
    "/usr/lib/aarch64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib64", "/lib64",
#endif
    "/usr/local/nvidia/lib64", "/usr/lib", "/lib", "/usr/local/cuda/compat",
};

/* By system call: the C library's fstat became a symbol of its own only in 2.33. */
static bool file_status(const char *path, struct stat *out) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool is_known = syscall(SYS_fstat, fd, out) == 0;
  close(fd);
  return is_known;
}

/* Which library, and the shim that must not be taken for it. */
struct wanted {
  const char *soname;
  const char *shim_path;
};

static bool is_ourselves(const struct wanted *want, const struct stat *file) {
  struct stat own;
  return file_status(want->shim_path, &own) && own.st_dev == file->st_dev && own.st_ino == file->st_ino;
}

static void *try_path(const struct wanted *want, const char *path) {
  struct stat file;
  loader_open_fn open_library = loader_open();
  if (open_library == NULL || !file_status(path, &file) || is_ourselves(want, &file)) return NULL;
  return open_library(path, RTLD_LAZY | RTLD_LOCAL);
}

static void *try_folder(const struct wanted *want, const char *folder, size_t length) {
  char path[PATH_BYTES];
  size_t name_length = strlen(want->soname);
  if (length == 0 || length + name_length + 2 > sizeof(path)) return NULL;
  memcpy(path, folder, length);
  path[length] = '/';
  memcpy(path + length + 1, want->soname, name_length + 1);
  return try_path(want, path);
}

/* Forward-compatibility packages come this way and must win, as they do without us. */
static void *try_library_path(const struct wanted *want) {
  const char *at = getenv("LD_LIBRARY_PATH");
  void *found = NULL;
  while (at != NULL && *at != '\0' && found == NULL) {
    size_t length = strcspn(at, ":;");
    found = try_folder(want, at, length);
    at += length + (at[length] != '\0');
  }
  return found;
}

struct cache_head {
  char magic[20];
  uint32_t count;
  uint32_t text_bytes;
  uint32_t unused[5];
};

struct cache_entry {
  int32_t flags;
  uint32_t key;
  uint32_t value;
  uint32_t os_version;
  uint64_t hwcap;
};

static const char *cache_text(const char *cache, size_t size, uint32_t offset) {
  return offset < size && memchr(cache + offset, '\0', size - offset) != NULL ? cache + offset : "";
}

static void *search_cache(const struct wanted *want, const char *cache, size_t size) {
  const struct cache_head *head = (const struct cache_head *)cache;
  if (size < sizeof(*head) || memcmp(head->magic, CACHE_MAGIC, sizeof(head->magic)) != 0) return NULL;
  if (head->count > (size - sizeof(*head)) / sizeof(struct cache_entry)) return NULL;
  const struct cache_entry *entries = (const struct cache_entry *)(cache + sizeof(*head));
  void *found = NULL;
  /* An entry for another machine has the same name; opening it fails and the next one is tried. */
  for (uint32_t i = 0; i < head->count && found == NULL; i++)
    if (strcmp(cache_text(cache, size, entries[i].key), want->soname) == 0)
      found = try_path(want, cache_text(cache, size, entries[i].value));
  return found;
}

static void *try_cache(const struct wanted *want) {
  struct stat file;
  int fd = open(CACHE_PATH, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  void *cache = MAP_FAILED;
  if (syscall(SYS_fstat, fd, &file) == 0 && file.st_size > 0)
    cache = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (cache == MAP_FAILED) return NULL;
  void *found = search_cache(want, cache, (size_t)file.st_size);
  munmap(cache, (size_t)file.st_size);
  return found;
}

/* Where the container's own driver file is covered by us, it lies here. */
static void *try_beside(const struct wanted *want) {
  static const char folder[] = KERF_PREFIX "/driver";
  return try_folder(want, folder, sizeof(folder) - 1);
}

static void *find_library(const struct wanted *want) {
  void *found = try_library_path(want);
  if (found == NULL) found = try_beside(want);
  if (found == NULL) found = try_cache(want);
  for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]) && found == NULL; i++)
    found = try_folder(want, FOLDERS[i], strlen(FOLDERS[i]));
  return found;
}

/* The first caller opens, others wait. Nobody waits for a thread that fork left behind: a child that starts while
 * its parent is opening finds the parent's pid, and opens again. */
bool driver_is_present(void) {
  uint32_t seen = __atomic_load_n(&state, __ATOMIC_ACQUIRE);
  if (seen == DRIVER_OPEN) return true;
  uint32_t own = (uint32_t)getpid() << 2 | DRIVER_OPENING;
  int cancel = cancel_hold();
  for (; seen != DRIVER_OPEN && seen != DRIVER_ABSENT; seen = __atomic_load_n(&state, __ATOMIC_ACQUIRE)) {
    if (seen == own) sched_yield();
    else if (__atomic_compare_exchange_n(&state, &seen, own, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
      library = find_library(&(struct wanted){driver_soname, driver_own_path});
      __atomic_store_n(&state, library != NULL ? DRIVER_OPEN : DRIVER_ABSENT, __ATOMIC_RELEASE);
    }
  }
  cancel_allow(cancel);
  return seen == DRIVER_OPEN;
}

void *driver_open_other(const char *soname, const char *shim_path) {
  int cancel = cancel_hold();
  void *other = find_library(&(struct wanted){soname, shim_path});
  cancel_allow(cancel);
  return other;
}

void *driver_symbol(const char *name) { return driver_is_present() ? loader_symbol(library, name) : NULL; }

/* Stand-ins for functions of any signature: the result register is all they set. */
static int answer_absent(void) { return driver_absent_code; }
static int answer_missing(void) { return driver_missing_code; }

void *driver_function(const char *name) {
  void *found = driver_symbol(name);
  int (*const stand_in)(void) = driver_is_present() ? answer_missing : answer_absent;
  return found != NULL ? found : *(void *const *)&stand_in;
}
