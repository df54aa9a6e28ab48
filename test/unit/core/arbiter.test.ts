// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimOf, CLAMPED, needsArbiter, ratesOf, type Sharer, usedOf } from '../../../src/core/arbiter.js';
import { type MilliCores, milliCores, WHOLE_DEVICE } from '../../../src/core/units.js';

const aSharer = (changes: Partial<Omit<Sharer, 'share'>> & { share: number }): Sharer => ({
  weight: 1,
  isSoft: false,
  isHigh: false,
  isWaiting: false,
  used: milliCores(0),
  ...changes,
  share: milliCores(changes.share),
});
const soft = { isSoft: true, isWaiting: true } as const;

describe('the rates of one device', () => {
  it.each<[string, readonly Sharer[], readonly number[]]>([
    ['idle slices keep their shares', [aSharer({ share: 300 }), aSharer({ share: 700 })], [300, 700]],
    ['hard ones never get more', [aSharer({ share: 300, isWaiting: true })], [300]],
    ['a soft one that waits alone has the device', [aSharer({ share: 300, ...soft })], [1000]],
    [
      'one beside an idle neighbour leaves him a start',
      [aSharer({ share: 300, ...soft }), aSharer({ share: 700 })],
      [980, 700],
    ],
    [
      'when all wait, each has its share',
      [aSharer({ share: 300, ...soft }), aSharer({ share: 700, ...soft })],
      [300, 700],
    ],
    [
      'what is left goes by weight',
      [aSharer({ share: 200, ...soft, weight: 1 }), aSharer({ share: 200, ...soft, weight: 3 })],
      [350, 650],
    ],
    [
      'what is left goes to the high one first',
      [aSharer({ share: 300, ...soft }), aSharer({ share: 300, ...soft, isHigh: true })],
      [300, 700],
    ],
    [
      'a high one that may not borrow leaves the rest to the others',
      [aSharer({ share: 300, ...soft }), aSharer({ share: 300, isWaiting: true, isHigh: true })],
      [700, 300],
    ],
    [
      'what the high one does not use is lent to the low one',
      [aSharer({ share: 300, ...soft }), aSharer({ share: 700, isHigh: true, used: milliCores(400) })],
      [480, 700],
    ],
    [
      'where more is promised than there is, low ones keep a floor',
      [aSharer({ share: 800, isWaiting: true }), aSharer({ share: 1000, isWaiting: true, isHigh: true })],
      [20, 980],
    ],
    [
      'where more is promised than there is, promises of one tier shrink alike',
      [aSharer({ share: 500, isWaiting: true }), aSharer({ share: 1000, isWaiting: true })],
      [340, 660],
    ],
    [
      'a clamped one is held to almost nothing, and the rest is lent',
      [aSharer({ share: 500, isWaiting: true, isClamped: true }), aSharer({ share: 500, ...soft })],
      [CLAMPED, 990],
    ],
  ])('%s', (_name, sharers, want) => {
    expect(ratesOf(sharers)).toEqual(want);
  });
});

describe('use', () => {
  it('grows at once and fades', () => {
    expect(usedOf(100, 900)).toBe(900);
    expect(usedOf(800, 0)).toBe(700);
  });
  it('never passes the device whatever a region says', () => {
    expect(usedOf(0, 1e12)).toBe(1000);
    expect(usedOf(0, -5)).toBe(0);
  });
});

describe('a device needs an arbiter', () => {
  it.each<[string, readonly Sharer[], boolean]>([
    ['not while all are hard and fit', [aSharer({ share: 300 }), aSharer({ share: 700 })], false],
    ['when somebody may borrow', [aSharer({ share: 300, isSoft: true })], true],
    ['when more is promised than there is', [aSharer({ share: 600 }), aSharer({ share: 700 })], true],
    ['when somebody is clamped', [aSharer({ share: 300, isClamped: true })], true],
  ])('%s', (_name, sharers, want) => expect(needsArbiter(sharers)).toBe(want));
});

const sharer: fc.Arbitrary<Sharer> = fc.record({
  share: fc.integer({ min: 1, max: 1000 }).map(milliCores),
  weight: fc.integer({ min: 1, max: 100 }),
  isSoft: fc.boolean(),
  isHigh: fc.boolean(),
  isWaiting: fc.boolean(),
  used: fc.integer({ min: 0, max: 1000 }).map(milliCores),
});
const anyone = fc.array(sharer, { minLength: 1, maxLength: 20 });
/** As the ledger gives them out without overcommit: shares fit. */
const fitting = anyone.map((all) => {
  const sum = all.reduce((total, { share }) => total + share, 0);
  if (sum <= WHOLE_DEVICE) return all;
  return all.map((one) => ({
    ...one,
    share: Math.max(1, Math.floor((one.share * 980) / sum)) as MilliCores,
  }));
});
const used = (all: readonly Sharer[]): readonly number[] =>
  ratesOf(all).map((rate, at) => Math.min(rate, Math.ceil(claimOf(all[at] as Sharer))));
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const changed = (all: readonly Sharer[], at: number, change: Partial<Sharer>): readonly Sharer[] =>
  all.map((one, index) => (index === at ? { ...one, ...change } : one));

describe('of any slices', () => {
  it('what they use of their rates fits the device', () => {
    fc.assert(
      fc.property(fitting, (all) => {
        expect(sum(used(all))).toBeLessThanOrEqual(WHOLE_DEVICE + all.length);
      }),
    );
  });

  it('the rates of those who wait fit the device, whatever is promised', () => {
    fc.assert(
      fc.property(anyone, (all) => {
        const waiting = ratesOf(all).filter((_rate, at) => all[at]?.isWaiting);
        expect(sum(waiting)).toBeLessThanOrEqual(WHOLE_DEVICE);
      }),
    );
  });

  it('nobody gets less than he is promised where promises fit, and in hard mode nobody more', () => {
    fc.assert(
      fc.property(fitting, (all) => {
        for (const [at, rate] of ratesOf(all).entries()) {
          const { share, isSoft } = all[at] as Sharer;
          expect(rate).toBeGreaterThanOrEqual(share);
          expect(rate).toBeLessThanOrEqual(isSoft ? WHOLE_DEVICE : share);
        }
      }),
    );
  });

  it('nobody who waits starves, whatever is promised', () => {
    fc.assert(
      fc.property(anyone, (all) => {
        for (const [at, rate] of ratesOf(all).entries())
          expect(rate).toBeGreaterThanOrEqual(
            Math.min(20, all[at]?.share ?? 0, Math.floor(500 / all.length)),
          );
      }),
    );
  });

  it('while somebody who may borrow waits, nothing is left over', () => {
    fc.assert(
      fc.property(fitting, sharer, (all, last) => {
        const together = [...all.slice(1), { ...last, ...soft, share: (all[0] as Sharer).share }];
        const claims = together.map((one, at) => Math.min(claimOf(one), ratesOf(together)[at] ?? 0));
        expect(sum(claims)).toBeGreaterThanOrEqual(WHOLE_DEVICE - together.length);
      }),
    );
  });

  it('more weight of its own never makes a slice slower', () => {
    fc.assert(
      fc.property(anyone, fc.nat(19), fc.integer({ min: 1, max: 100 }), (all, index, more) => {
        const at = index % all.length;
        const weight = Math.min(100, (all[at] as Sharer).weight + more);
        expect(ratesOf(changed(all, at, { weight }))[at]).toBeGreaterThanOrEqual(ratesOf(all)[at] ?? 0);
      }),
    );
  });

  it('high priority never makes a slice slower', () => {
    fc.assert(
      fc.property(anyone, fc.nat(19), (all, index) => {
        const at = index % all.length;
        const low = ratesOf(changed(all, at, { isHigh: false }))[at] ?? 0;
        expect(ratesOf(changed(all, at, { isHigh: true }))[at]).toBeGreaterThanOrEqual(low);
      }),
    );
  });

  it('a neighbour who wants less makes nobody slower', () => {
    fc.assert(
      fc.property(anyone, fc.nat(19), (all, index) => {
        const at = index % all.length;
        const before = ratesOf(all);
        const after = ratesOf(changed(all, at, { isWaiting: false, used: milliCores(0) }));
        for (const [other, rate] of before.entries())
          if (other !== at) expect(after[other]).toBeGreaterThanOrEqual(rate);
      }),
    );
  });
});
