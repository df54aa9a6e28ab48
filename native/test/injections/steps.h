// SPDX-License-Identifier: Apache-2.0
#ifndef KERF_STEPS_H
#define KERF_STEPS_H

#include <stddef.h>

/* The step printed its own line. */
#define SAID (-1000)

struct step_row {
  const char *name;
  int (*run)(const char *step);
};

/* Steps of other files. */
extern const struct step_row STEPS_MORE[];
extern const size_t steps_more_count;
extern const struct step_row STEPS_COMPUTE[];
extern const size_t steps_compute_count;

void say(const char *step, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* By the name any program would use: with a preload this is the interposer's. */
void *driver_symbol_of(const char *name);

#endif
