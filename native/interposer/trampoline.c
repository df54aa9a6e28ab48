// SPDX-License-Identifier: Apache-2.0
// Fills a trampoline's target at its first call.
#include <stdint.h>

#include "driver.h"

extern void *trampoline_targets[];
extern const uint32_t trampoline_name_offsets[];
extern const char trampoline_names[];

/* Two threads may both ask; both get the same address. */
void *trampoline_resolve(uint32_t index) {
  void *address = driver_function(trampoline_names + trampoline_name_offsets[index]);
  __atomic_store_n(&trampoline_targets[index], address, __ATOMIC_RELEASE);
  return address;
}
