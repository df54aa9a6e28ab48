// SPDX-License-Identifier: Apache-2.0
// What a placement says of living with others: the pod's own wish, else what the policy says of its namespace. Choosing
// devices does not go by it: what is lent was never promised.
import type { Placement, Slice } from './placement.js';
import type { SharingWish } from './request.js';
import { type MiB, WHOLE_DEVICE } from './units.js';

/** Words that say nothing are left out: a slice without a compute limit borrows nothing, a ceiling must lie above. */
export function withSharing(
  placement: Placement,
  wish: SharingWish,
  memoryOf: (deviceId: string) => MiB,
): Placement {
  if (wish.compute !== 'soft' && wish.ceiling === undefined) return placement;
  return {
    containers: placement.containers.map((container) => ({
      ...container,
      slices: container.slices.map((slice) => ({
        ...slice,
        ...computeOf(slice, wish),
        ...ceilingOf(slice, wish, memoryOf),
      })),
    })),
  };
}

function computeOf({ cores }: Slice, { compute, weight }: SharingWish): Pick<Slice, 'isSoft' | 'weight'> {
  if (compute !== 'soft' || cores === 0 || cores >= WHOLE_DEVICE) return {};
  return { isSoft: true, ...(weight !== undefined && weight > 1 && { weight }) };
}

function ceilingOf(
  { deviceId, memory }: Slice,
  { ceiling }: SharingWish,
  memoryOf: (deviceId: string) => MiB,
): Pick<Slice, 'ceiling'> {
  if (ceiling === undefined) return {};
  const most = Math.min(ceiling, memoryOf(deviceId)) as MiB;
  return most > memory ? { ceiling: most } : {};
}
