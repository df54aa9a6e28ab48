// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Burst, divideMemory, isNear } from '../../../src/core/elastic.js';
import { mib } from '../../../src/core/units.js';

const burst = (guaranteed: number, ceiling: number, used = 0): Burst => ({
  guaranteed: mib(guaranteed),
  ceiling: mib(ceiling),
  used: mib(used),
});

const wanting = (guaranteed: number, ceiling: number, used: number): Burst => ({
  ...burst(guaranteed, ceiling, used),
  isWanting: true,
});

const anyBurst = fc
  .tuple(fc.nat(300), fc.nat(1000), fc.nat(1500), fc.boolean())
  .map(([guaranteed, more, used, isWanting]) => ({
    ...burst(guaranteed, guaranteed + more, used),
    isWanting,
  }));

describe('burst memory', () => {
  it.each<[string, readonly Burst[], readonly number[]]>([
    ['alone goes to the ceiling', [burst(100, 800)], [800]],
    ['ends at the device', [burst(100, 2000)], [1000]],
    ['is shared evenly', [burst(100, 1000), burst(100, 1000)], [500, 500]],
    ['that one does not want goes to the other', [burst(100, 200), burst(100, 1000)], [200, 800]],
    ['stays with him who has it', [burst(100, 1000, 700), burst(200, 200)], [800, 200]],
    [
      'grows no more when others were promised the rest',
      [burst(100, 1000, 700), burst(400, 1000)],
      [700, 400],
    ],
    ['is none where no ceiling is above', [burst(300, 300, 300)], [300]],
    [
      'goes first to who wants it',
      [burst(100, 1000), wanting(100, 700, 100), burst(50, 1000, 60)],
      [170, 700, 130],
    ],
    [
      'is divided evenly among all who want it',
      [burst(100, 1000), wanting(100, 1000, 90), wanting(100, 1000, 100)],
      [100, 450, 450],
    ],
  ])('%s', (_name, slices, want) => {
    expect(divideMemory(mib(1000), slices)).toEqual(want);
  });

  it('never goes below what is promised nor above the ceiling, and adds up to the device', () => {
    fc.assert(
      fc.property(fc.array(anyBurst, { maxLength: 8 }), (slices) => {
        const given = divideMemory(mib(1000), slices);
        const floors = slices.map((slice) => Math.max(slice.guaranteed, Math.min(slice.used, slice.ceiling)));
        const sum = (all: readonly number[]): number => all.reduce((total, each) => total + each, 0);
        for (const [at, slice] of slices.entries()) {
          expect(given[at]).toBeGreaterThanOrEqual(slice.guaranteed);
          expect(given[at]).toBeLessThanOrEqual(slice.ceiling);
        }
        expect(sum(given)).toBeLessThanOrEqual(Math.max(1000, sum(floors)));
        const isAllGiven = sum(given) >= 1000 || given.every((each, at) => each === slices[at]?.ceiling);
        expect(isAllGiven).toBe(true);
      }),
    );
  });
});

it('a slice is near its end from nine tenths on', () => {
  expect([899, 900, 1000, 1200].map((used) => isNear(mib(used), mib(1000)))).toEqual([
    false,
    true,
    true,
    true,
  ]);
});
