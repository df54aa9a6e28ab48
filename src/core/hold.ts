// SPDX-License-Identifier: Apache-2.0
// What a placed pod holds of each device over its life, counted as the kubelet counts:
// apps and sidecars add up; an init container runs before the apps, so it overlaps them and
// stands beside the sidecars started before it only. Held is the peak of these, per device.
import { type Device, type Hold, physicalMemory } from './device.js';
import type { ContainerPlacement, Placement, Slice } from './placement.js';
import type { ContainerKind } from './request.js';
import { addCores, addMiB, type MiB, type MilliCores, NO_CORES, NO_MEMORY, WHOLE_DEVICE } from './units.js';

export const NO_HOLD: Hold = {
  memory: NO_MEMORY,
  cores: NO_CORES,
  slices: 0,
  isExclusive: false,
  highMemory: NO_MEMORY,
  highCores: NO_CORES,
  highSlices: 0,
};

export type Holds = ReadonlyMap<string, Hold>;

export const NO_HOLDS: Holds = new Map();

/** A slice owns its device when it has all its memory or all its compute. */
export function ownsDevice(slice: Pick<Slice, 'memory' | 'cores'>, device: Device | undefined): boolean {
  if (device === undefined) return slice.cores >= WHOLE_DEVICE;
  return isAllOf(device, slice.memory, slice.cores);
}

export const isAllOf = (device: Device, memory: MiB, cores: MilliCores): boolean =>
  cores >= WHOLE_DEVICE || memory >= physicalMemory(device);

export function addHold(a: Hold, b: Hold): Hold {
  return {
    memory: addMiB(a.memory, b.memory),
    cores: addCores(a.cores, b.cores),
    slices: a.slices + b.slices,
    isExclusive: a.isExclusive || b.isExclusive,
    highMemory: addMiB(a.highMemory, b.highMemory),
    highCores: addCores(a.highCores, b.highCores),
    highSlices: a.highSlices + b.highSlices,
  };
}

export function peakHold(a: Hold, b: Hold): Hold {
  return {
    memory: Math.max(a.memory, b.memory) as MiB,
    cores: Math.max(a.cores, b.cores) as MilliCores,
    slices: Math.max(a.slices, b.slices),
    isExclusive: a.isExclusive || b.isExclusive,
    highMemory: Math.max(a.highMemory, b.highMemory) as MiB,
    highCores: Math.max(a.highCores, b.highCores) as MilliCores,
    highSlices: Math.max(a.highSlices, b.highSlices),
  };
}

/**
 * Peak per device id. `kinds` tells each container's kind in the kubelet's order (init list, then apps);
 * a container of the placement that the pod does not name counts as an app: unknown state is held.
 */
export function holdsOf(
  placement: Placement,
  kinds: readonly { readonly name: string; readonly kind: ContainerKind }[],
  deviceOf: (id: string) => Device | undefined,
): Holds {
  const [only] = placement.containers;
  // Alone it overlaps nobody, whatever its kind: what it holds is the peak.
  if (only !== undefined && placement.containers.length === 1) return holdsOfContainer(only, deviceOf);
  const kindOf = new Map(kinds.map((container, order) => [container.name, { kind: container.kind, order }]));
  const rows = placement.containers.map((container) => ({
    holds: holdsOfContainer(container, deviceOf),
    ...(kindOf.get(container.name) ?? { kind: 'app' as const, order: Number.MAX_SAFE_INTEGER }),
  }));
  rows.sort((a, b) => a.order - b.order);
  let sidecars = new Map<string, Hold>();
  let peak = new Map<string, Hold>();
  let running = new Map<string, Hold>();
  for (const row of rows) {
    if (row.kind === 'init') peak = merge(peak, merge(sidecars, row.holds, addHold), peakHold);
    if (row.kind === 'sidecar') sidecars = merge(sidecars, row.holds, addHold);
    if (row.kind !== 'init') running = merge(running, row.holds, addHold);
  }
  return merge(peak, running, peakHold);
}

/** Per device the more of both. */
export const peakHolds = (a: Holds, b: Holds): Holds => merge(a, b, peakHold);

/** What one container holds per device. */
export function holdsOfContainer(
  container: ContainerPlacement,
  deviceOf: (id: string) => Device | undefined,
): Map<string, Hold> {
  const holds = new Map<string, Hold>();
  for (const slice of container.slices) {
    const hold = holdOf(slice, deviceOf(slice.deviceId));
    const before = holds.get(slice.deviceId);
    holds.set(slice.deviceId, before === undefined ? hold : addHold(before, hold));
  }
  return holds;
}

function holdOf(slice: Slice, device: Device | undefined): Hold {
  const { memory, cores, isHigh, isAlone } = slice;
  return {
    memory,
    cores,
    slices: 1,
    isExclusive: isAlone || ownsDevice(slice, device),
    highMemory: isHigh ? memory : NO_MEMORY,
    highCores: isHigh ? cores : NO_CORES,
    highSlices: isHigh ? 1 : 0,
  };
}

function merge(
  a: ReadonlyMap<string, Hold>,
  b: ReadonlyMap<string, Hold>,
  join: (x: Hold, y: Hold) => Hold,
): Map<string, Hold> {
  const merged = new Map(a);
  for (const [id, hold] of b) merged.set(id, join(merged.get(id) ?? NO_HOLD, hold));
  return merged;
}
