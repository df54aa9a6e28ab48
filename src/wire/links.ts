// SPDX-License-Identifier: Apache-2.0
// How the devices of a node are linked, as it stands in the inventory: nvidia-smi's words, the upper triangle alone,
// in order of the devices' indexes. Three devices: [["NV12","SYS"],["SYS"]].
import type { LinkMatrix } from '../core/topology.js';

/** From far to near: across sockets, one NUMA node, host bridge, PCIe switches, one switch, one board, xGMI, n NVLinks. */
export type LinkWord = 'SYS' | 'NODE' | 'PHB' | 'PXB' | 'PIX' | 'PSB' | 'XGMI' | `NV${number}`;

/** Row i holds the words of device i with those after it; one row less than there are devices. */
export type LinkTriangle = readonly (readonly LinkWord[])[];

const PLAIN_WEIGHTS = new Map<string, number>([
  ['SYS', 10],
  ['NODE', 20],
  ['PHB', 30],
  ['PXB', 40],
  ['PIX', 50],
  ['PSB', 60],
  ['XGMI', 70],
]);
const PLAIN_WORDS = new Map([...PLAIN_WEIGHTS].map(([word, weight]) => [weight, word as LinkWord]));

/** NVLinks that one device can have: a letter that tells more lies. */
export const MOST_NVLINKS = 18;
const NVLINK_WEIGHT = 100;
const NVLINK = /^NV([1-9]\d?)$/;

function weightOf(word: unknown): number | null {
  if (typeof word !== 'string') return null;
  const links = Number(NVLINK.exec(word)?.[1] ?? 0);
  if (links > 0 && links <= MOST_NVLINKS) return links * NVLINK_WEIGHT;
  return PLAIN_WEIGHTS.get(word) ?? null;
}

const wordOf = (weight: number): LinkWord =>
  PLAIN_WORDS.get(weight) ?? `NV${Math.floor(weight / NVLINK_WEIGHT)}`;

/** The word of two devices by their places in order of index; null for a device and itself. */
export function linkWordAt(matrix: LinkMatrix, a: number, b: number): LinkWord | null {
  return a === b ? null : wordOf(matrix.weight[a * matrix.size + b] ?? 0);
}

export function triangleOf(matrix: LinkMatrix): LinkTriangle {
  return Array.from({ length: Math.max(0, matrix.size - 1) }, (_, a) =>
    Array.from({ length: matrix.size - 1 - a }, (_, rest) =>
      wordOf(matrix.weight[a * matrix.size + a + 1 + rest] ?? 0),
    ),
  );
}

/** null: not a triangle of `size` devices in words we know. */
export function matrixOf(triangle: unknown, size: number): LinkMatrix | null {
  if (!Array.isArray(triangle) || triangle.length !== Math.max(0, size - 1)) return null;
  const weight = new Array<number>(size * size).fill(0);
  for (const [a, row] of (triangle as unknown[]).entries()) {
    if (!Array.isArray(row) || row.length !== size - 1 - a) return null;
    for (const [rest, word] of (row as unknown[]).entries()) {
      const each = weightOf(word);
      if (each === null) return null;
      const b = a + 1 + rest;
      weight[a * size + b] = each;
      weight[b * size + a] = each;
    }
  }
  return interned({ size, weight });
}

/** A cluster has a few kinds of machine; beyond that the oldest is forgotten, and equal ones are merely two objects. */
const MOST_KINDS = 256;
const kinds = new Map<string, LinkMatrix>();

/** Equal content, one object: what placing works out of a matrix serves every node of its kind. */
function interned(matrix: LinkMatrix): LinkMatrix {
  const key = matrix.weight.join();
  const known = kinds.get(key);
  if (known !== undefined) return known;
  const [oldest] = kinds.keys();
  if (kinds.size >= MOST_KINDS && oldest !== undefined) kinds.delete(oldest);
  kinds.set(key, matrix);
  return matrix;
}
