// SPDX-License-Identifier: Apache-2.0
#include "ptx.h"

#include <stdio.h>

static const char HEAD[] = ".version 6.0\n.target sm_50\n.address_size 64\n.visible .global .u32 sink;\n";

/* A chain of dependent multiplications; the store that never happens keeps it from being thrown away. */
static const char KERNEL[] =
    ".visible .entry %s()\n{\n"
    ".reg .u32 %%value;\n.reg .u64 %%left;\n.reg .pred %%more;\n"
    "mov.u32 %%value, %%tid.x;\nmov.u64 %%left, %llu;\n"
    "again:\nmad.lo.u32 %%value, %%value, 1664525, 1013904223;\n"
    "sub.u64 %%left, %%left, 1;\nsetp.ne.u64 %%more, %%left, 0;\n@%%more bra again;\n"
    "setp.eq.u32 %%more, %%value, 7;\n@%%more st.global.u32 [sink], %%value;\nret;\n}\n";

void ptx_name(char name[PTX_NAME_BYTES], uint64_t ns) {
  snprintf(name, PTX_NAME_BYTES, "busy_%lluns", (unsigned long long)ns);
}

void ptx_image(char image[PTX_IMAGE_BYTES], const struct ptx_kernel *kernels, size_t count) {
  char name[PTX_NAME_BYTES];
  size_t at = (size_t)snprintf(image, PTX_IMAGE_BYTES, "%s", HEAD);
  for (size_t i = 0; i < count && at < PTX_IMAGE_BYTES; i++) {
    unsigned long long iterations = kernels[i].iterations > 0 ? kernels[i].iterations : 1;
    ptx_name(name, kernels[i].ns);
    at += (size_t)snprintf(image + at, PTX_IMAGE_BYTES - at, KERNEL, name, iterations);
  }
}
