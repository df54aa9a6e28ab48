// SPDX-License-Identifier: Apache-2.0
// Fake libcuda: CUDA_VISIBLE_DEVICES. Ordinals or beginnings of UUIDs, in the order they are to have; the list ends at the
// first word that names no device or more than one, so an empty one, or "NoDevFiles", leaves none.
#include <stdlib.h>
#include <string.h>

#include "world.h"

static const struct fake_gpu *by_ordinal(const struct fake_world *world, const char *word, size_t length) {
  char *end;
  unsigned long ordinal = strtoul(word, &end, 10);
  return end == word + length && ordinal < world->count ? &world->gpus[ordinal] : NULL;
}

static const struct fake_gpu *by_uuid(const struct fake_world *world, const char *word, size_t length) {
  const struct fake_gpu *found = NULL;
  uint32_t count = 0;
  for (uint32_t i = 0; i < world->count; i++) {
    if (strncmp(world->gpus[i].uuid, word, length) != 0) continue;
    found = &world->gpus[i];
    count++;
  }
  return count == 1 ? found : NULL;
}

static const struct fake_gpu *named(const struct fake_world *world, const char *word, size_t length) {
  if (length == 0) return NULL;
  bool is_number = word[0] >= '0' && word[0] <= '9';
  return is_number ? by_ordinal(world, word, length) : by_uuid(world, word, length);
}

void visible_choose(struct fake_world *world) {
  const char *list = getenv("CUDA_VISIBLE_DEVICES");
  struct fake_gpu chosen[FAKE_GPUS_MAX];
  uint32_t count = 0;
  if (list == NULL) return;
  for (;;) {
    size_t length = strcspn(list, ",");
    const struct fake_gpu *gpu = count < FAKE_GPUS_MAX ? named(world, list, length) : NULL;
    if (gpu == NULL) break;
    chosen[count++] = *gpu;
    if (list[length] == '\0') break;
    list += length + 1;
  }
  memcpy(world->gpus, chosen, count * sizeof(chosen[0]));
  world->count = count;
}
