// SPDX-License-Identifier: Apache-2.0
// A program told step by step what to do with the driver, so that an injection reads as one line in its test:
//   steps init ctx take:malloc:64 fork take:malloc:1 join info
// A JSON line for each step on stdout: {"pid":7,"step":"take:malloc:64","code":0}. Nothing else is checked here.
#define _GNU_SOURCE
#include "steps.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../workload/cuda.h"

#define KEYS_MAX 4096

struct held {
  const struct memory_api *api;
  uint64_t key;
};

static struct held held[KEYS_MAX];
static unsigned int held_count;
static CUcontext made_context;

void say(const char *step, int code, const char *format, ...) {
  char rest[512] = "";
  va_list list;
  va_start(list, format);
  vsnprintf(rest, sizeof(rest), format, list);
  va_end(list);
  dprintf(STDOUT_FILENO, "{\"pid\":%d,\"step\":\"%s\",\"code\":%d%s}\n", getpid(), step, code, rest);
}

static void say_code(const char *step, int code) { say(step, code, "%s", ""); }

void *driver_symbol_of(const char *name) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  return library != NULL ? dlsym(library, name) : NULL;
}

/* ---- one step each ---- */

static int field(const char *step, unsigned int index, char *out, size_t size) {
  for (; index > 0 && step != NULL; index--) {
    step = strchr(step, ':');
    if (step != NULL) step++;
  }
  snprintf(out, size, "%.*s", step == NULL ? 0 : (int)strcspn(step, ":"), step == NULL ? "" : step);
  return step != NULL;
}

static unsigned long long number(const char *step, unsigned int index, unsigned long long otherwise) {
  char text[32];
  return field(step, index, text, sizeof(text)) && text[0] != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

static int do_init(const char *step) {
  (void)step;
  return cuda.init(0);
}

static int do_context(const char *step) { return cuda_start((int)number(step, 1, 0)); }

static int do_context_make(const char *step) {
  CUresult (*create)(CUcontext *, unsigned int, CUdevice);
  void *found = driver_symbol_of("cuCtxCreate_v2");
  memcpy(&create, &found, sizeof(create));
  return create(&made_context, 0, (CUdevice)number(step, 1, 0));
}

static int call_context(const char *name, CUcontext context) {
  CUresult (*call)(CUcontext);
  void *found = driver_symbol_of(name);
  memcpy(&call, &found, sizeof(call));
  return call(context);
}

static int call_device(const char *name, CUdevice device) {
  CUresult (*call)(CUdevice);
  void *found = driver_symbol_of(name);
  memcpy(&call, &found, sizeof(call));
  return call(device);
}

static int do_context_destroy(const char *step) {
  (void)step;
  return call_context("cuCtxDestroy_v2", made_context);
}

/* Pools let go what was freed in a stream's order. */
static int do_sync(const char *step) {
  (void)step;
  return cuda.synchronize();
}

static int do_release(const char *step) { return call_device("cuDevicePrimaryCtxRelease_v2", (int)number(step, 1, 0)); }
static int do_reset(const char *step) { return call_device("cuDevicePrimaryCtxReset_v2", (int)number(step, 1, 0)); }

static int do_take(const char *step) {
  char name[32];
  field(step, 1, name, sizeof(name));
  const struct memory_api *api = memory_api(name);
  if (api == NULL || held_count == KEYS_MAX) return -1;
  CUresult code = api->take(&held[held_count].key, number(step, 2, 1) * MIB);
  if (code == CUDA_SUCCESS) held[held_count++].api = api;
  return code;
}

/* bytes:API:N */
static int do_take_bytes(const char *step) {
  char name[32];
  field(step, 1, name, sizeof(name));
  const struct memory_api *api = memory_api(name);
  if (api == NULL || held_count == KEYS_MAX) return -1;
  CUresult code = api->take(&held[held_count].key, number(step, 2, 1));
  if (code == CUDA_SUCCESS) held[held_count++].api = api;
  return code;
}

/* give:I the I-th taken, give the last one; taken off our list only if the driver took it back. */
static int do_give(const char *step) {
  if (held_count == 0) return -1;
  unsigned long long at = number(step, 1, held_count - 1);
  CUresult code = held[at].api->give(held[at].key);
  if (code == CUDA_SUCCESS) held[at] = held[--held_count];
  return code;
}

static int do_give_again(const char *step) {
  (void)step;
  return held[held_count].api->give(held[held_count].key);
}

static int do_free_pointer(const char *step) { return cuda.release(number(step, 1, 12345)); }

/* Takes MIB after MIB until refused: what is really to be had. */
static int do_fill(const char *step) {
  char name[32];
  CUresult code = CUDA_SUCCESS;
  unsigned int before = held_count;
  field(step, 1, name, sizeof(name));
  while (held_count < KEYS_MAX - 1 && code == CUDA_SUCCESS) code = do_take(step);
  say(step, code, ",\"taken\":%u", held_count - before);
  while (held_count > before) do_give("give");
  return SAID;
}

static int do_info(const char *step) {
  size_t total = 0, free_bytes = 0;
  CUresult code = cuda.memory_info(&free_bytes, &total);
  say(step, code, ",\"free\":%zu,\"total\":%zu", free_bytes, total);
  return SAID;
}

static int do_proc(const char *step) {
  CUresult (*ask)(const char *, void **, int, uint64_t, int *);
  char name[64];
  int status = -1;
  Dl_info where = {0};
  void *found = driver_symbol_of("cuGetProcAddress_v2");
  memcpy(&ask, &found, sizeof(ask));
  field(step, 1, name, sizeof(name));
  found = NULL;
  CUresult code = ask(name, &found, (int)number(step, 2, 12000), number(step, 3, 0), &status);
  if (found != NULL) dladdr(found, &where);
  say(step, code, ",\"status\":%d,\"is_found\":%s,\"symbol\":\"%s\",\"library\":\"%s\"", status,
      found != NULL ? "true" : "false", where.dli_sname != NULL ? where.dli_sname : "",
      where.dli_fname != NULL ? where.dli_fname : "");
  return SAID;
}

/* Any function by name, with up to four numbers: what it answers to odd arguments. */
static int do_call(const char *step) {
  CUresult (*call)(uint64_t, uint64_t, uint64_t, uint64_t);
  char name[64];
  field(step, 1, name, sizeof(name));
  void *found = driver_symbol_of(name);
  if (found == NULL) return -1;
  memcpy(&call, &found, sizeof(call));
  return call(number(step, 2, 0), number(step, 3, 0), number(step, 4, 0), number(step, 5, 0));
}

static int do_hold(const char *step) {
  say_code(step, 0);
  for (;;) pause();
  return SAID;
}

static int do_close_all(const char *step) {
  (void)step;
  return close_range(3, ~0u, 0);
}

static int do_sleep(const char *step) {
  usleep((useconds_t)(number(step, 1, 1) * 1000));
  return 0;
}

/* await:PATH goes on once the file is there. */
static int do_await(const char *step) {
  while (access(strchr(step, ':') + 1, F_OK) != 0) usleep(1000);
  return 0;
}

/* refuse:N asks for more than there is, N times; how often another answer came. */
static int do_refuse(const char *step) {
  uint64_t key;
  unsigned long long wrong = 0;
  for (unsigned long long i = number(step, 1, 1); i > 0; i--)
    wrong += cuda.alloc(&key, 1ull << 45) != CUDA_ERROR_OUT_OF_MEMORY;
  return (int)wrong;
}

static int do_daemon(const char *step) {
  (void)step;
  return daemon(1, 1);
}

static int do_kill(const char *step) { return kill(getpid(), (int)number(step, 1, SIGKILL)); }

static int do_end(const char *step) {
  (void)step;
  exit(0);
}

static const struct step_row ROWS[] = {
    {"init", do_init}, {"ctx", do_context}, {"ctxnew", do_context_make},
    {"ctxdel", do_context_destroy}, {"release", do_release}, {"reset", do_reset},
    {"take", do_take}, {"bytes", do_take_bytes}, {"give", do_give}, {"sync", do_sync}, {"giveagain", do_give_again},
    {"freeptr", do_free_pointer}, {"fill", do_fill}, {"refuse", do_refuse},
    {"info", do_info}, {"proc", do_proc}, {"call", do_call},
    {"hold", do_hold}, {"closeall", do_close_all}, {"sleep", do_sleep},
    {"await", do_await}, {"daemon", do_daemon}, {"kill", do_kill},
    {"end", do_end},
};

static const struct step_row *row_of(const char *step, const struct step_row *rows, size_t count) {
  size_t length = strcspn(step, ":");
  for (size_t i = 0; i < count; i++)
    if (strlen(rows[i].name) == length && strncmp(rows[i].name, step, length) == 0) return &rows[i];
  return NULL;
}

static void run_one(const char *step) {
  const struct step_row *row = row_of(step, ROWS, sizeof(ROWS) / sizeof(ROWS[0]));
  if (row == NULL) row = row_of(step, STEPS_MORE, steps_more_count);
  if (row == NULL) row = row_of(step, STEPS_COMPUTE, steps_compute_count);
  int code = row != NULL ? row->run(step) : -2;
  if (code != SAID) say_code(step, code);
}

/* ---- steps that take others along: everything up to `join` ---- */

static int wait_for(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static char **after_join(char **steps) {
  while (*steps != NULL && strcmp(*steps, "join") != 0) steps++;
  return *steps != NULL ? steps + 1 : steps;
}

static void *run_steps(void *first) {
  for (char **steps = first; *steps != NULL && strcmp(*steps, "join") != 0; steps++) run_one(*steps);
  return NULL;
}

static void run_in_child(char **steps) {
  pid_t child = fork();
  if (child == 0) {
    run_steps(steps);
    _exit(0);
  }
  say("fork", wait_for(child), ",\"child\":%d", child);
}

static void run_in_thread(char **steps) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, run_steps, steps) == 0) pthread_join(thread, NULL);
}

/* The fake's own words stay: they stand for the container's device nodes, not for its environment. */
static char **bare_environment(void) {
  static char *kept[8];
  int count = 0;
  for (char **at = environ; *at != NULL && count < 7; at++)
    if (strncmp(*at, "KERF_FAKE_", 10) == 0) kept[count++] = *at;
  return kept;
}

static void run_executed(const char *self, char **steps, bool has_vfork, bool has_environment) {
  char *arguments[64] = {(char *)self};
  for (int i = 1; i < 63 && *steps != NULL && strcmp(*steps, "join") != 0; i++) arguments[i] = *steps++;
  pid_t child = has_vfork ? vfork() : 0;
  if (child == 0) {
    execve("/proc/self/exe", arguments, has_environment ? environ : bare_environment());
    _exit(9);
  }
  say_code("vfork", wait_for(child));
}

static bool run_block(const char *self, char **steps) {
  if (strcmp(steps[0], "fork") == 0) run_in_child(steps + 1);
  else if (strcmp(steps[0], "thread") == 0) run_in_thread(steps + 1);
  else if (strcmp(steps[0], "vfork") == 0) run_executed(self, steps + 1, true, true);
  else if (strcmp(steps[0], "exec") == 0) run_executed(self, steps + 1, false, true);
  else if (strcmp(steps[0], "execbare") == 0) run_executed(self, steps + 1, false, false);
  else return false;
  return true;
}

int main(int argc, char **argv) {
  (void)argc;
  if (!cuda_load()) {
    say_code("load", CUDA_ERROR_NO_DEVICE);
    return 0;
  }
  char **steps = argv + 1;
  while (*steps != NULL) {
    if (run_block(argv[0], steps)) steps = after_join(steps);
    else run_one(*steps++);
  }
  return 0;
}
