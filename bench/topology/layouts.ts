// SPDX-License-Identifier: Apache-2.0
// How devices of a node may be linked, as weights of core/topology: what is common, and what is hard to search.

export interface Layout {
  readonly name: string;
  readonly size: number;
  /** Of two places, the smaller first. */
  readonly weightOf: (a: number, b: number) => number;
}

const sameHalf = (size: number, a: number, b: number): boolean => a * 2 < size === b * 2 < size;

/** Any, the same in every run. */
function noise(a: number, b: number): number {
  const mixed = Math.imul(a * 31 + b + 1, 0x9e3779b1) >>> 0;
  return mixed % 6;
}

export const LAYOUTS: readonly Layout[] = [
  { name: 'all through one switch', size: 16, weightOf: () => 1800 },
  { name: 'two sockets', size: 16, weightOf: (a, b) => (sameHalf(16, a, b) ? 20 : 10) },
  {
    name: 'two sockets, PCIe switches of four, pairs by NVLink',
    size: 16,
    weightOf: (a, b) => {
      if (a >> 1 === b >> 1) return 200;
      if (a >> 2 === b >> 2) return 50;
      return sameHalf(16, a, b) ? 20 : 10;
    },
  },
  { name: 'no order at all', size: 16, weightOf: (a, b) => 10 * (1 + noise(a, b)) },
  { name: 'no order at all', size: 8, weightOf: (a, b) => 10 * (1 + noise(a, b)) },
  { name: 'no order at all, greedy', size: 32, weightOf: (a, b) => 10 * (1 + noise(a, b)) },
];
