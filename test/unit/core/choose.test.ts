// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chooser } from '../../../src/core/choose.js';

interface Likes {
  readonly own: readonly number[];
  readonly pair: readonly (readonly number[])[];
}

/** Rows and their lower triangle, small whole numbers, so that sums are exact and equals are many. */
const likes = (size: number): fc.Arbitrary<Likes> =>
  fc.record({
    own: fc.array(fc.nat(3), { minLength: size, maxLength: size }),
    pair: fc.array(fc.array(fc.nat(5), { minLength: size, maxLength: size }), {
      minLength: size,
      maxLength: size,
    }),
  });

const chooser = new Chooser();

function told({ own, pair }: Likes): Chooser {
  chooser.begin(own.length);
  own.forEach((like, at) => {
    chooser.like(at, like);
    for (let b = 0; b < at; b++) chooser.likePair(at, b, pair[at]?.[b] ?? 0);
  });
  return chooser;
}

const valueOf = ({ own, pair }: Likes, set: readonly number[]): number =>
  set.reduce(
    (sum, a) => sum + (own[a] ?? 0) + set.reduce((pairs, b) => pairs + (b < a ? (pair[a]?.[b] ?? 0) : 0), 0),
    0,
  );

function allSets(size: number, count: number, from = 0): readonly (readonly number[])[] {
  if (count === 0) return [[]];
  return Array.from({ length: size - from }, (_, at) => from + at).flatMap((at) =>
    allSets(size, count - 1, at + 1).map((rest) => [at, ...rest]),
  );
}

const scene = fc
  .integer({ min: 1, max: 7 })
  .chain((size) => fc.record({ likes: likes(size), count: fc.integer({ min: 1, max: size }) }));

describe('the chosen set', () => {
  it('is the first of those with the largest sum', () => {
    fc.assert(
      fc.property(scene, ({ likes: given, count }) => {
        const sets = allSets(given.own.length, count);
        const most = Math.max(...sets.map((set) => valueOf(given, set)));
        expect(told(given).chooseSet(count)).toBe(most);
        expect(chooser.picked.slice(0, count)).toEqual(sets.find((set) => valueOf(given, set) === most));
      }),
    );
  });

  it('of single likes is the largest, one after another', () => {
    fc.assert(
      fc.property(scene, ({ likes: given, count }) => {
        const order = given.own.map((_, at) => at).sort((a, b) => (given.own[b] ?? 0) - (given.own[a] ?? 0));
        told(given).chooseEach(count);
        expect(chooser.picked.slice(0, count)).toEqual(order.slice(0, count));
      }),
    );
  });

  it('is as large as asked and of distinct ones where there are too many sets to try', () => {
    fc.assert(
      fc.property(likes(24), (given) => {
        const value = told(given).chooseSet(12);
        const set = chooser.picked.slice(0, 12);
        expect(new Set(set).size).toBe(12);
        expect(valueOf(given, set)).toBe(value);
        // No single exchange makes it better.
        for (const out of set)
          for (let into = 0; into < 24; into++) {
            if (set.includes(into)) continue;
            expect(valueOf(given, [...set.filter((at) => at !== out), into])).toBeLessThanOrEqual(value);
          }
      }),
      { numRuns: 30 },
    );
  });
});
