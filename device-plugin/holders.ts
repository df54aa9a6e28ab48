// SPDX-License-Identifier: Apache-2.0
import type { Holder } from './fence.js';
import type { BoundSlot } from './slot.js';

/** The pods that hold slices here: one row a pod, those that ended left out. */
export function holdersOf(
  bound: readonly BoundSlot[],
  pods: { isOver(podUid: string): boolean },
): readonly Holder[] {
  const holders = new Map<string, Holder>();
  for (const { owner } of bound) if (!pods.isOver(owner.podUid)) holders.set(owner.podUid, owner);
  return [...holders.values()];
}
