// SPDX-License-Identifier: Apache-2.0
// What holds at every instant: the slices of started containers fit their devices.
import { holdsOf, type Holds } from '../../../src/core/hold.js';
import type { Device } from '../../../src/core/device.js';
import { decodeInventory } from '../../../src/wire/inventory.js';
import { decodePlacement } from '../../../src/wire/placement.js';
import type { PodObject } from './api.js';
import type { Journey } from './journey.js';
import { PLACEMENT } from './journey.js';

interface NodeObject {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
}

export async function inventories(journey: Journey): Promise<Map<string, readonly Device[]>> {
  const { items } = await journey.api.get<{ items: readonly NodeObject[] }>('/api/v1/nodes');
  return new Map(
    items.map(({ metadata }) => {
      const letter = metadata.annotations?.['kerf.dev/inventory-nvidia'] ?? '';
      const devices = decodeInventory('nvidia', letter);
      return [metadata.name, devices.ok ? devices.value.devices : []];
    }),
  );
}

const isStarted = (pod: PodObject): boolean =>
  [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])].some(
    (status) => status.state.running !== undefined,
  );

/** A sentence for every device whose started containers hold more than it has; empty is good. */
export function overfull(pods: readonly PodObject[], devices: readonly Device[]): string[] {
  const deviceOf = new Map(devices.map((device) => [device.id, device]));
  const sums = new Map<string, { memory: number; cores: number }>();
  for (const pod of pods.filter(isStarted)) {
    for (const [id, hold] of startedHolds(pod, (id) => deviceOf.get(id))) {
      const sum = sums.get(id) ?? { memory: 0, cores: 0 };
      sums.set(id, { memory: sum.memory + hold.memory, cores: sum.cores + hold.cores });
    }
  }
  return [...sums].flatMap(([id, sum]) => {
    const device = deviceOf.get(id);
    if (device === undefined) return [`device ${id} is given and does not exist`];
    const isFull = sum.memory > device.memory || sum.cores > device.cores;
    return isFull
      ? [`device ${id} gives ${sum.memory} of ${device.memory} MiB, ${sum.cores} of ${device.cores}`]
      : [];
  });
}

function startedHolds(pod: PodObject, deviceOf: (id: string) => Device | undefined): Holds {
  const decoded = decodePlacement(pod.metadata.annotations?.[PLACEMENT] ?? '');
  return decoded.ok ? holdsOf(decoded.value, [], deviceOf) : new Map();
}
