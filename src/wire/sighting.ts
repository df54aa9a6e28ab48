// SPDX-License-Identifier: Apache-2.0
// From a pod as the watch shows it to what the ledger is told of it: who placed it, and what that letter says.
import type { Claim, Sighting } from '../core/holding.js';
import { countOf } from '../core/phases.js';
import { HAMI_SCHEDULER } from './hami.js';
import { decodeHamiPlacement, type HamiContainer } from './hami-placement.js';
import { decodePlacement } from './placement.js';
import type { PodView } from './pod-view.js';

/** True for every pod on a node that asks or carries a placement, whoever placed it; one all over holds nothing. */
export function holdsSomething(pod: PodView): boolean {
  return pod.nodeName !== '' && !pod.isOver && (pod.asksForDevices || pod.placement !== null);
}

export function sightingOf(pod: PodView): Sighting {
  return {
    uid: pod.uid,
    pod: `${pod.namespace}/${pod.name}`,
    node: pod.nodeName,
    containers: pod.containers,
    slots: pod.slots,
    isInitOnly: pod.isInitOnlyUnstarted,
    cpuMilli: pod.cpuMilli,
    claim: claimOf(pod),
  };
}

/** Our own letter first; a neighbour's where there is none. */
function claimOf(pod: PodView): Claim {
  if (pod.placement !== null) return claimBy(decodePlacement(pod.placement));
  if (pod.hamiLetters.length > 0) return claimBy(decodeHamiPlacement(pod.hamiLetters, containersOf(pod)));
  if (pod.schedulerName !== HAMI_SCHEDULER) return { kind: 'none' };
  // HAMi writes its letters before it binds: here they were lost, and the devices are held all the same.
  return { kind: 'unreadable', detail: `${HAMI_SCHEDULER} bound it, and it carries no letter of HAMi's` };
}

function claimBy(read: ReturnType<typeof decodePlacement>): Claim {
  return read.ok ? { kind: 'placed', placement: read.value } : { kind: 'unreadable', detail: read.error };
}

function containersOf({ containers, request, slots }: PodView): readonly HamiContainer[] {
  if (!request.ok) return containers;
  const vendors = [...slots.keys()];
  return request.value.containers.map((container) => ({
    name: container.name,
    asks: new Map(vendors.map((vendor) => [vendor, countOf(container, vendor)])),
  }));
}
