// SPDX-License-Identifier: Apache-2.0
#ifndef KERF_WORKLOAD_PTX_H
#define KERF_WORKLOAD_PTX_H

#include <stddef.h>
#include <stdint.h>

/* A kernel's name (`busy_200000ns`): the fake takes the time from it, a real device from its iterations. */
#define PTX_NAME_BYTES 40u
#define PTX_IMAGE_BYTES 4096u

struct ptx_kernel {
  uint64_t ns;
  uint64_t iterations;
};

void ptx_name(char name[PTX_NAME_BYTES], uint64_t ns);
/* A module with these kernels, as text that the driver compiles. They do a fixed amount of work rather than watch a
 * clock: clocks go on while another context has the device, and a kernel that waits for one would share it for free. */
void ptx_image(char image[PTX_IMAGE_BYTES], const struct ptx_kernel *kernels, size_t count);

#endif
