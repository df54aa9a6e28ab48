// SPDX-License-Identifier: Apache-2.0
// How a node's devices are linked, and what that makes of a set of them.
import { Chooser } from './choose.js';
import type { Device } from './device.js';

/**
 * How well each pair of a node's devices of one vendor is linked: more is better, 0 on the diagonal.
 * In the words of wire/links: SYS 10, NODE 20, PHB 30, PXB 40, PIX 50, PSB 60, XGMI 70, n NVLinks 100 n.
 * Matrices of equal content are one object, so that what is worked out of one serves all nodes of its kind.
 */
export interface LinkMatrix {
  readonly size: number;
  /** Row by row, in the order of the devices' indexes. */
  readonly weight: readonly number[];
}

const SAME_NUMA = 20;
const FAR = 10;

/** A cluster has a few layouts; beyond that all are forgotten, and equal ones are merely two objects. */
const MOST_LAYOUTS = 256;
const layouts = new Map<string, LinkMatrix>();

/** What the NUMA nodes tell where nothing else does. Devices in order of index. */
export function numaLinks(devices: readonly Device[]): LinkMatrix {
  const key = devices.map(({ numa }) => numa ?? '?').join();
  const known = layouts.get(key);
  if (known !== undefined) return known;
  const weight = devices.flatMap((a) =>
    devices.map((b) => (a === b ? 0 : a.numa !== null && a.numa === b.numa ? SAME_NUMA : FAR)),
  );
  const matrix = { size: devices.length, weight };
  if (layouts.size >= MOST_LAYOUTS) layouts.clear();
  layouts.set(key, matrix);
  return matrix;
}

/** 0 of the diagonal and of a place that the matrix does not have. */
export const linkAt = ({ size, weight }: LinkMatrix, a: number, b: number): number =>
  weight[a * size + b] ?? 0;

/** 0..1, strictly monotone: the everyday links 10..60 are as far apart as NVLinks are. */
export const squash = (weight: number): number => weight / (100 + weight);

const means = new WeakMap<LinkMatrix, Float64Array>();

/** Of each device the mean weight of its links to all others of its node. */
export function meanLinks(matrix: LinkMatrix): Float64Array {
  const known = means.get(matrix);
  if (known !== undefined) return known;
  const { size } = matrix;
  const all = Float64Array.from({ length: size }, (_, a) => {
    let sum = 0;
    for (let b = 0; b < size; b++) sum += linkAt(matrix, a, b);
    return size > 1 ? sum / (size - 1) : 0;
  });
  means.set(matrix, all);
  return all;
}

/** Sets of up to so many devices are a number's bits, and remembered. */
const MOST_BITS = 24;
const MOST_REMEMBERED = 65_536;
const remembered = new WeakMap<LinkMatrix, Map<number, number>>();
const chooser = new Chooser();

/** Mean weight within the best connected `count` of the first `size` places whose bit is set in `free`; count ≥ 2. */
export function bestMean(matrix: LinkMatrix, free: Uint8Array, count: number): number {
  if (matrix.size > MOST_BITS) return searchMean(matrix, free, count);
  let key = count;
  for (let at = 0; at < matrix.size; at++) key = key * 2 + (free[at] === 1 ? 1 : 0);
  let memo = remembered.get(matrix);
  if (memo === undefined) {
    memo = new Map();
    remembered.set(matrix, memo);
  }
  const known = memo.get(key);
  if (known !== undefined) return known;
  const mean = searchMean(matrix, free, count);
  if (memo.size >= MOST_REMEMBERED) memo.clear();
  memo.set(key, mean);
  return mean;
}

const places: number[] = [];

function searchMean(matrix: LinkMatrix, free: Uint8Array, count: number): number {
  let size = 0;
  for (let at = 0; at < matrix.size; at++) if (free[at] === 1) places[size++] = at;
  if (size < count) return 0;
  chooser.begin(size);
  for (let a = 0; a < size; a++) {
    chooser.like(a, 0);
    for (let b = 0; b < a; b++)
      chooser.likePair(a, b, linkAt(matrix, places[a] as number, places[b] as number));
  }
  return chooser.chooseSet(count) / ((count * (count - 1)) / 2);
}
