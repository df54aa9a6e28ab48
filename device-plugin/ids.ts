// SPDX-License-Identifier: Apache-2.0
// The ids the kubelet counts: opaque, as many as all devices can carry slices. An id belongs to no device; it is
// as healthy as the devices its container sits on, and of the free ids as many are healthy as healthy devices offer.
import type { Device } from '../src/core/device.js';
import { type Slot, slicesOf } from './slot.js';

export interface IdHealth {
  readonly id: string;
  readonly isHealthy: boolean;
}

/** slot-0001, slot-0002 … */
export const idAt = (at: number): string => `slot-${String(at + 1).padStart(4, '0')}`;

/** `slots`: those of living pods, oldest first. A pod that ended gives its ids back. */
export function idsOf(devices: readonly Device[], slots: readonly Slot[]): readonly IdHealth[] {
  const isHealthy = new Map(devices.map((device) => [device.id, device.isHealthy]));
  const claims = new Map<string, boolean>();
  for (const { ids, owner } of slots) {
    if (owner === null) continue;
    const isSound = slicesOf(owner).every(({ deviceId }) => isHealthy.get(deviceId) === true);
    for (const id of ids) claims.set(id, isSound);
  }
  const sound = [...claims.values()].filter(Boolean).length;
  let rest = Math.max(0, splitsOf(devices.filter((device) => device.isHealthy)) - sound);
  return Array.from({ length: splitsOf(devices) }, (_, at) => {
    const id = idAt(at);
    const claimed = claims.get(id);
    if (claimed !== undefined) return { id, isHealthy: claimed };
    rest -= 1;
    return { id, isHealthy: rest >= 0 };
  });
}

function splitsOf(devices: readonly Device[]): number {
  return devices.reduce((sum, device) => sum + device.splits, 0);
}
