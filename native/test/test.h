// SPDX-License-Identifier: Apache-2.0
// A claim that ends the program and says where, in any build type.
#ifndef KERF_TEST_H
#define KERF_TEST_H

#include <stdio.h>
#include <stdlib.h>

#define CLAIM(claim)                                                        \
  do {                                                                      \
    if (claim) break;                                                       \
    fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);     \
    exit(1);                                                                \
  } while (0)

#endif
