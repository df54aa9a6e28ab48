// SPDX-License-Identifier: Apache-2.0
// What a pod asks of each vendor over its life, in sums: for scores, not for devices.
import { countOf, peakOf, vendorsOf } from './phases.js';
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
