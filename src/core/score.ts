// SPDX-License-Identifier: Apache-2.0
// How much a policy likes a node with the pod on it.
import type { Ask } from './asks.js';
import type { NodeView, Totals } from './node.js';
import type { PreparedPod } from './prepared.js';

/** 0..10, not rounded (units.score rounds it for the wire). Of several vendors the mean. */
export function likeNode({ asks, nodePolicy }: PreparedPod, node: NodeView): number {
  let sum = 0;
  for (const ask of asks) {
    const view = node.vendors.get(ask.vendor);
    if (view !== undefined) sum += nodePolicy.like(fillOf(view.totals, ask, view.devices.length));
  }
  return asks.length === 0 ? 0 : (10 * sum) / asks.length;
}

/** How full the vendor's devices would be: the mean of memory, compute and slices, 0..1. */
function fillOf(totals: Totals, ask: Ask, devices: number): number {
  const memory = ask.memory + (devices === 0 ? 0 : (ask.devices * totals.memory) / devices);
  return (
    (share(totals.heldMemory + memory, totals.memory) +
      share(totals.heldCores + ask.cores, totals.cores) +
      share(totals.heldSlices + ask.slices, totals.splits)) /
    3
  );
}

const share = (held: number, all: number): number => (all === 0 ? 1 : Math.min(1, held / all));
