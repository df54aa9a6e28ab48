// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { startLoop } from '../../../../src/apps/monitor/loop.js';
import { FakeClock } from '../../../fakes/clock.js';

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('takes its next turn after the pause, and never while one is under way', async () => {
  const clock = new FakeClock();
  const ends: (() => void)[] = [];
  const turn = () => new Promise<void>((resolve) => ends.push(resolve));
  const loop = startLoop({ name: 'x', pauseMs: 10, clock, log: pino({ level: 'silent' }), turn });
  clock.advance(100);
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await settled();
  clock.advance(10);
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await loop.stop();
  clock.advance(100);
  expect(ends).toHaveLength(2);
});

it('goes on after a fault, which is told once until it is over', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => told.push(line) });
  let isBroken = true;
  const turn = () => {
    if (isBroken) throw new Error('no driver');
  };
  const loop = startLoop({ name: 'x', pauseMs: 10, clock, log, turn });
  for (let turns = 0; turns < 3; turns += 1) {
    await settled();
    clock.advance(10);
  }
  expect({ faults: loop.faults, problem: loop.problem }).toEqual({ faults: 4, problem: 'no driver' });
  isBroken = false;
  await settled();
  clock.advance(10);
  await settled();
  expect(loop.problem).toBe('');
  expect(told.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'loop fails',
    'loop works again',
  ]);
  await loop.stop();
});
