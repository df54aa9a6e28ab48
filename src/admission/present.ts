// SPDX-License-Identifier: Apache-2.0
// Could any node that is there hold the pod, were it empty? Asked of the same function that places.
import type { Device } from '../core/device.js';
import { NO_HOLD } from '../core/hold.js';
import type { NodeView, VendorView } from '../core/node.js';
import { canPlace, preparePod } from '../core/place.js';
import { DEFAULT_POLICIES } from '../core/policies.js';
import type { ContainerRequest, PodRequest } from '../core/request.js';

/**
 * Devices per present node, made as it is walked: mostly the first node could hold the pod, and there may be 5 000.
 * null while no node has been read yet: then nothing is known and nothing said.
 */
export type PresentNodes = (() => Iterable<readonly Device[]>) | null;

export function presentWarnings(request: PodRequest, present: PresentNodes): readonly string[] {
  if (present === null || couldHold(request, present)) return [];
  const asking = request.containers.filter(({ slices }) => slices.length > 0);
  const alone = asking.find((container) => !couldHold({ ...request, containers: [container] }, present));
  const who =
    alone === undefined ? 'all its containers together' : `container ${alone.name} (${wishOf(alone)})`;
  return [
    `no present node could hold this pod even when empty: ${who}; it waits for one; ${presentText(present)}`,
  ];
}

function couldHold(request: PodRequest, present: NonNullable<PresentNodes>): boolean {
  const pod = preparePod(request, DEFAULT_POLICIES);
  for (const devices of present()) if (canPlace(pod, emptyNode(devices))) return true;
  return false;
}

const NO_TOTALS = { memory: 0, heldMemory: 0, cores: 0, heldCores: 0, splits: 0, heldSlices: 0 };

function emptyNode(devices: readonly Device[]): NodeView {
  const vendors = new Map<string, VendorView>();
  for (const vendor of new Set(devices.map((device) => device.vendor))) {
    const own = devices.filter((device) => device.vendor === vendor);
    vendors.set(vendor, {
      devices: own.map((device) => ({ device, hold: NO_HOLD, isCordoned: false })),
      totals: NO_TOTALS,
      slots: own.reduce((sum, { splits }) => sum + splits, 0),
      slotsUsed: 0,
      unreadable: null,
    });
  }
  return { name: '', revision: 0, ordinal: 0, vendors, heldBy: null, initOnly: null };
}

function wishOf({ slices }: ContainerRequest): string {
  const texts = slices.map(({ count, memory }) => {
    if (memory.kind === 'whole') return `${count} whole`;
    return `${count} with ${memory.kind === 'fixed' ? `${memory.memory} MiB` : `${memory.permille / 10} %`}`;
  });
  return texts.join(' and ');
}

/** The most and largest of each model. */
function presentText(present: NonNullable<PresentNodes>): string {
  const largest = new Map<string, { count: number; memory: number }>();
  for (const devices of present())
    for (const { model, memory } of devices) {
      const count = devices.filter((device) => device.model === model).length;
      const known = largest.get(model) ?? { count: 0, memory: 0 };
      largest.set(model, { count: Math.max(known.count, count), memory: Math.max(known.memory, memory) });
    }
  if (largest.size === 0) return 'no node announces a device';
  const rows = [...largest].map(
    ([model, { count, memory }]) => `${model} × ${count} a node, ${memory} MiB each`,
  );
  return `present: ${rows.join('; ')}`;
}
