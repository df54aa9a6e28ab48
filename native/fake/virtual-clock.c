// SPDX-License-Identifier: Apache-2.0
// A clock for tests: LD_PRELOAD this, and a program that sleeps an hour is through at once, and does the same each time.
//
//   KERF_VIRTUAL_CLOCK     the file that processes share; whoever comes first makes it
//   KERF_VIRTUAL_PARTIES   time stands until so many threads have asked for it (1)
//
// A thread takes part from its first call of the clock on. Of those that take part one runs at a time, and none of its
// work takes time. When it sleeps, time goes to the earliest deadline (first come, first served among equals) and that
// thread runs. One that died, or is blocked in something else than a sleep (a pipe, a wait for a child), is noticed by
// those who wait, and they go on without it; it comes back by its next call. Whoever asks for the time again and again
// is waiting too: from some number of questions on, each takes a microsecond.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define MAGIC 0x4b435654u
#define PARTIES 128u
#define START_NS 1000000000000ull
#define EPOCH_S 1700000000ull
#define QUESTIONS_FREE 4096u
#define QUESTION_NS 1000u
#define LOOK_MS 20u
/* A busy machine's disk may keep a thread for a while; whoever waits for a child or a pipe is asleep for longer. */
#define BLOCKED_NS 500000000u

enum party_state { FREE, WAITING, RUNNING, AWAY };

struct party {
  uint32_t state; /* waited on as a futex */
  int32_t pid;
  int32_t tid;
  uint32_t reserved;
  uint64_t asleep_since_ns; /* real time from which on every look found the running thread blocked; 0: the last did not */
  uint64_t deadline_ns;
  uint64_t order;
};

struct page {
  uint32_t magic;
  uint32_t expected;
  uint32_t come;
  uint32_t running;
  uint64_t now_ns;
  uint64_t order;
  pthread_mutex_t lock;
  struct party parties[PARTIES];
};

static struct page *page;
static __thread struct party *own;
static __thread uint32_t questions;
static pthread_key_t leave_key;
static uint32_t expected = 1;

static void lock_page(void) {
  if (pthread_mutex_lock(&page->lock) == EOWNERDEAD) pthread_mutex_consistent(&page->lock);
}

static void unlock_page(void) { pthread_mutex_unlock(&page->lock); }

/* ---- whose turn it is; under the lock ---- */

static struct party *earliest(void) {
  struct party *first = NULL;
  for (uint32_t i = 0; i < PARTIES; i++) {
    struct party *party = &page->parties[i];
    if (party->state != WAITING) continue;
    bool is_sooner = first == NULL || party->deadline_ns < first->deadline_ns ||
                     (party->deadline_ns == first->deadline_ns && party->order < first->order);
    if (is_sooner) first = party;
  }
  return first;
}

static void choose(void) {
  if (page->running > 0 || page->come < page->expected) return;
  struct party *next = earliest();
  if (next == NULL) return;
  if (next->deadline_ns > page->now_ns) page->now_ns = next->deadline_ns;
  page->running = 1;
  __atomic_store_n(&next->state, RUNNING, __ATOMIC_RELEASE);
  if (next != own) syscall(SYS_futex, &next->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void remove_party(struct party *party) {
  if (party->state == RUNNING) page->running--;
  __atomic_store_n(&party->state, FREE, __ATOMIC_RELEASE);
}

/* State letter of a thread; 0 where it is gone. One that is being made has no number yet. */
static char state_of(const struct party *party) {
  char path[64], text[256];
  if (party->tid == 0) return kill(party->pid, 0) == 0 ? 'R' : 0;
  snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", party->pid, party->tid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t got = read(fd, text, sizeof(text) - 1);
  close(fd);
  for (ssize_t i = got - 1; i > 1; i--)
    if (text[i - 1] == ' ' && text[i - 2] == ')') return text[i];
  return 0;
}

static uint64_t real_now_ns(void) {
  struct timespec now;
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void look_after(struct party *party) {
  char state = state_of(party);
  if (state == 0 || state == 'Z' || state == 'X') {
    remove_party(party);
    return;
  }
  if (state != 'S' && state != 'T') {
    party->asleep_since_ns = 0;
    return;
  }
  uint64_t now_ns = real_now_ns();
  if (party->asleep_since_ns == 0) party->asleep_since_ns = now_ns;
  if (now_ns - party->asleep_since_ns < BLOCKED_NS) return;
  party->asleep_since_ns = 0;
  page->running--;
  party->state = AWAY;
}

/* Nothing happened for a while: does the running thread still run? */
static void look_after_running(void) {
  lock_page();
  for (uint32_t i = 0; i < PARTIES; i++)
    if (page->parties[i].state == RUNNING && &page->parties[i] != own) look_after(&page->parties[i]);
  choose();
  unlock_page();
}

/* Given up while it was about to wake: it queues again. */
static void queue_again(void) {
  lock_page();
  if (own->state == AWAY) own->state = WAITING;
  choose();
  unlock_page();
}

static void wait_for_turn(void) {
  const struct timespec look = {0, LOOK_MS * 1000000L};
  for (;;) {
    uint32_t state = __atomic_load_n(&own->state, __ATOMIC_ACQUIRE);
    if (state == RUNNING) break;
    if (state == AWAY) queue_again();
    if (state == AWAY) continue;
    long failed = syscall(SYS_futex, &own->state, FUTEX_WAIT, state, &look, NULL, 0);
    if (failed != 0 && errno == ETIMEDOUT) look_after_running();
  }
  own->asleep_since_ns = 0;
}

static void wait_until(uint64_t deadline_ns) {
  int saved = errno;
  lock_page();
  if (own->state == RUNNING) page->running--;
  own->deadline_ns = deadline_ns;
  own->order = ++page->order;
  own->state = WAITING;
  choose();
  unlock_page();
  if (__atomic_load_n(&own->state, __ATOMIC_ACQUIRE) != RUNNING) wait_for_turn();
  questions = 0;
  errno = saved;
}

/* ---- taking part ---- */

/* Nobody left: the next round, in which time stands again until all have come. */
static void begin_round(void) {
  for (uint32_t i = 0; i < PARTIES; i++)
    if (page->parties[i].state != FREE && state_of(&page->parties[i]) != 0) return;
  page->come = 0;
  page->running = 0;
  page->expected = expected;
}

static void join(void) {
  int32_t pid = getpid(), tid = (int32_t)syscall(SYS_gettid);
  lock_page();
  begin_round();
  for (uint32_t i = 0; i < PARTIES; i++) {
    struct party *party = &page->parties[i];
    if (party->state != FREE && party->pid == pid && party->tid == tid) remove_party(party); /* before an exec */
    if (own == NULL && party->state == FREE) own = party;
  }
  if (own != NULL) {
    *own = (struct party){.state = AWAY, .pid = pid, .tid = tid};
    page->come++;
  }
  unlock_page();
  if (own != NULL) pthread_setspecific(leave_key, own);
}

/* False where there is no virtual clock: then the real one is asked. */
static bool take_part(void) {
  if (page == NULL) return false;
  if (own == NULL) join();
  if (own == NULL) return false;
  if (__atomic_load_n(&own->state, __ATOMIC_ACQUIRE) != RUNNING) wait_until(page->now_ns);
  return true;
}

static void leave(void *party) {
  lock_page();
  remove_party(party);
  choose();
  unlock_page();
  if (own == party) own = NULL;
}

static void leave_all(void) {
  if (page == NULL) return;
  lock_page();
  for (uint32_t i = 0; i < PARTIES; i++)
    if (page->parties[i].state != FREE && page->parties[i].pid == getpid()) remove_party(&page->parties[i]);
  choose();
  unlock_page();
  own = NULL;
}

static void begin_child(void) { own = NULL; }

static void format(struct page *made) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&made->lock, &attributes);
  made->now_ns = START_NS;
  made->magic = MAGIC;
}

__attribute__((constructor)) static void open_clock(void) {
  const char *path = getenv("KERF_VIRTUAL_CLOCK");
  const char *parties = getenv("KERF_VIRTUAL_PARTIES");
  int fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return;
  if (parties != NULL) expected = (uint32_t)atoi(parties);
  flock(fd, LOCK_EX);
  void *at = ftruncate(fd, sizeof(struct page)) == 0
                 ? mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                 : MAP_FAILED;
  if (at != MAP_FAILED) {
    if (((struct page *)at)->magic != MAGIC) format(at);
    page = at;
  }
  flock(fd, LOCK_UN);
  close(fd);
  pthread_key_create(&leave_key, leave);
  pthread_atfork(NULL, NULL, begin_child);
}

__attribute__((destructor)) static void close_clock(void) { leave_all(); }

/* ---- the calls ---- */

static bool is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI; }

static bool is_own_time(clockid_t clock) {
  return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_MONOTONIC_COARSE ||
         clock == CLOCK_BOOTTIME || is_wall(clock);
}

static uint64_t to_ns(const struct timespec *time) {
  return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *out) {
  if (!is_own_time(clock) || !take_part()) return (int)syscall(SYS_clock_gettime, clock, out);
  if (++questions > QUESTIONS_FREE) {
    wait_until(page->now_ns + QUESTION_NS);
    questions = QUESTIONS_FREE;
  }
  uint64_t now_ns = page->now_ns;
  *out = (struct timespec){(time_t)(now_ns / 1000000000u), (long)(now_ns % 1000000000u)};
  if (is_wall(clock)) out->tv_sec += (time_t)EPOCH_S;
  return 0;
}

EXPORT int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  *out = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

EXPORT time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}

EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request, struct timespec *left) {
  if (!is_own_time(clock) || !take_part())
    return syscall(SYS_clock_nanosleep, clock, flags, request, left) == 0 ? 0 : errno;
  uint64_t until_ns = to_ns(request);
  if ((flags & TIMER_ABSTIME) == 0) until_ns += page->now_ns;
  else if (is_wall(clock)) until_ns -= EPOCH_S * 1000000000u;
  wait_until(until_ns > page->now_ns ? until_ns : page->now_ns);
  return 0;
}

EXPORT int nanosleep(const struct timespec *request, struct timespec *left) {
  int failed = clock_nanosleep(CLOCK_MONOTONIC, 0, request, left);
  if (failed == 0) return 0;
  errno = failed;
  return -1;
}

EXPORT int usleep(useconds_t us) {
  return nanosleep(&(struct timespec){us / 1000000, (long)(us % 1000000) * 1000}, NULL);
}

EXPORT unsigned int sleep(unsigned int seconds) {
  nanosleep(&(struct timespec){(time_t)seconds, 0}, NULL);
  return 0;
}

/* Whoever yields waits for somebody. */
EXPORT int sched_yield(void) {
  if (own != NULL) questions += QUESTIONS_FREE / 64;
  return (int)syscall(SYS_sched_yield);
}

/* ---- threads take part from their making on: their maker may sleep before they ask for the time ---- */

struct start {
  void *(*run)(void *);
  void *argument;
  struct party *party;
};

static void *run_thread(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  own = start.party;
  if (own != NULL) {
    own->tid = (int32_t)syscall(SYS_gettid);
    pthread_setspecific(leave_key, own);
    wait_for_turn();
  }
  return start.run(start.argument);
}

static struct party *enrol(void) {
  struct party *party = NULL;
  lock_page();
  for (uint32_t i = 0; i < PARTIES && party == NULL; i++)
    if (page->parties[i].state == FREE) party = &page->parties[i];
  if (party != NULL)
    *party = (struct party){.state = WAITING, .pid = getpid(), .deadline_ns = page->now_ns, .order = ++page->order};
  unlock_page();
  return party;
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  struct start *start = own == NULL ? NULL : malloc(sizeof(*start));
  if (start == NULL) return real(thread, attributes, run, argument);
  *start = (struct start){run, argument, enrol()};
  int failed = real(thread, attributes, run_thread, start);
  if (failed == 0) return 0;
  if (start->party != NULL) leave(start->party);
  free(start);
  return failed;
}

/* No destructor runs in a process that ends so. */
EXPORT void _exit(int status) {
  leave_all();
  for (;;) syscall(SYS_exit_group, status);
}

EXPORT void _Exit(int status) { _exit(status); }
