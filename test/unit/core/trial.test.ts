// SPDX-License-Identifier: Apache-2.0
// The quick answer is place's answer, whichever nodes were looked at before on the same rows.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { NodeView } from '../../../src/core/node.js';
import { canPlace, place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import type { DevicePolicy, MemoryWish } from '../../../src/core/request.js';
import { aContainer, aDevice, aNode, aRequest, aWish } from '../../builders/core.js';

const hold = fc.record({
  memory: fc.constantFrom(0, 1024, 20_000, 39_000),
  cores: fc.constantFrom(0, 300, 800),
  slices: fc.integer({ min: 0, max: 3 }),
  isExclusive: fc.constantFrom(false, false, false, true),
});
const nodes: fc.Arbitrary<readonly NodeView[]> = fc.array(
  fc
    .array(
      fc.record({ memory: fc.constantFrom(16_000, 40_960, 80_000), vendor: fc.constantFrom('a', 'b'), hold }),
      { minLength: 1, maxLength: 5 },
    )
    .map((rows) => {
      const devices = rows.map(({ memory, vendor }, index) =>
        aDevice({ id: `GPU-${index}`, index, memory, vendor, splits: 4 }),
      );
      const holds = Object.fromEntries(rows.map((row, index) => [`GPU-${index}`, row.hold]));
      return aNode(
        {
          devices,
          slots: new Map([
            ['a', 12],
            ['b', 12],
          ]),
        },
        holds,
      );
    }),
  { minLength: 1, maxLength: 4 },
);
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
  })
  .map(aWish);
const kinds = fc.constantFrom('init', 'sidecar', 'app');
const request = fc
  .record({
    rows: fc.array(fc.tuple(kinds, fc.array(wish, { maxLength: 2 })), { minLength: 1, maxLength: 4 }),
    devicePolicy: fc.constantFrom<DevicePolicy | null>(['binpack'], ['spread'], null),
  })
  .map(({ rows, devicePolicy }) => {
    const all = rows.map(([kind, wishes], at) => aContainer(`c${at}`, kind as 'app', ...wishes));
    const inits = all.filter(({ kind }) => kind !== 'app');
    const containers = [...inits, ...all.filter(({ kind }) => kind === 'app')];
    return aRequest(containers, { devicePolicy });
  });

it('canPlace says of every node what place says', () => {
  fc.assert(
    fc.property(nodes, request, (views, asked) => {
      const prepared = preparePod(asked, DEFAULT_RULES);
      for (const view of views) expect(canPlace(prepared, view)).toBe(place(asked, view, DEFAULT_RULES).ok);
    }),
    { numRuns: 3000 },
  );
});
