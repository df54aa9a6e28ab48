// SPDX-License-Identifier: Apache-2.0
// The quick answer is place's answer, whichever nodes were looked at before on the same rows.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DeviceState, NodeView } from '../../../src/core/node.js';
import { canPlace, place } from '../../../src/core/place.js';
import { DEFAULT_RULES, DEVICE_POLICY_NAMES } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import type { MemoryWish, PodRequest, Priority, SliceRequest } from '../../../src/core/request.js';
import type { LinkMatrix } from '../../../src/core/topology.js';
import { aContainer, aDevice, aNode, aRequest, aWish } from '../../builders/core.js';

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
const nodes: fc.Arbitrary<readonly NodeView[]> = fc.array(
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
const request = fc
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

it('canPlace says of every node what place says', () => {
  fc.assert(
    fc.property(nodes, request, (views, asked) => {
      const prepared = preparePod(asked, DEFAULT_RULES);
      for (const view of views) expect(canPlace(prepared, view)).toBe(place(asked, view, DEFAULT_RULES).ok);
    }),
    { numRuns: 1500 },
  );
});

/** Every slice given, with the device as it was before. */
function given(asked: PodRequest, view: NodeView) {
  const answer = place(asked, view, DEFAULT_RULES);
  const states = [...view.vendors.values()].flatMap(({ devices }) => devices);
  return (answer.ok ? answer.value.containers : []).map(({ name, slices }) => ({
    kind: asked.containers.find((container) => container.name === name)?.kind,
    slices: slices.map((slice) => {
      const state = states.find(({ device: { id } }) => id === slice.deviceId) as DeviceState;
      return { slice, state };
    }),
  }));
}

it('what a policy demands of neighbours holds, whatever else stands in the list', () => {
  fc.assert(
    fc.property(nodes, request, (views, asked) => {
      const policy = asked.devicePolicy ?? [];
      const isAlone = policy.includes('mutex') || policy.includes('exclusive');
      for (const row of views.flatMap((view) => given(asked, view)))
        for (const { slice, state } of row.slices) {
          expect(slice.isAlone).toBe(isAlone);
          expect(state.hold.isExclusive || (isAlone && state.hold.slices > 0)).toBe(false);
        }
    }),
    { numRuns: 1000 },
  );
});

it('exclusive slices of one pod are never on one device at one time', () => {
  fc.assert(
    fc.property(nodes, request, (views, asked) => {
      const lonely = { ...asked, devicePolicy: ['exclusive', 'binpack'] as const };
      for (const view of views) {
        const rows = given(lonely, view).filter(({ kind }) => kind !== 'init');
        const ids = rows.flatMap(({ slices }) => slices.map(({ slice }) => slice.deviceId));
        expect(new Set(ids).size).toBe(ids.length);
      }
    }),
    { numRuns: 1000 },
  );
});

it('NUMA required gives each container one NUMA node of each vendor', () => {
  fc.assert(
    fc.property(nodes, request, (views, asked) => {
      for (const row of views.flatMap((view) => given({ ...asked, numa: 'required' }, view)))
        for (const vendor of ['a', 'b']) {
          const own = row.slices.filter(({ state }) => state.device.vendor === vendor);
          const numas = new Set(own.map(({ state }) => state.device.numa));
          if (own.length > 1) expect([numas.size, numas.has(null)]).toEqual([1, false]);
        }
    }),
    { numRuns: 1000 },
  );
});
