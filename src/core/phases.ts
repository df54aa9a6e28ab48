// SPDX-License-Identifier: Apache-2.0
// What runs beside what in one pod, in the kubelet's order: an init container stands beside the sidecars
// started before it; apps stand beside all sidecars. Used for slots and for scores; devices see core/hold.
import type { ContainerKind, ContainerRequest, PodRequest } from './request.js';

/** The peak of a quantity over the pod's life: inits overlap the apps, sidecars and apps add up. */
export function peakOf<C extends Pick<ContainerRequest, 'kind'>>(
  containers: readonly C[],
  amount: (container: C) => number,
): number {
  let sidecars = 0;
  let running = 0;
  let peak = 0;
  for (const container of containers) {
    const own = amount(container);
    if (container.kind === 'init') peak = Math.max(peak, sidecars + own);
    if (container.kind === 'sidecar') sidecars += own;
    if (container.kind !== 'init') running += own;
  }
  return Math.max(peak, running);
}

/** Devices of one vendor a container asks. */
export function countOf(container: ContainerRequest, vendor: string): number {
  let count = 0;
  for (const slice of container.slices) if (slice.vendor === vendor) count += slice.count;
  return count;
}

/** Vendors asked, each once, in order of asking. */
export function vendorsOf(request: PodRequest): readonly string[] {
  return [...new Set(request.containers.flatMap(({ slices }) => slices.map(({ vendor }) => vendor)))];
}

/** Slots the kubelet will take per vendor: it lends the ids of finished init containers to later ones. */
export function slotsWanted(request: PodRequest): ReadonlyMap<string, number> {
  const slots = new Map<string, number>();
  for (const { slices } of request.containers)
    for (const { vendor } of slices)
      if (!slots.has(vendor))
        slots.set(
          vendor,
          peakOf(request.containers, (each) => countOf(each, vendor)),
        );
  return slots;
}

/**
 * True when some init container's devices are shown to nobody: the kubelet's PodResources lists apps and
 * sidecars only, and finds an init container through the ids it lends to a later one of the same vendor.
 */
export function isInitOnly(request: PodRequest): boolean {
  if (!request.containers.some(isInit)) return false;
  const last = new Map<string, ContainerKind>();
  for (const { kind, slices } of request.containers) for (const { vendor } of slices) last.set(vendor, kind);
  return [...last.values()].includes('init');
}

const isInit = ({ kind }: ContainerRequest): boolean => kind === 'init';
