// SPDX-License-Identifier: Apache-2.0
// Takes back slots whose pod ended or is gone: so says the API server, asked now, and the kubelet shows it no more.
// On any doubt nothing is removed, for a removed spec is a container that cannot start again.
import type { PodResources } from '../src/adapters/kubelet/pod-resources.js';
import { isInitOnly } from './handover.js';
import type { PodView } from './pod-view.js';
import { type BoundSlot, isBound, type Slot } from './slot.js';

/** An Allocate whose pod failed at once leaves a slot nobody will ever start in. */
export const ORPHAN_MS = 600_000;

export interface SweepQuestion {
  /** As they were before the other two were asked: a slot bound meanwhile is not judged. */
  readonly slots: readonly Slot[];
  /** Pods of this node, read from the API server after `slots`. */
  readonly pods: readonly PodView[];
  /** Ids the kubelet shows per `namespace/name`, asked after `slots`. */
  readonly shown: ReadonlyMap<string, ReadonlySet<string>>;
  readonly nowMs: number;
}

/** The slots that may go, pure. */
export function gone({ slots, pods, shown, nowMs }: SweepQuestion): readonly Slot[] {
  // A finished pod never runs again, but its object may lie there for days.
  const living = new Set(pods.filter(({ isOver }) => !isOver).map(({ uid }) => uid));
  const isWaiting = pods.some((pod) => !pod.isOver && isInitOnly(pod.asking));
  return slots.filter((slot) => {
    const newer = slots.filter((other) => isBound(other) && other.seq > slot.seq).filter(isBound);
    if (isBound(slot)) return !living.has(slot.owner.podUid) && !isShown(slot, newer, shown);
    if (isOutlived(slot, newer, slots)) return true;
    const isListed = [...shown.values()].some((ids) => slot.ids.some((id) => ids.has(id)));
    return nowMs - slot.allocatedAtMs > ORPHAN_MS && !isListed && !isWaiting;
  });
}

/** The kubelet still shows the pod with an id that no later pod was given. */
function isShown(
  slot: BoundSlot,
  newer: readonly BoundSlot[],
  shown: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  const { namespace, pod, podUid } = slot.owner;
  const ids = shown.get(`${namespace}/${pod}`);
  if (ids === undefined) return false;
  const others = newer.filter(({ owner }) => owner.podUid !== podUid);
  return slot.ids.some((id) => ids.has(id) && !others.some((other) => other.ids.includes(id)));
}

/** All its ids went to later pods, and each of those pods has all the slots it needs. */
function isOutlived(slot: Slot, newer: readonly BoundSlot[], slots: readonly Slot[]): boolean {
  return slot.ids.every((id) =>
    newer.some((other) => other.ids.includes(id) && isComplete(other, slots.filter(isBound))),
  );
}

/** A kill between two records of one pod leaves it half-bound: then an unbound slot may be its own. */
function isComplete({ owner }: BoundSlot, bound: readonly BoundSlot[]): boolean {
  const has = new Set(
    bound.filter((slot) => slot.owner.podUid === owner.podUid).map((slot) => slot.owner.container),
  );
  return owner.placement.containers.every(({ name }) => has.has(name));
}

export function idsByPod(
  shown: readonly PodResources[],
  resource: string,
): ReadonlyMap<string, ReadonlySet<string>> {
  const byPod = new Map<string, Set<string>>();
  for (const pod of shown) {
    const name = `${pod.namespace}/${pod.name}`;
    const devices = pod.containers.flatMap((container) => container.devices);
    const ids = devices.filter((row) => row.resourceName === resource).flatMap((row) => row.deviceIds);
    byPod.set(name, new Set([...(byPod.get(name) ?? []), ...ids]));
  }
  return byPod;
}
