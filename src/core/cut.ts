// SPDX-License-Identifier: Apache-2.0
// Some devices cannot be cut anywhere: a wish is rounded up to what the device can give, here and nowhere else,
// so that what is placed, held and told is the same.
import { type Device, physicalMemory } from './device.js';
import type { MemoryWish, SliceRequest } from './request.js';
import { type MiB, type MilliCores, shareOf } from './units.js';

export function memoryOn(device: Device, wish: MemoryWish): MiB {
  if (wish.kind === 'fixed') return wish.memory;
  const memory = physicalMemory(device);
  return wish.kind === 'whole' ? memory : shareOf(memory, wish.permille);
}

/** The wish as this device would serve it, never less than was asked; null where no cut is large enough. */
export function asCut(device: Device, slice: SliceRequest): SliceRequest | null {
  const { cuts } = device;
  if (cuts === undefined) return slice;
  if (cuts.kind === 'units') return { ...slice, cores: wholeUnits(slice.cores, cuts.units) };
  const memory = memoryOn(device, slice.memory);
  const cut = cuts.sizes.find((size) => size.memory >= memory && size.cores >= slice.cores);
  return cut === undefined
    ? null
    : { ...slice, memory: { kind: 'fixed', memory: cut.memory }, cores: cut.cores };
}

/**
 * Up to a whole unit, and up again to a thousandth: n units are ceil(1000 n / units), so that slices which fit in
 * thousandths fit in units too, and the node's agent finds n again by rounding down.
 */
function wholeUnits(cores: MilliCores, units: number): MilliCores {
  const count = Math.ceil((cores * units) / 1000);
  return Math.ceil((count * 1000) / units) as MilliCores;
}
