// SPDX-License-Identifier: Apache-2.0
// Divides a device's burst memory among its slices, at work: ceilings fall before others rise, and what is held is read
// in between, so that two slices never get the same memory promised.
import { divideMemory } from '../../core/elastic.js';
import type { MiB } from '../../core/units.js';

/** One slice of the device. */
export interface Lendable {
  readonly ceiling: MiB;
  readonly guaranteed: MiB;
  readonly isWanting?: boolean;
  /** Held now; what cannot be read holds all it may. */
  readonly used: () => MiB;
  /** Where its growth ends now. */
  readonly now: () => MiB;
  readonly setNow: (memory: MiB) => void;
}

export function divideAmong(device: MiB, slices: readonly Lendable[]): void {
  settle(device, slices, (now, next) => next < now);
  settle(device, slices, (now, next) => next !== now);
}

function settle(device: MiB, slices: readonly Lendable[], isDue: (now: MiB, next: MiB) => boolean): void {
  const given = divideMemory(
    device,
    slices.map((slice) => ({ ...slice, used: slice.used() })),
  );
  for (const [at, slice] of slices.entries()) {
    const next = given[at];
    if (next !== undefined && isDue(slice.now(), next)) slice.setNow(next);
  }
}
