// SPDX-License-Identifier: Apache-2.0
// Random nodes and pods for what must hold of any of them.
import fc from 'fast-check';
import type { NodeView } from '../../src/core/node.js';
import { DEVICE_POLICY_NAMES } from '../../src/core/policies.js';
import type { MemoryWish, PodRequest, Priority, SliceRequest } from '../../src/core/request.js';
import type { LinkMatrix } from '../../src/core/topology.js';
import { aContainer, aDevice, aNode, aRequest, aWish } from './core.js';

const hold = fc.record({
  memory: fc.constantFrom(0, 1024, 20_000, 39_000),
  cores: fc.constantFrom(0, 300, 800),
  slices: fc.integer({ min: 0, max: 3 }),
  isExclusive: fc.constantFrom(false, false, false, true),
  highMemory: fc.constantFrom(0, 1024),
});
const device = fc.record({
  memory: fc.constantFrom(16_000, 40_960, 80_000),
  vendor: fc.constantFrom('a', 'b'),
  numa: fc.constantFrom(0, 0, 1, null),
  hold,
});
const SLOTS = new Map([
  ['a', 12],
  ['b', 12],
]);
/** One to four nodes of up to six devices of two vendors, each held or not. */
export const someNodes: fc.Arbitrary<readonly NodeView[]> = fc.array(
  fc
    .record({
      rows: fc.array(device, { minLength: 1, maxLength: 6 }),
      weights: fc.option(fc.array(fc.constantFrom(10, 20, 50, 200), { minLength: 36, maxLength: 36 })),
    })
    .map(({ rows, weights }) => {
      const devices = rows.map(({ memory: size, vendor, numa }, index) =>
        aDevice({ memory: size, vendor, numa, id: `GPU-${index}`, index, splits: 4 }),
      );
      const holds = Object.fromEntries(rows.map((row, index) => [`GPU-${index}`, row.hold]));
      const size = rows.filter(({ vendor }) => vendor === 'a').length;
      const links = new Map(weights === null ? [] : [['a', linksOf(size, weights)]]);
      return aNode({ devices, slots: SLOTS, links }, holds);
    }),
  { minLength: 1, maxLength: 4 },
);
function linksOf(size: number, weights: readonly number[]): LinkMatrix {
  const at = (a: number, b: number): number =>
    a === b ? 0 : (weights[Math.min(a, b) * 6 + Math.max(a, b)] ?? 0);
  const weight = Array.from({ length: size * size }, (_, i) => at(Math.floor(i / size), i % size));
  return { size, weight };
}
const memory: fc.Arbitrary<number | MemoryWish> = fc.oneof(
  fc.constantFrom(500, 1024, 12_000, 20_000, 30_000),
  fc.integer({ min: 1, max: 100 }).map((percent): MemoryWish => ({ kind: 'share', permille: percent * 10 })),
);
const wish = fc
  .record({
    memory,
    cores: fc.constantFrom(0, 100, 500, 1000),
    count: fc.integer({ min: 1, max: 3 }),
    vendor: fc.constantFrom('a', 'b'),
    priority: fc.constantFrom<Priority>('high', 'low'),
  })
  .map(aWish);
const kinds = fc.constantFrom('init', 'sidecar', 'app');
/** Up to four containers of any kinds, under any list of device policies. */
export const anyRequest: fc.Arbitrary<PodRequest> = fc
  .record({
    rows: fc.array(fc.tuple(kinds, fc.array(wish, { maxLength: 2 })), { minLength: 1, maxLength: 4 }),
    devicePolicy: fc.option(fc.subarray([...DEVICE_POLICY_NAMES], { minLength: 1, maxLength: 4 })),
    numa: fc.constantFrom(null, null, 'required' as const, 'preferred' as const),
  })
  .map(({ rows, ...rest }) => {
    // A container asks each vendor once.
    const distinct = (wishes: readonly SliceRequest[]): readonly SliceRequest[] =>
      wishes.filter(({ vendor }, at) => wishes.findIndex((other) => other.vendor === vendor) === at);
    const all = rows.map(([kind, wishes], at) => aContainer(`c${at}`, kind as 'app', ...distinct(wishes)));
    const inits = all.filter(({ kind }) => kind !== 'app');
    const containers = [...inits, ...all.filter(({ kind }) => kind === 'app')];
    return aRequest(containers, rest);
  });
