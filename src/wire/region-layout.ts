// SPDX-License-Identifier: Apache-2.0
// Constants and offsets of the region as native/include/region.h has them; test/wire holds them to it.

/** Classes of memory in the order of the rows. */
export const REGION_CLASSES = [
  'plain',
  'managed',
  'async',
  'vmm',
  'array',
  'import',
  'driver',
  'other',
] as const;

/** Constants and offsets in bytes; test/wire holds them to the header. */
export const REGION = {
  magic: 0x5246524b,
  version: 2,
  oldestVersion: 1,
  bytes: 299_008,
  deviceBytes: 128,
  slotBytes: 1152,
  slots: 256,
  devicesMax: 16,
  classes: 8,
  buckets: 24,
  /** Bucket i of a histogram ends at base · 2^i; the last one has no end. */
  hookBaseNs: 16,
  throttleBaseNs: 1000,
} as const;

export const REGION_AT = {
  magic: 0,
  version: 4,
  size_bytes: 8,
  slot_count: 12,
  device_count: 16,
  class_count: 20,
  attached: 24,
  reaper_pid: 32,
  unknown_symbols: 40,
  devices: 256,
  alloc_histogram: 2304,
  launch_histogram: 2496,
  throttle_histogram: 2688,
  driver_bytes_unknown: 2880,
  slots: 4096,
} as const;

export const REGION_DEVICE_AT = {
  used_word: 0,
  peak_bytes: 8,
  refusals: 16,
  refused_bytes: 24,
  granted_ns: 32,
  throttled_ns: 40,
  tokens_ns: 48,
  refilled_ns: 56,
  turn_word: 64,
  inflight_ns: 72,
  busy_ns: 80,
  demand_ns: 88,
  launches: 96,
} as const;

export const REGION_SLOT_AT = {
  pid: 0,
  state: 4,
  start_ticks: 8,
  generation: 16,
  inflight: 24,
  pid_namespace: 32,
  used: 64,
} as const;
