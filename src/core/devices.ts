// SPDX-License-Identifier: Apache-2.0
// A node tells all of its devices each time it tells anything: which of them are other than they were?
import { type Device, physicalMemory } from './device.js';
import { isSame } from './same.js';

/** `told`, with the known object for each device that it says the same of: objects then tell what has changed. */
export function sharedDevices(known: readonly Device[], told: readonly Device[]): readonly Device[] {
  return told.map((device, at) => {
    const before = known[at];
    // In the same place nearly always: a device that changes places counts as changed, which costs a little and is right.
    return before !== undefined && isSame(before, device) ? before : device;
  });
}

/** Ids of those that have another size, came or went: what is all of a device is another amount now. */
export function resizedDevices(before: readonly Device[], after: readonly Device[]): ReadonlySet<string> {
  const resized = new Set<string>();
  for (const device of before) if (!hasLike(after, device)) resized.add(device.id);
  for (const device of after) if (!hasLike(before, device)) resized.add(device.id);
  return resized;
}

function hasLike(devices: readonly Device[], like: Device): boolean {
  for (const device of devices)
    if (device === like || (device.id === like.id && physicalMemory(device) === physicalMemory(like)))
      return true;
  return false;
}
