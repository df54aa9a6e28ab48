// SPDX-License-Identifier: Apache-2.0
// The annotations a pod may write beyond its choice of devices: one row each, with the good values and those to come.
import type { PodRequest } from '../core/request.js';
import type { PodObject } from '../wire/admission.js';
import {
  DEVICE_UUID,
  DEVICE_UUID_NOT,
  DOMAIN,
  INVENTORY_PREFIX,
  ISOLATION,
  MEMORY_LIMIT,
  OVERSUBSCRIBE,
} from '../wire/names.js';
import { annotationPath, type BadField } from '../wire/pod.js';

/** Values that are honoured, and values whose meaning is settled but that nothing honours yet. */
interface Choice {
  readonly good: readonly string[];
  readonly later: readonly string[];
}

const CHOICES: Readonly<Record<string, Choice>> = {
  [ISOLATION]: { good: ['shim'], later: ['mig', 'mps'] },
  [OVERSUBSCRIBE]: { good: ['off'], later: ['managed'] },
};

type Rule = (pod: PodObject, request: PodRequest) => BadField | null;

const RULES: readonly Rule[] = [badChoice, badMemoryLimit, badDeviceIds, inventoryOnPod];

export function badAnnotation(pod: PodObject, _context: unknown, request: PodRequest): BadField | null {
  for (const rule of RULES) {
    const bad = rule(pod, request);
    if (bad !== null) return bad;
  }
  return null;
}

function badChoice(pod: PodObject): BadField | null {
  for (const [key, { good, later }] of Object.entries(CHOICES)) {
    const value = pod.metadata.annotations?.[key];
    if (value === undefined || good.includes(value)) continue;
    const want = later.includes(value)
      ? `this version does not honour it yet; want ${good.join(' or ')}`
      : `want one of ${[...good, ...later].join(', ')}${later.length > 0 ? ` (${later.join(', ')} not in this version)` : ''}`;
    return { field: annotationPath(key), value, want };
  }
  return null;
}

/** The limit may lie above the guaranteed part, never below; every container's fixed memory is compared. */
function badMemoryLimit(pod: PodObject, request: PodRequest): BadField | null {
  const value = pod.metadata.annotations?.[MEMORY_LIMIT];
  const ceiling = request.sharing?.ceiling;
  if (value === undefined || ceiling === undefined) return null;
  const bad = (want: string): BadField => ({ field: annotationPath(MEMORY_LIMIT), value, want });
  const parts = request.containers.flatMap(({ slices }) => slices.map(({ memory }) => memory));
  const largest = Math.max(0, ...parts.map((memory) => (memory.kind === 'fixed' ? memory.memory : 0)));
  if (ceiling < largest) return bad(`want at least the guaranteed part, ${largest} MiB`);
  return null;
}

function badDeviceIds(pod: PodObject, request: PodRequest): BadField | null {
  const { allowIds, denyIds } = request.choice;
  const both = allowIds.find((id) => denyIds.includes(id));
  const bad = (want: string): BadField => ({
    field: annotationPath(DEVICE_UUID),
    value: allowIds.join(','),
    want,
  });
  if (both !== undefined) return bad(`${both} also stands in ${DEVICE_UUID_NOT}; want it in one of them`);
  if (allowIds.length === 0) return null;
  const most = Math.max(0, ...request.containers.flatMap(({ slices }) => slices.map(({ count }) => count)));
  const allowed = new Set(allowIds).size;
  return most > allowed ? bad(`want at least ${most} ids, since a container asks for ${most} devices`) : null;
}

/** A letter of nodes on a pod means nothing and misleads readers. */
function inventoryOnPod(pod: PodObject): BadField | null {
  const key = Object.keys(pod.metadata.annotations ?? {}).find((name) => name.startsWith(INVENTORY_PREFIX));
  if (key === undefined) return null;
  const value = pod.metadata.annotations?.[key] ?? '';
  return { field: annotationPath(key), value, want: `a pod announces no devices; leave it out (${DOMAIN})` };
}
