// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Departures } from '../../../../src/core/packing/departures.js';
import { unfilledOf } from '../../../../src/core/packing/fill.js';
import { fragmentationOf } from '../../../../src/core/packing/fragmentation.js';
import { FILLING, outlookOf, TURNING_OVER, weightsFor } from '../../../../src/core/packing/kerf.js';
import { Learning } from '../../../../src/core/packing/learning.js';
import { type Mix, mixOf } from '../../../../src/core/packing/mix.js';
import { isPristine, openingCosts } from '../../../../src/core/packing/opening.js';
import { randomFrom } from '../../../../src/core/packing/random.js';
import { drawFutures, unrefilledOf } from '../../../../src/core/packing/refill.js';
import { RoomMemo } from '../../../../src/core/packing/room-memo.js';
import {
  ANY_MODEL,
  copyRoom,
  emptyRoom,
  fits,
  freeMilli,
  type Kind,
  type Room,
  type Shape,
  take,
  tightest,
} from '../../../../src/core/packing/shape.js';
import { wasteOf } from '../../../../src/core/packing/waste.js';

const KIND: Kind = { cpuMilli: 96_000, memoryMiB: 1, gpus: 8, model: 1, nodes: 10 };
const aShape = (row: Partial<Shape>): Shape => ({
  ...{ cpuMilli: 4000, gpus: 1, gpuMilli: 1000, models: ANY_MODEL },
  ...row,
});
const aRoom = (cpuMilli: number, ...gpuMilli: number[]): Room => ({ kind: KIND, cpuMilli, gpuMilli });
const only = (shape: Partial<Shape>): Mix => [{ ...aShape(shape), share: 1 }];

/** Each pod in turn, where it fits, on the tightest device. */
function leftAfter(room: Room, pods: readonly Shape[]): number {
  const rest = emptyRoom();
  copyRoom(room, rest);
  for (const pod of pods) if (fits(rest, pod)) take(rest, pod, tightest(rest.gpuMilli, pod.gpuMilli));
  return freeMilli(rest.gpuMilli);
}

describe('what a room wastes', () => {
  it.each([
    ['part of a device too small for the pod', only({}), aRoom(8000, 1000, 190), [190, 190, 190]],
    ['all, where CPU is short', only({ cpuMilli: 9000 }), aRoom(8000, 1000, 190), [1190, 1190, 1190]],
    ['all, for a CPU-only pod', only({ gpus: 0, gpuMilli: 0 }), aRoom(8000, 1000, 190), [1190, 1190, 1190]],
    ['all, where the model is another', only({ models: 1 }), aRoom(8000, 1000, 190), [1190, 1190, 1190]],
    ['all, for more devices than are whole', only({ gpus: 2 }), aRoom(8000, 1000, 190), [1190, 1190, 1190]],
    ['what CPU strands, seen before it happens', only({}), aRoom(8000, 1000, 1000, 1000), [0, 1000, 1000]],
    ['rests of a device filled', only({ gpuMilli: 400 }), aRoom(96_000, 1000), [0, 200, 200]],
    ['nothing that is not free', only({}), aRoom(8000, 0, 0), [0, 0, 0]],
  ])('is %s', (_, mix, room, [fragments, unfilled, unrefilled]) => {
    const futures = drawFutures(mix, { futures: 3, length: 10 }, randomFrom(1));
    expect(fragmentationOf(room, mix)).toBe(fragments);
    expect(unfilledOf(room, mix)).toBe(unfilled);
    expect(unrefilledOf(room, futures)).toBe(unrefilled);
  });

  const room = fc
    .tuple(fc.nat(96), fc.array(fc.nat(100), { minLength: 8, maxLength: 8 }))
    .map(([cpu, gpus]) => aRoom(cpu * 1000, ...gpus.map((each) => each * 10)));
  const mix = mixOf(
    [aShape({}), aShape({ gpuMilli: 460 }), aShape({ gpuMilli: 810, cpuMilli: 6000 }), aShape({ gpus: 8 })],
    [5, 3, 2, 1],
  );

  it.each([FILLING, TURNING_OVER])('is 0 to all free, whatever the order of devices, under %j', (weights) => {
    const outlook = outlookOf(mix, weights);
    const most = weights.fragmentation + weights.fill + weights.refill;
    fc.assert(
      fc.property(room, (any) => {
        const waste = wasteOf(any, outlook);
        expect(waste).toBeGreaterThanOrEqual(-1e-9);
        expect(waste).toBeLessThanOrEqual(most * freeMilli(any.gpuMilli) + 1e-9);
        const turned = { ...any, gpuMilli: [...any.gpuMilli].reverse() };
        expect(wasteOf(turned, outlook)).toBeCloseTo(waste, 6);
      }),
    );
  });

  it('after refilling is what pods let in one by one would leave', () => {
    const mixes = fc.array(
      fc.record({
        cpuMilli: fc.nat(40).map((cores) => cores * 1000),
        gpus: fc.nat(3),
        gpuMilli: fc.integer({ min: 1, max: 100 }).map((percent) => percent * 10),
        models: fc.constantFrom(ANY_MODEL, 1, 2),
      }),
      { minLength: 1, maxLength: 6 },
    );
    const shapeOf = (any: Shape): Shape => ({
      ...any,
      gpuMilli: any.gpus === 1 ? any.gpuMilli : any.gpus === 0 ? 0 : 1000,
    });
    fc.assert(
      fc.property(room, mixes, (any, rows) => {
        const shapes = rows.map(shapeOf);
        const drawn = mixOf(
          shapes,
          shapes.map(() => 1),
        );
        const futures = drawFutures(drawn, { futures: 4, length: 20 }, randomFrom(7));
        const left = futures.rows.map((future) => leftAfter(any, future));
        const mean = left.reduce((sum, each) => sum + each, 0) / left.length;
        expect(unrefilledOf(any, futures)).toBe(mean);
      }),
    );
  });

  it('is remembered per state, through growing and forgetting', () => {
    let asked = 0;
    const memo = new RoomMemo(8, (any) => {
      asked++;
      return any.cpuMilli + freeMilli(any.gpuMilli);
    });
    const cpus = Array.from({ length: 5_000 }, (_, cpu) => cpu);
    const sums = cpus.map((cpu) => cpu + 12);
    expect(cpus.map((cpu) => memo.of(aRoom(cpu, 5, 7)))).toEqual(sums);
    expect(cpus.map((cpu) => memo.of(aRoom(cpu, 7, 5)))).toEqual(sums);
    expect(asked).toBe(5_000);
    memo.clear();
    memo.of(aRoom(1, 5, 7));
    expect(asked).toBe(5_001);
  });
});

describe('what is learned', () => {
  it('is the mix of pods seen, looked at ever more seldom', () => {
    const learning = new Learning([aShape({}), aShape({ gpus: 2 })]);
    const looks = Array.from({ length: 100 }, (_, at) => learning.arrive(at % 4 === 3 ? 1 : 0));
    const times = looks.flatMap((look, at) => (look === null ? [] : [at + 1]));
    expect(times).toEqual([1, 2, 3, 5, 8, 12, 18, 27, 41, 62, 93]);
    expect(looks[92]?.mix.map(({ gpus, share }) => [gpus, share])).toEqual([
      [1, 70 / 93],
      [2, 23 / 93],
    ]);
  });

  it('is whether pods leave', () => {
    const learning = new Learning([aShape({})]);
    expect(learning.arrive(0)?.turnover).toBe(0);
    learning.depart();
    expect(learning.arrive(0)?.turnover).toBe(1);
    expect([weightsFor(0), weightsFor(0.5)]).toEqual([FILLING, TURNING_OVER]);
  });
});

describe('touching an empty node', () => {
  const small: Kind = { ...KIND, gpus: 2, cpuMilli: 16_000, model: 0 };

  it('costs less on a small node, and more where wide pods want nodes whole', () => {
    const costs = (mix: Mix): readonly number[] => [...openingCosts([KIND, small], mix, 200).values()];
    expect(costs(only({}))).toEqual([200, 50]);
    const [large = 0, little = 0] = costs(mixOf([aShape({}), aShape({ gpus: 8 })], [1, 1]));
    expect(large).toBeGreaterThan(400);
    expect(little).toBe(50);
    expect(costs([])).toEqual([200, 50]);
  });

  it('is touching one whose devices and CPU are all free', () => {
    expect(isPristine(aRoom(96_000, 1000, 1000))).toBe(true);
    expect(isPristine(aRoom(95_000, 1000, 1000))).toBe(false);
    expect(isPristine(aRoom(96_000, 1000, 999))).toBe(false);
  });
});

describe('departures', () => {
  it('come in the order of their time, equals as they were put', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (times) => {
        const departures = new Departures<number>();
        times.forEach((at, turn) => departures.put(at, turn));
        const taken = times.map(() => departures.take());
        const sorted = [...times.keys()].sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b);
        expect(taken).toEqual(sorted);
        expect([departures.next, departures.take()]).toEqual([Infinity, undefined]);
      }),
    );
  });
});
