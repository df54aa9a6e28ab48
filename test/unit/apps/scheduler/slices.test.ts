// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { eventLoop, inSlices, SLICE_MS } from '../../../../src/apps/scheduler/slices.js';
import { eachOf, finish, firstOf, type Steps } from '../../../../src/scheduling/steps.js';

/** Each step takes a millisecond. */
function* slow(steps: number, tick: () => void): Steps<string> {
  for (let at = 0; at < steps; at++) {
    tick();
    yield;
  }
  return 'done';
}

it('lets others in whenever a slice is over, and answers in the end', async () => {
  let time = 0;
  const pauses: number[] = [];
  const turns = {
    now: () => time,
    pause: () => {
      pauses.push(time);
      return Promise.resolve();
    },
  };
  expect(
    await inSlices(
      slow(10, () => time++),
      turns,
    ),
  ).toBe('done');
  expect(pauses).toEqual([3, 6, 9]);
  expect(SLICE_MS).toBe(3);
});

it('pauses by a turn of the event loop', async () => {
  const order: string[] = [];
  setImmediate(() => order.push('other'));
  await eventLoop.pause();
  order.push('long');
  expect(order).toEqual(['other', 'long']);
});

it('looks at each thing once, and finds the first', () => {
  const seen: number[] = [];
  const things = Array.from({ length: 100 }, (_, at) => at);
  finish(eachOf(things, (thing) => seen.push(thing)));
  expect(seen).toEqual(things);
  expect(finish(firstOf(things, (thing) => thing > 40))).toBe(41);
  expect(finish(firstOf(things, () => false))).toBeUndefined();
  expect([...eachOf(things, () => {})].length).toBeGreaterThan(5);
});
