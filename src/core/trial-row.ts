// SPDX-License-Identifier: Apache-2.0
// What the pod under trial has of one device so far, counted as core/hold counts: an init container stands beside the
// sidecars before it, apps beside all that stays.
import { asCut, memoryOn } from './cut.js';
import type { Device } from './device.js';
import { isAllOf, NO_HOLD } from './hold.js';
import type { ContainerKind, SliceRequest } from './request.js';
import { add, copy, raise, type Tally, tally } from './tally.js';
import type { MiB, MilliCores } from './units.js';

export interface TrialRow {
  /** Of the container that is being served. */
  readonly own: Tally;
  readonly sidecars: Tally;
  readonly running: Tally;
  readonly peak: Tally;
  /** The pod has something of the device; else all of the above are empty. */
  isTouched: boolean;
  isFitting: boolean;
}

export function emptyRow(): TrialRow {
  const tallies = { own: tally(), sidecars: tally(), running: tally(), peak: tally() };
  return { ...tallies, isTouched: false, isFitting: false };
}

export function clear(row: TrialRow): void {
  if (!row.isTouched) return;
  row.isTouched = false;
  copy(row.own, NO_HOLD);
  copy(row.sidecars, NO_HOLD);
  copy(row.running, NO_HOLD);
  copy(row.peak, NO_HOLD);
}

/** What runs beside a container of that kind. */
export const besideOf = (row: TrialRow, kind: ContainerKind): Tally =>
  kind === 'init' ? row.sidecars : row.running;

export function takeSlice(row: TrialRow, device: Device, slice: SliceRequest): void {
  const { own } = row;
  row.isTouched = true;
  const cut = asCut(device, slice) ?? slice;
  const memory = memoryOn(device, cut.memory);
  own.memory = (own.memory + memory) as MiB;
  own.cores = (own.cores + cut.cores) as MilliCores;
  own.slices += 1;
  own.isExclusive ||= isAllOf(device, memory, cut.cores);
  if (slice.priority !== 'high') return;
  own.highMemory = (own.highMemory + memory) as MiB;
  own.highCores = (own.highCores + cut.cores) as MilliCores;
  own.highSlices += 1;
}

/** The container has all it asked for. */
export function book(row: TrialRow, kind: ContainerKind): void {
  if (row.own.slices === 0) return;
  if (kind === 'init') {
    raise(row.peak, add(row.own, row.sidecars));
  } else {
    if (kind === 'sidecar') add(row.sidecars, row.own);
    raise(row.peak, add(row.running, row.own));
  }
  copy(row.own, NO_HOLD);
}
