// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "share.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* 63 bits of a lock's place: two of space, thirty of a share's number, thirty-one of units (or of another number). */
#define LOW_BITS 31u
#define LOW_MASK ((1ull << LOW_BITS) - 1)
#define ID_MASK ((1ull << 30) - 1)
#define SERIAL_BITS 18u
#define DEVICE_BITS 4u
#define UNIT_BYTES 512u
enum space { SPACE_GIVEN = 1, SPACE_HELD = 2, SPACE_NAMES = 3 };

/* By system calls, here and below: a thread that is being cancelled must not end within a hook. */
static void close_quietly(int fd) { syscall(SYS_close, fd); }

static uint64_t place_of(enum space space, uint64_t number) {
  return (uint64_t)space << 61 | (number & ID_MASK) << LOW_BITS;
}

static bool set_lock(int fd, short type, uint64_t start, uint64_t length) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)start, .l_len = (off_t)length};
  return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* The first lock of another description in the range that the kernel comes upon. */
static bool find_lock(int fd, uint64_t start, uint64_t length, struct flock *found) {
  *found = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)start, .l_len = (off_t)length};
  return length > 0 && fcntl(fd, F_OFD_GETLK, found) == 0 && found->l_type != F_UNLCK;
}

static bool is_locked(int fd, enum space space, share_id id) {
  struct flock found;
  return find_lock(fd, place_of(space, id), 1ull << LOW_BITS, &found);
}

static uint64_t units_of(uint64_t bytes) {
  uint64_t units = (bytes + UNIT_BYTES - 1) / UNIT_BYTES;
  return units == 0 ? 1 : units > LOW_MASK ? LOW_MASK : units;
}

/* ---- giving ---- */

static share_id first_of(uint32_t slot, uint32_t device) {
  return ((uint64_t)slot << DEVICE_BITS | device) << SERIAL_BITS;
}

bool share_give(const struct share_desk *desk, uint32_t device, uint64_t bytes, share_id *id) {
  static uint32_t serials;
  struct ledger *ledger = desk->ledger;
  if (desk->fd < 0 || ledger->slot == NULL) return false;
  uint32_t serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED) & ((1u << SERIAL_BITS) - 1);
  *id = first_of((uint32_t)(ledger->slot - ledger->region->slots), device) | (serial == 0 ? 1 : serial);
  __atomic_add_fetch(&ledger->slot->shares, 1, __ATOMIC_SEQ_CST);
  return set_lock(desk->fd, F_RDLCK, place_of(SPACE_GIVEN, *id), units_of(bytes));
}

static bool is_held(const struct share_desk *desk, share_id id) {
  int fd = desk->open_again();
  bool is_so = fd >= 0 && is_locked(fd, SPACE_HELD, id);
  if (fd >= 0) close_quietly(fd);
  return is_so;
}

/* Whoever lets go between the look and the move may find nothing to take back yet: hence the second look. */
void share_leave(const struct share_desk *desk, share_id id, struct ledger_charge charge) {
  set_lock(desk->fd, F_UNLCK, place_of(SPACE_GIVEN, id), 1ull << LOW_BITS);
  if (!is_held(desk, id)) {
    ledger_refund(desk->ledger, charge);
    return;
  }
  ledger_move(desk->ledger, charge, REGION_CLASS_OTHER);
  if (!is_held(desk, id)) ledger_recount_left(desk->ledger, charge.device);
}

void share_end(const struct share_desk *desk, share_id id) {
  if (!is_held(desk, id)) set_lock(desk->fd, F_UNLCK, place_of(SPACE_GIVEN, id), 1ull << LOW_BITS);
}

uint64_t share_bytes(const struct share_desk *desk, share_id id) {
  struct flock found;
  int fd = desk->open_again();
  bool is_found = fd >= 0 && find_lock(fd, place_of(SPACE_GIVEN, id), 1ull << LOW_BITS, &found);
  if (fd >= 0) close_quietly(fd);
  return is_found ? (uint64_t)found.l_len * UNIT_BYTES : 0;
}

/* ---- holding ---- */

/* Written down first and locked then: a thread that lets go of the same share unlocks first and looks then. */
bool share_hold(const struct share_desk *desk, share_id id) {
  uint64_t bytes = share_bytes(desk, id);
  struct ptrmap_entry entry = {.key = id, .bytes = bytes, .refs = 1, .kind = PTRMAP_HELD};
  struct ptrmap_entry counted;
  if (bytes == 0) return false;
  if (!ptrmap_count(desk->map, id, PTRMAP_HELD, 1, &counted) && !ptrmap_put(desk->map, &entry)) return false;
  bool is_locked_now = set_lock(desk->fd, F_RDLCK, place_of(SPACE_HELD, id), units_of(bytes));
  if (is_locked_now && share_bytes(desk, id) != 0) return true;
  share_drop(desk, id);
  return false;
}

/* True where another thread took it meanwhile, and has it still. */
static bool is_taken_again(const struct share_desk *desk, share_id id) {
  struct ptrmap_entry entry;
  return ptrmap_get(desk->map, id, PTRMAP_HELD, &entry) &&
         set_lock(desk->fd, F_RDLCK, place_of(SPACE_HELD, id), units_of(entry.bytes));
}

/* Its giver has left it, and this was the last. */
static bool is_over(const struct share_desk *desk, share_id id) {
  int fd = desk->open_again();
  bool is_so = fd >= 0 && !is_locked(fd, SPACE_GIVEN, id) && !is_locked(fd, SPACE_HELD, id);
  if (fd >= 0) close_quietly(fd);
  return is_so;
}

/* The last to let go of what its giver has left gives it back from his slot. From before it lets go no reaper may look:
 * he would give it back too. */
void share_drop(const struct share_desk *desk, share_id id) {
  struct ptrmap_entry entry;
  if (!ptrmap_count(desk->map, id, PTRMAP_HELD, -1, &entry) || entry.refs > 0) return;
  struct ledger_charge charge = {id >> SERIAL_BITS & ((1u << DEVICE_BITS) - 1), REGION_CLASS_OTHER, entry.bytes};
  bool are_held = ledger_hold_reapers(desk->ledger);
  set_lock(desk->fd, F_UNLCK, place_of(SPACE_HELD, id), 1ull << LOW_BITS);
  if (!is_taken_again(desk, id) && are_held && is_over(desk, id))
    ledger_take_back(desk->ledger, (uint32_t)(id >> (SERIAL_BITS + DEVICE_BITS)), charge);
  if (are_held) ledger_let_reapers(desk->ledger);
}

/* ---- what is left ---- */

struct count {
  int fd;
  bool is_dead;
  uint64_t bytes;
};

/* Every share held in [from, to): the kernel tells one of them, the rest lie before and behind it. */
static void count_held(struct count *count, uint64_t from, uint64_t to) {
  struct flock found;
  while (find_lock(count->fd, from, to - from, &found)) {
    uint64_t place = (uint64_t)found.l_start & ~LOW_MASK;
    share_id id = place >> LOW_BITS & ID_MASK;
    if (count->is_dead || !is_locked(count->fd, SPACE_GIVEN, id)) count->bytes += (uint64_t)found.l_len * UNIT_BYTES;
    count_held(count, from, place);
    from = place + (1ull << LOW_BITS);
  }
}

uint64_t share_left(const struct share_desk *desk, uint32_t slot, uint32_t device, bool is_dead) {
  struct count count = {desk->open_again(), is_dead, 0};
  if (count.fd < 0) return 0;
  uint64_t from = place_of(SPACE_HELD, first_of(slot, device));
  count_held(&count, from, from + (1ull << (SERIAL_BITS + LOW_BITS)));
  close_quietly(count.fd);
  return count.bytes;
}

/* ---- finding each other ---- */

bool share_mark(int fd, uint32_t family, share_id id) {
  return set_lock(fd, F_RDLCK, place_of(SPACE_NAMES, id), (family & LOW_MASK) + 1);
}

static uint64_t number_at(const char **text) {
  uint64_t number = 0;
  while (**text == ' ') ++*text;
  for (; **text >= '0' && **text <= '9'; ++*text) number = number * 10 + (uint64_t)(**text - '0');
  return number;
}

/* "lock:\t1: OFDLCK  ADVISORY  READ  -1 00:0e:1041 START END": the last two words. */
static share_id parse_mark(const char *line, const char *end, uint32_t family) {
  uint32_t words = 0;
  const char *last[2] = {line, line};
  for (const char *at = line; at + 1 < end; at++) {
    if (*at != ' ' || at[1] == ' ') continue;
    last[0] = last[1], last[1] = at, words++;
  }
  uint64_t start = number_at(&last[0]), stop = number_at(&last[1]);
  if (words < 2 || start >> 61 != SPACE_NAMES || stop - start != (family & LOW_MASK)) return 0;
  return start >> LOW_BITS & ID_MASK;
}

static uint32_t append(char *to, uint32_t at, const char *text) {
  while (*text != '\0') to[at++] = *text++;
  return at;
}

/* Only the kernel tells what locks a description holds itself. */
static int open_info(int fd) {
  char path[48], digits[12];
  uint32_t at = append(path, 0, "/proc/self/fdinfo/"), count = 0;
  do digits[count++] = (char)('0' + fd % 10);
  while ((fd /= 10) != 0);
  while (count > 0) path[at++] = digits[--count];
  path[at] = '\0';
  return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

share_id share_read_mark(int fd, uint32_t family) {
  char text[2048];
  if (fd < 0) return 0;
  int info = open_info(fd);
  if (info < 0) return 0;
  ssize_t size = syscall(SYS_read, info, text, sizeof(text) - 1);
  close_quietly(info);
  share_id id = 0;
  for (ssize_t at = 0, end; at < size && id == 0; at = end + 1) {
    for (end = at; end < size && text[end] != '\n';) end++;
    if (end - at > 5 && text[at] == 'l' && text[at + 4] == ':') {
      text[end] = '\0';
      id = parse_mark(text + at, text + end, family);
    }
  }
  return id;
}

void share_name(const struct share_desk *desk, uint64_t word, share_id id) {
  set_lock(desk->fd, F_RDLCK, place_of(SPACE_NAMES, word) | id, 1);
}

void share_unname(const struct share_desk *desk, uint64_t word, share_id id) {
  set_lock(desk->fd, F_UNLCK, place_of(SPACE_NAMES, word) | id, 1);
}

share_id share_find(const struct share_desk *desk, uint64_t word) {
  struct flock found;
  int fd = desk->open_again();
  bool is_found = fd >= 0 && find_lock(fd, place_of(SPACE_NAMES, word), 1ull << LOW_BITS, &found);
  if (fd >= 0) close_quietly(fd);
  return is_found ? (uint64_t)found.l_start & ID_MASK : 0;
}
