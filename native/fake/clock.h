// SPDX-License-Identifier: Apache-2.0
// Time as the fake driver sees it. On the virtual clock (virtual-clock.c) these calls are its calls.
#ifndef KERF_FAKE_CLOCK_H
#define KERF_FAKE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC. */
uint64_t clock_now_ns(void);
/* Sleeps, and spins the last part, for the kernel wakes a sleeper up to 60 µs late. */
void clock_sleep_until_ns(uint64_t deadline_ns);

#endif
