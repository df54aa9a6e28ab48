// SPDX-License-Identifier: Apache-2.0
// The part of the letter in wire/pod that says how a pod's slices live with others while they run.
import type { PodRequest, SharingWish } from '../core/request.js';
import { err, ok, type Result } from '../core/result.js';
import { COMPUTE, MEMORY_LIMIT, WEIGHT } from './names.js';
import { annotationPath, type BadField } from './pod-shape.js';
import { memoryMiB, parseQuantity } from './quantity.js';

export const MOST_WEIGHT = 100;

type Annotations = Readonly<Record<string, string>>;
const NOTHING = ok<Pick<PodRequest, 'sharing'>>({});

type Reader = (text: string) => SharingWish | null;

/** One row per annotation: how it is read, and what would be right. */
const READERS: readonly (readonly [string, Reader, string])[] = [
  [COMPUTE, readCompute, 'want hard or soft'],
  [WEIGHT, readWeight, `want a whole number, 1 to ${MOST_WEIGHT}`],
  [MEMORY_LIMIT, readCeiling, 'want memory per device: MiB such as 3000, or a quantity such as 16Gi'],
];

/** Nearly all pods say nothing of it. */
export function readSharing(annotations: Annotations): Result<Pick<PodRequest, 'sharing'>, BadField> {
  let wish: SharingWish | undefined;
  for (const [key, read, want] of READERS) {
    const value = annotations[key];
    if (value === undefined) continue;
    const said = typeof value === 'string' ? read(value) : null;
    if (said === null) return err({ field: annotationPath(key), value: String(value), want });
    wish = { ...wish, ...said };
  }
  return wish === undefined ? NOTHING : ok({ sharing: wish });
}

function readCompute(text: string): SharingWish | null {
  return text === 'hard' || text === 'soft' ? { compute: text } : null;
}

function readWeight(text: string): SharingWish | null {
  const weight = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return weight >= 1 && weight <= MOST_WEIGHT ? { weight } : null;
}

function readCeiling(text: string): SharingWish | null {
  const quantity = parseQuantity(text);
  const memory = quantity === null ? null : memoryMiB(quantity);
  return memory?.ok === true && memory.value > 0 ? { ceiling: memory.value } : null;
}
