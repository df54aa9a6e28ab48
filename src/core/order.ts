// SPDX-License-Identifier: Apache-2.0
// In which order a pod's containers are served on a node. Where one has taken the very device that another
// needs, they are served once more, the largest first.
import type { ContainerRequest, PodRequest } from './request.js';

/** Indexes of request.containers. */
export type Order = readonly number[];

export const asWritten = ({ containers }: PodRequest): Order => containers.map((_container, index) => index);

/** Inits and sidecars keep their order, which is their meaning. Who needs several of one NUMA node has least choice. */
export function largestFirst({ containers, numa }: PodRequest): Order {
  const size = (index: number): number => {
    const container = containers[index] as ContainerRequest;
    return sizeOf(container) + (numa === 'required' && isWide(container) ? WIDE : 0);
  };
  const isApp = (index: number): boolean => containers[index]?.kind === 'app';
  const indexes = containers.map((_container, index) => index);
  const apps = indexes.filter(isApp).sort((a, b) => size(b) - size(a) || a - b);
  return [...indexes.filter((index) => !isApp(index)), ...apps];
}

const WIDE = 1e18;
const isWide = ({ slices }: ContainerRequest): boolean => slices.some(({ count }) => count > 1);

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
