// SPDX-License-Identifier: Apache-2.0
// What a wish meets on a device that its pod has nothing of yet: worked out once per state of a device.
import type { NumberedDevices } from './alike.js';
import { misfit, type Wish } from './fit.js';
import type { DeviceState } from './node.js';
import type { DeviceRefusal } from './refusal.js';
import { Remembered } from './remembered.js';

type Misfit = DeviceRefusal['kind'];

const misfits = new Remembered<Misfit | null>(null);

/** misfit with what others hold. */
export function misfitAlone({ devices, numbers }: NumberedDevices, at: number, wish: Wish): Misfit | null {
  const state = devices[at] as DeviceState;
  const { asker } = wish;
  if (asker === undefined) return misfit(state, state.hold, wish);
  const number = numbers[at] as number;
  if (misfits.isKnown(asker, number)) return misfits.get(asker, number);
  return misfits.keep(asker, number, misfit(state, state.hold, wish));
}

/** Are there as many that fit as the wish wants? */
export function hasRoom(list: NumberedDevices, wish: Wish): boolean {
  let fits = 0;
  for (let at = 0; at < list.devices.length; at++) {
    if (misfitAlone(list, at, wish) === null) fits += 1;
    if (fits === wish.slice.count) return true;
  }
  return false;
}

/** By the number of a state that somebody may have looked at. */
export const isKnownToMisfit = (asker: number, state: number): boolean =>
  misfits.isKnown(asker, state) && misfits.get(asker, state) !== null;
