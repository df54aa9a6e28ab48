// SPDX-License-Identifier: Apache-2.0
// In which order a pod's containers are served on a node. Where one has taken the very device that another
// needs, they are served once more, the largest first.
import type { ContainerRequest, PodRequest } from './request.js';

/** Indexes of request.containers. */
export type Order = readonly number[];

export const asWritten = ({ containers }: PodRequest): Order => containers.map((_container, index) => index);

/** Inits and sidecars keep their order, which is their meaning. */
export function largestFirst({ containers }: PodRequest): Order {
  const size = (index: number): number => sizeOf(containers[index] as ContainerRequest);
  const isApp = (index: number): boolean => containers[index]?.kind === 'app';
  const indexes = containers.map((_container, index) => index);
  const apps = indexes.filter(isApp).sort((a, b) => size(b) - size(a) || a - b);
  return [...indexes.filter((index) => !isApp(index)), ...apps];
}

/** Only for ordering: whole devices above shares above MiB. */
function sizeOf({ slices }: ContainerRequest): number {
  return slices.reduce((sum, { memory, count }) => {
    if (memory.kind === 'fixed') return sum + memory.memory * count;
    return sum + (memory.kind === 'whole' ? 1e12 : memory.permille * 1e6) * count;
  }, 0);
}

export function hasChoiceOfOrder({ containers }: PodRequest): boolean {
  return containers.filter(({ slices }) => slices.length > 0).length > 1;
}
