// SPDX-License-Identifier: Apache-2.0
// Every class of memory against the limit: to the byte, by what the driver holds and not by what was asked.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILT, buildNative, PATHS } from './build.js';
import { lastJson, Machine, type Slice } from './slice.js';

const MIB = 1_048_576;
const OOM = 2;
const IS_LONG = process.env.KERF_LONG === '1';

interface Fill {
  readonly allocated_mib: number;
  readonly refused_code: number;
  readonly free_bytes_when_full: number;
  readonly goes_on: boolean;
}

interface Hammer {
  readonly failed_procs: number;
  readonly refusals: number;
  readonly wrong_codes: number;
  readonly max_used_bytes: number;
  readonly limit_bytes: number;
}

let machine: Machine;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G*2');
}, 120_000);

afterAll(() => machine.end());

const aSlice = (mib: number): Slice => machine.slice({ gpu: machine.gpu(0), mib });
const work = (...args: string[]): string[] => [PATHS.workload, ...args];

describe('the limit', () => {
  it.each([
    ['pitch', 1],
    ['array', 1],
    ['array3d', 1],
    ['mipmap', 5],
    ['external', 1],
    ['mapped', 2],
    ['sparse', 2],
    ['multicast', 2],
    ['import', 2],
  ])('%s: to the MiB, then out of memory, and the process goes on', (api, step) => {
    const slice = aSlice(2000);
    const fill = lastJson<Fill>(slice.run(work('fill', '--api', api, '--step', String(step))));
    expect(fill).toMatchObject({
      allocated_mib: 2000,
      refused_code: OOM,
      free_bytes_when_full: 0,
      goes_on: true,
    });
    expect(slice.region().devices[0]).toMatchObject({ usedBytes: 0, peakBytes: 2000 * MIB });
  });
});

describe('memory with several holders', () => {
  it('is charged until the last of them lets go: mappings, arrays, external memory, multicast, imports', () => {
    const slice = aSlice(512);
    expect(lastJson(slice.run([`${BUILT}/bin/holders`]))).toEqual({ held: true });
    expect(machine.physical(0).usedBytes).toBe(0);
  });
});

describe('eight processes over every API at once', () => {
  it('never pass the limit, by our books or the driver’s, and none fails otherwise than out of memory', () => {
    const slice = machine.slice({ gpu: machine.gpu(1), mib: 1024 });
    const seconds = IS_LONG ? '60' : '2';
    const hammer = lastJson<Hammer>(
      slice.run(work('hammer', '--procs', '8', '--seconds', seconds, '--most', '100', '--api', 'all')),
    );
    expect(hammer).toMatchObject({ failed_procs: 0, wrong_codes: 0, limit_bytes: 1024 * MIB });
    expect(hammer.refusals).toBeGreaterThan(0);
    expect(hammer.max_used_bytes).toBeLessThanOrEqual(1024 * MIB);
    // One charge in 64 is timed.
    const timed = slice.region().telemetry?.allocHistogram.reduce((sum, count) => sum + count, 0);
    expect(timed).toBeGreaterThan(8);
    expect(slice.region().devices[0]?.peakBytes).toBeLessThanOrEqual(1024 * MIB);
    expect(machine.physical(1).peakBytes).toBeLessThanOrEqual(1024 * MIB);
    expect(slice.region().devices[0]?.usedBytes).toBe(0);
    expect(machine.physical(1).usedBytes).toBe(0);
  }, 120_000);
});
