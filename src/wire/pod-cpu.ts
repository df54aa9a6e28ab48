// SPDX-License-Identifier: Apache-2.0
// The CPU that a pod requests, as the kubelet adds it up: containers, init containers, sidecars, overhead.
import { peakOf } from '../core/phases.js';
import { isRecord } from './json.js';
import { type ContainerLike, containersOf } from './pod-shape.js';
import { milliOf, parseQuantity } from './quantity.js';

/** In thousandths of a core. What cannot be read counts as nothing: the API server takes no such pod. */
export function cpuMilliOf(spec: unknown): number {
  if (!isRecord(spec)) return 0;
  const whole = amountOf(spec);
  const asked = whole ?? peakOf(containersIn(spec), ({ milli }) => milli);
  return asked + milliIn(spec.overhead);
}

function containersIn(spec: Record<string, unknown>): readonly {
  readonly kind: 'init' | 'sidecar' | 'app';
  readonly milli: number;
}[] {
  const { containers, initContainers } = spec;
  const places = containersOf({ containers: listOf(containers), initContainers: listOf(initContainers) });
  return places.map(({ kind, container }) => ({ kind, milli: amountOf(container) ?? 0 }));
}

const listOf = (value: unknown): readonly ContainerLike[] =>
  Array.isArray(value) ? (value as unknown[]).filter((each): each is ContainerLike => isRecord(each)) : [];

/** Of a container, or of a pod that says it for all of them; null where nothing stands. What is limited and not requested is requested. */
function amountOf({ resources }: { readonly resources?: unknown }): number | null {
  if (!isRecord(resources)) return null;
  const { requests, limits } = resources;
  if (isRecord(requests) && requests.cpu !== undefined) return milliIn(requests);
  return isRecord(limits) && limits.cpu !== undefined ? milliIn(limits) : null;
}

const milliIn = (amounts: unknown): number => (isRecord(amounts) ? readCpuMilli(amounts.cpu) : 0);

/** `2`, `500m`, `0.1` in thousandths; 0 where nothing readable stands. */
export function readCpuMilli(value: unknown): number {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') return 0;
  // Nearly all are written so; the exact reader works on bigints.
  const plain = /^(\d{1,9})(m?)$/.exec(text);
  if (plain !== null) return Number(plain[1]) * (plain[2] === 'm' ? 1 : 1000);
  const quantity = parseQuantity(text);
  return quantity === null ? 0 : Math.max(0, Number(milliOf(quantity)));
}
