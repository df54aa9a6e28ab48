// SPDX-License-Identifier: Apache-2.0
// The ids the kubelet counts: opaque, as many as all devices could ever carry slices. How many of them are given out
// the scheduler decides, which may let a device carry more slices than its node says (docs/policies.md). An id belongs to no device; it is
// as healthy as the devices its container sits on, and of the free ids as many are healthy as healthy devices offer.
import type { Device } from '../src/core/device.js';
import { type Slot, slicesOf } from './slot.js';

export interface IdHealth {
  readonly id: string;
  readonly isHealthy: boolean;
}

/** slot-0001, slot-0002 … */
export const idAt = (at: number): string => `slot-${String(at + 1).padStart(4, '0')}`;

export interface IdQuestion {
  readonly devices: readonly Device[];
  /** Of living pods, oldest first. A pod that ended gives its ids back. */
  readonly slots: readonly Slot[];
  /** Offered for each device at least, where it carries slices at all. */
  readonly slotsPerDevice: number;
}

export function idsOf({ devices, slots, slotsPerDevice }: IdQuestion): readonly IdHealth[] {
  const isHealthy = new Map(devices.map((device) => [device.id, device.isHealthy]));
  const claims = new Map<string, boolean>();
  for (const { ids, owner } of slots) {
    if (owner === null) continue;
    const isSound = slicesOf(owner).every(({ deviceId }) => isHealthy.get(deviceId) === true);
    for (const id of ids) claims.set(id, isSound);
  }
  const sound = [...claims.values()].filter(Boolean).length;
  const offered = (of: readonly Device[]): number =>
    of.reduce((sum, { splits }) => sum + (splits === 0 ? 0 : Math.max(splits, slotsPerDevice)), 0);
  let rest = Math.max(0, offered(devices.filter((device) => device.isHealthy)) - sound);
  const names = Array.from({ length: offered(devices) }, (_, at) => idAt(at));
  // A device that left takes ids away, and never one in which a pod runs: the kubelet would not start it again.
  const beyond = [...claims.keys()].filter((id) => !names.includes(id)).sort();
  return [...names, ...beyond].map((id) => {
    const claimed = claims.get(id);
    if (claimed !== undefined) return { id, isHealthy: claimed };
    rest -= 1;
    return { id, isHealthy: rest >= 0 };
  });
}
