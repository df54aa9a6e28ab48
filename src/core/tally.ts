// SPDX-License-Identifier: Apache-2.0
// A Hold that is added to in place, where a new one per device would be waste.
import type { Hold } from './device.js';
import { NO_HOLD } from './hold.js';
import type { MiB, MilliCores } from './units.js';

export type Tally = { -readonly [K in keyof Hold]: Hold[K] };

export const tally = (): Tally => ({ ...NO_HOLD });

export function copy(to: Tally, from: Hold): Tally {
  to.memory = from.memory;
  to.cores = from.cores;
  to.slices = from.slices;
  to.isExclusive = from.isExclusive;
  to.highMemory = from.highMemory;
  to.highCores = from.highCores;
  to.highSlices = from.highSlices;
  return to;
}

export function add(to: Tally, more: Hold): Tally {
  to.memory = (to.memory + more.memory) as MiB;
  to.cores = (to.cores + more.cores) as MilliCores;
  to.slices += more.slices;
  to.isExclusive ||= more.isExclusive;
  to.highMemory = (to.highMemory + more.highMemory) as MiB;
  to.highCores = (to.highCores + more.highCores) as MilliCores;
  to.highSlices += more.highSlices;
  return to;
}

export function raise(to: Tally, least: Hold): void {
  if (least.memory > to.memory) to.memory = least.memory;
  if (least.cores > to.cores) to.cores = least.cores;
  if (least.slices > to.slices) to.slices = least.slices;
  to.isExclusive ||= least.isExclusive;
  if (least.highMemory > to.highMemory) to.highMemory = least.highMemory;
  if (least.highCores > to.highCores) to.highCores = least.highCores;
  if (least.highSlices > to.highSlices) to.highSlices = least.highSlices;
}
