// SPDX-License-Identifier: Apache-2.0
// The part of ROCm SMI's ABI that we touch: codes and layouts, as facts, in our own words.
#ifndef KERF_ROCM_SMI_ABI_H
#define KERF_ROCM_SMI_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef int rsmi_status_t;

enum {
  RSMI_STATUS_SUCCESS = 0,
  RSMI_STATUS_INVALID_ARGS = 1,
  RSMI_STATUS_NOT_SUPPORTED = 2,
  RSMI_STATUS_FILE_ERROR = 3,
  RSMI_STATUS_INIT_ERROR = 8,
  RSMI_STATUS_INSUFFICIENT_SIZE = 11,
};

enum { RSMI_MEM_TYPE_VRAM = 0 };
enum { RSMI_SW_COMP_DRIVER = 0 };
enum { RSMI_IOLINK_TYPE_PCIEXPRESS = 1, RSMI_IOLINK_TYPE_XGMI = 2 };

#define RSMI_GPU_BLOCK_UMC 1ull
#define RSMI_GPU_BLOCK_GFX 4ull
#define RSMI_GPU_BLOCK_LAST 0x2000ull

/* Since the driver was loaded. */
struct rsmi_error_count {
  uint64_t correctable_err;
  uint64_t uncorrectable_err;
};

/* Domain, partition, bus, device and function in one number. */
#define RSMI_BDFID(domain, bus, device, function) \
  (((uint64_t)(domain) << 32) | ((uint64_t)(bus) << 8) | ((uint64_t)(device) << 3) | (uint64_t)(function))

#endif
