// SPDX-License-Identifier: Apache-2.0
// How much a policy likes a node with the pod on it.
import type { NodeView, Totals } from './node.js';
import { countOf, peakOf, vendorsOf } from './phases.js';
import type { Policy } from './policies.js';
import type { ContainerRequest, PodRequest } from './request.js';

/** What a pod adds to a vendor's totals, made once per pod and asked for every node. */
export interface Ask {
  readonly vendor: string;
  /** MiB named outright. */
  readonly memory: number;
  /** Devices' worth of memory, 1 = one whole device: its MiB differ from node to node. */
  readonly devices: number;
  readonly cores: number;
  readonly slices: number;
}

export function asksOf(request: PodRequest): readonly Ask[] {
  return vendorsOf(request).map((vendor) => {
    const peak = (amount: (slice: ContainerRequest['slices'][number]) => number): number =>
      peakOf(request.containers, (container) => {
        let sum = 0;
        for (const slice of container.slices) if (slice.vendor === vendor) sum += amount(slice) * slice.count;
        return sum;
      });
    return {
      vendor,
      memory: peak(({ memory }) => (memory.kind === 'fixed' ? memory.memory : 0)),
      devices: peak(({ memory }) => (memory.kind === 'fixed' ? 0 : wholes(memory))),
      cores: peak(({ cores }) => cores),
      slices: peakOf(request.containers, (container) => countOf(container, vendor)),
    };
  });
}

function wholes(
  memory: { readonly kind: 'whole' } | { readonly kind: 'share'; readonly permille: number },
): number {
  return memory.kind === 'whole' ? 1 : memory.permille / 1000;
}

/** 0..10, not rounded (units.score rounds it for the wire). Of several vendors the mean. */
export function likeNode(node: NodeView, asks: readonly Ask[], policy: Policy): number {
  let sum = 0;
  for (const ask of asks) {
    const view = node.vendors.get(ask.vendor);
    if (view !== undefined) sum += policy.like(fillOf(view.totals, ask, view.devices.length));
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
