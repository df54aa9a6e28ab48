// SPDX-License-Identifier: Apache-2.0
// A driver that forks while it is being opened: the child asks for its version through whoever stands for it.
// cuDriverGetVersion tells 1 if the child got its answer, 0 if it waited for ever.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_MAX 5

static int child_status = -1;

int cuDriverGetVersion(int *version);
int cuDriverGetVersion(int *version) {
  *version = child_status == 0;
  return 0;
}

__attribute__((constructor)) static void fork_while_opening(void) {
  pid_t child = fork();
  if (child == 0) {
    int version;
    int (*ask)(int *);
    void *found = dlsym(RTLD_DEFAULT, "cuDriverGetVersion");
    memcpy(&ask, &found, sizeof(ask));
    alarm(SECONDS_MAX);
    _exit(ask(&version));
  }
  waitpid(child, &child_status, 0);
}
