// SPDX-License-Identifier: Apache-2.0
// The compute limit's acceptance, on the virtual clock: whatever the kernels and however they are launched, a container
// gets its share of GPU time in every second, or what it would have got alone, whichever is less.
import { availableParallelism } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildNative } from './build.js';
import { type Got, type Load, limitedSlice, loadsOf, runLoads } from './compute-stage.js';
import { Machine } from './slice.js';

const LIMITS = [100, 200, 300, 400, 500, 600, 700, 800, 900] as const;
const UNLIMITED = 0;
const LOADS = loadsOf([10, 200, 2000, 50_000], [1, 4]);
const MOST_POINTS_OFF = 2;
const LEAST_THROUGHPUT = 0.95;

const got = new Map<number, readonly Got[]>();

beforeAll(async () => {
  buildNative();
  const left = [UNLIMITED, ...LIMITS];
  const work = async (): Promise<void> => {
    for (let limit = left.pop(); limit !== undefined; limit = left.pop()) got.set(limit, await runAll(limit));
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
}, 180_000);

/** A machine of its own for each limit, with its own time. */
async function runAll(permille: number): Promise<readonly Got[]> {
  const machine = new Machine('A100-40G');
  try {
    return await runLoads(limitedSlice(machine, permille), LOADS, 'virtual');
  } finally {
    machine.end();
  }
}

const nameOf = ({ kernelUs, pattern, procs }: Load): string =>
  `${kernelUs} µs ${pattern} from ${procs} process${procs === 1 ? '' : 'es'}`;

const gotOf = (limit: number, at: number): Got => {
  const one = got.get(limit)?.[at];
  if (one === undefined) throw new Error('bug: this load did not run');
  return one;
};

/** Parts of 1: what the load may have under this limit. */
const grantOf = (limit: number, at: number): number => Math.min(limit / 1000, gotOf(UNLIMITED, at).share);

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a limited container', () => {
  it.each(LOADS.map((load, at) => [nameOf(load), at] as const))('gets its share with %s', (_, at) => {
    const off = LIMITS.map((limit) => {
      const { windows } = gotOf(limit, at);
      return { limit, points: 100 * mean(windows.map((window) => Math.abs(window - grantOf(limit, at)))) };
    });
    expect(off.filter(({ points }) => !(points <= MOST_POINTS_OFF))).toEqual([]);
  });

  it.each(LOADS.map((load, at) => [nameOf(load), at] as const))('loses nothing of it with %s', (_, at) => {
    const native = gotOf(UNLIMITED, at);
    const short = LIMITS.map((limit) => {
      const granted = native.launchesPerSecond * (grantOf(limit, at) / native.share);
      return { limit, part: gotOf(limit, at).launchesPerSecond / granted };
    });
    expect(short.filter(({ part }) => !(part >= LEAST_THROUGHPUT))).toEqual([]);
  });
});
