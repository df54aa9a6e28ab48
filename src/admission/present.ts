// SPDX-License-Identifier: Apache-2.0
// Could any node that is there hold the pod, were it empty? Asked of the same function that places.
import type { Device } from '../core/device.js';
import { type NodeView, UNTOLD } from '../core/node.js';
import { canPlace } from '../core/place.js';
import { DEFAULT_RULES } from '../core/policies.js';
import { preparePod } from '../core/prepared.js';
import type { ContainerRequest, PodRequest } from '../core/request.js';
import { NOTHING_HELD, viewOf } from '../core/view.js';

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
  const pod = preparePod(request, DEFAULT_RULES);
  for (const devices of present()) if (canPlace(pod, emptyNode(devices))) return true;
  return false;
}

function emptyNode(devices: readonly Device[]): NodeView {
  const slots = new Map<string, number>();
  for (const { vendor, splits } of devices) slots.set(vendor, (slots.get(vendor) ?? 0) + splits);
  const facts = { name: '', devices, unreadable: new Map<string, string>(), slots, ...UNTOLD };
  return viewOf({ ...facts, cordoned: new Set() }, NOTHING_HELD, { revision: 0, ordinal: 0 });
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
