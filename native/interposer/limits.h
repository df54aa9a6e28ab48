// SPDX-License-Identifier: Apache-2.0
// What the container may use, from the page the node's agent mounted read-only at a fixed path.
#ifndef KERF_LIMITS_H
#define KERF_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "region.h"

/* The page, or NULL where it is missing or not ours: then nothing may be used. Stays mapped. */
const struct limits_page *limits_read(void);
/* Sixteen bytes as the page writes them, without the prefix and with a NUL: 37 bytes. */
void limits_format_uuid(const unsigned char bytes[16], char *text);
/* Index on the page of a device by its UUID without prefix ("GPU-", "MIG-"); -1 where it is not granted. */
int limits_find(const struct limits_page *page, const char *uuid);
/* As it is now: the agent may change it under a running process. */
uint64_t limits_memory(const struct limits_page *page, uint32_t index);

/* Where growth ends right now. Below the ceiling while somebody else has borrowed; never below what is guaranteed. */
uint64_t limits_growth(const struct limits_page *page, uint32_t index);

#endif
