// SPDX-License-Identifier: Apache-2.0
// Built statically and with musl: a program no preload reaches. Says whether it was left alone.
#include <stdio.h>
#include <string.h>

int main(void) {
  char line[1024];
  int is_preloaded = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) is_preloaded |= strstr(line, "libkerf") != NULL;
  if (maps != NULL) fclose(maps);
  printf("{\"verb\":\"unpreloaded\",\"is_preloaded\":%s}\n", is_preloaded ? "true" : "false");
  return 0;
}
