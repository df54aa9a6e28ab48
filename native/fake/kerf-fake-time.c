// SPDX-License-Identifier: Apache-2.0
// Shows and sets the GPU time of a fake machine (timeline.h); kerf-fake-gpus calls it for these verbs.
//
//   busy DIR [fine]               one JSON object: busy time of each GPU and of each context that was on it, by pieces of
//                                 100 ms (fine: 10 ms) of the last 20 seconds
//   share DIR slices|together [SLICE_US]
//   lag DIR MS                    how far NVML's utilisation is behind
//
// It changes nothing it looks at: the time simulated so far is what the machine's own processes came to.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "timeline.h"

static uint64_t step = 10; /* buckets in one that is printed */

static struct timeline_shared *open_time(const char *folder) {
  char path[512];
  snprintf(path, sizeof(path), "%s/state", folder);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return NULL;
  unsigned char *at = mmap(NULL, FAKE_STATE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return at == MAP_FAILED ? NULL : (struct timeline_shared *)(at + TIMELINE_OFFSET);
}

/* Pairs of the bucket's beginning in milliseconds and its busy time, oldest first. */
static void print_buckets(const struct timeline_bucket *buckets, uint64_t now_ns) {
  const char *separator = "";
  uint64_t last = now_ns / TIMELINE_BUCKET_NS;
  uint64_t first = last < TIMELINE_BUCKETS ? 0 : last - TIMELINE_BUCKETS + 1;
  printf("\"buckets\":[");
  for (uint64_t number = (first + step - 1) / step * step; number <= last; number += step) {
    uint64_t busy_ns = timeline_busy_between(buckets, number * TIMELINE_BUCKET_NS, (number + step) * TIMELINE_BUCKET_NS);
    if (busy_ns == 0) continue;
    printf("%s[%llu,%llu]", separator, (unsigned long long)(number * TIMELINE_BUCKET_NS / 1000000),
           (unsigned long long)busy_ns);
    separator = ",";
  }
  printf("]");
}

static void print_client(const struct timeline_shared *time, const struct timeline_client *client) {
  printf("{\"gpu\":%u,\"pid\":%u,\"is_live\":%s,\"joined_ns\":%llu,\"busy_ns\":%llu,\"kernels\":%llu,\"waiting\":%u,",
         client->device, client->pid, client->state == TIMELINE_LIVE ? "true" : "false",
         (unsigned long long)client->joined_ns, (unsigned long long)client->busy_ns,
         (unsigned long long)client->kernels, client->waiting);
  print_buckets(client->buckets, time->devices[client->device].now_ns);
  printf("}");
}

static int show_busy(const struct timeline_shared *time) {
  const char *separator = "";
  printf("{\"gpus\":[");
  for (uint32_t i = 0; i < FAKE_GPUS_MAX; i++) {
    const struct timeline_device *device = &time->devices[i];
    if (device->now_ns == 0) continue;
    printf("%s{\"gpu\":%u,\"now_ns\":%llu,\"busy_ns\":%llu,", separator, i, (unsigned long long)device->now_ns,
           (unsigned long long)device->busy_ns);
    print_buckets(device->buckets, device->now_ns);
    printf("}");
    separator = ",";
  }
  printf("],\"contexts\":[");
  separator = "";
  for (uint32_t i = 0; i < TIMELINE_CLIENTS; i++) {
    if (time->clients[i].state == TIMELINE_FREE) continue;
    printf("%s", separator);
    print_client(time, &time->clients[i]);
    separator = ",";
  }
  printf("]}\n");
  return 0;
}

static int set_sharing(struct timeline_shared *time, const char *how, const char *slice_us) {
  if (how == NULL || (strcmp(how, "slices") != 0 && strcmp(how, "together") != 0)) {
    fprintf(stderr, "kerf-fake-gpus: share: say slices or together\n");
    return 2;
  }
  time->sharing = strcmp(how, "together") == 0 ? TIMELINE_TOGETHER : TIMELINE_SLICES;
  if (slice_us != NULL) time->slice_ns = strtoull(slice_us, NULL, 10) * 1000;
  return 0;
}

int main(int argc, char **argv) {
  const char *verb = argc > 1 ? argv[1] : "";
  struct timeline_shared *time = argc > 2 ? open_time(argv[2]) : NULL;
  if (time == NULL) {
    fprintf(stderr, "kerf-fake-gpus: %s: say in which folder a machine lies\n", verb);
    return 2;
  }
  if (argc > 3 && strcmp(argv[3], "fine") == 0) step = 1;
  if (strcmp(verb, "busy") == 0) return show_busy(time);
  if (strcmp(verb, "share") == 0) return set_sharing(time, argv[3], argc > 4 ? argv[4] : NULL);
  if (strcmp(verb, "lag") != 0 || argc < 4) return 2;
  time->lag_ns = strtoull(argv[3], NULL, 10) * 1000000;
  return 0;
}
