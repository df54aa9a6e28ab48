// SPDX-License-Identifier: Apache-2.0
// Injections 8, 10, 12 and 26-30: launches under a limit, where something else goes wrong. Whether the shares are right is
// test/native/compute.test.ts. docs/injections.md holds the table.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { milliCores } from '../../../src/core/units.js';
import { LIMITS_AT, LIMITS_DEVICE_AT } from '../../../src/wire/limits.js';
import type { RegionCompute } from '../../../src/wire/region.js';
import { buildNative } from '../build.js';
import { type Load, limitedSlice, runLoads } from '../compute-stage.js';
import { ended, Machine, type Slice } from '../slice.js';
import { CODE, codesIn, commandOf } from './support.js';

let machine: Machine;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G');
  writeFileSync(join(machine.node, 'kernels'), 'ncclDevKernel_AllReduce busy_1ms\n');
}, 120_000);

afterAll(() => machine.end());

/** Nothing here takes so long, unless it hangs. */
const WATCHED = ['timeout', '30'];

const aSlice = (permille: number): Slice =>
  machine.slice({ gpu: machine.gpu(0), mib: 4096, compute: { cores: milliCores(permille) } });

function computeOf(slice: Slice): RegionCompute {
  const compute = slice.region().devices[0]?.compute;
  if (compute === undefined) throw new Error('bug: no device');
  return compute;
}

const codes = (slice: Slice, steps: string): readonly number[] =>
  codesIn(slice, `init ctx ${steps}`, { under: WATCHED }).slice(2);

describe('8: threads that end while they wait for their turn', () => {
  it('cancelled: those who come after them still get theirs', () => {
    expect(codes(aSlice(100), 'cancelsleep')).toEqual([0]);
  });
});

describe('10: a process that ends while its threads wait', () => {
  it('ends, and the next one is served', () => {
    const slice = aSlice(100);
    expect(codes(slice, 'exitsleep')).toEqual([0]);
    expect(codes(slice, 'launch:busy_1ms:2')).toEqual([0]);
  });

  it('killed, or stopped, in the middle of the wait: the others of its container are served', async () => {
    const slice = aSlice(200);
    const waiting = slice.start(commandOf('init ctx launch:busy_20ms:1000'));
    while (computeOf(slice).throttledNs === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const pid of slice.region().processes.map((each) => each.pid)) process.kill(pid, 'SIGSTOP');
    expect(codes(slice, 'launch:busy_1ms:2')).toEqual([0]);
    waiting.kill('SIGKILL');
    await ended(waiting);
    expect(codes(slice, 'launch:busy_1ms:2')).toEqual([0]);
  });
});

describe('12: an arbiter that fell silent', () => {
  const NEVER_OLD_NS = 2n ** 62n;
  /** The virtual clock starts at 1000 s, the load 3 s later: by then a beat of here is a little older than is believed. */
  const OLD_NS = 999_500_000_000n;
  const share = async (rate: number, beatNs: bigint): Promise<number> => {
    const own = new Machine('A100-40G');
    const slice = limitedSlice(own, 200);
    slice.grant({ gpu: own.gpu(0), mib: 4096, compute: { cores: milliCores(200), isSoft: true } });
    const page = slice.bytes('limits');
    const view = new DataView(page.buffer);
    // A page in use takes these two from the arbiter alone, so a grant would leave them out.
    view.setUint32(LIMITS_AT.devices + LIMITS_DEVICE_AT.rate_permille, rate, true);
    view.setBigUint64(LIMITS_AT.arbiter_beat_ns, beatNs, true);
    slice.write('limits', page, 0o444);
    const load: Load = { pattern: 'sync', kernelUs: 200, procs: 1, seconds: 2.2, gapUs: 5, afterMs: 3000 };
    const [got] = await runLoads(slice, [load], 'virtual');
    own.end();
    return got?.share ?? -1;
  };

  it('was believed while it beat, with more and with less than the guaranteed share', async () => {
    expect(await share(900, NEVER_OLD_NS)).toBeCloseTo(0.9, 1);
    expect(await share(50, NEVER_OLD_NS)).toBeLessThan(0.1);
  });

  it('is not believed any more: the guaranteed share is what there is, no more and no less', async () => {
    expect(await share(900, OLD_NS)).toBeCloseTo(0.2, 1);
    expect(await share(50, OLD_NS)).toBeCloseTo(0.2, 1);
  });
});

describe('26: capture, and graphs that change', () => {
  it.each([
    ['global', 0],
    ['thread-local', 1],
    ['relaxed', 2],
  ])(
    '%s: a capture is not broken by throttled launches of another thread, and its graph can be launched',
    (_name, mode) => {
      expect(codes(aSlice(200), `capture:${mode}`)).toEqual([0]);
    },
  );

  it('a graph updated while it is launched: both go on', () => {
    expect(codes(aSlice(300), 'graphupdate')).toEqual([0]);
  });

  it('a graph is work as any other: it gets no more than the share', async () => {
    const own = new Machine('A100-40G');
    const load: Load = { pattern: 'graph', kernelUs: 200, procs: 1, seconds: 2.2, afterMs: 3000 };
    const [got] = await runLoads(limitedSlice(own, 300), [load], 'virtual');
    own.end();
    expect(got?.share).toBeCloseTo(0.3, 1);
  });
});

describe('27: collectives, whose ranks wait for each other on the device', () => {
  it('are never delayed, whatever their container owes; others pay the debt they leave', () => {
    const slice = aSlice(100);
    expect(codes(slice, 'launch:ncclDevKernel_AllReduce:50')).toEqual([0]);
    expect(computeOf(slice).throttledNs).toBe(0);
    const owing = aSlice(100);
    expect(codes(owing, 'launch:ncclDevKernel_AllReduce:50 launch:busy_1ms:2')).toEqual([0, 0]);
    // 50 ms of work at a tenth are half a second; two launches of their own would wait for a twentieth of that.
    expect(computeOf(owing).throttledNs).toBeGreaterThan(100e6);
  });
});

describe('28: odd grids', () => {
  it('of nothing, or of no function: the driver refuses, and nothing is charged', () => {
    const slice = aSlice(100);
    expect(codes(slice, 'grid:0:1:1 grid:1:0:1 grid:1:1:0 nofunction')).toEqual([
      ...Array(3).fill(CODE.invalidValue),
      400,
    ]);
    expect(computeOf(slice)).toMatchObject({ grantedNs: 0, throttledNs: 0 });
  });

  it('of 2^31 blocks and more: one launch as any other', () => {
    expect(codes(aSlice(300), 'grid:2147483647:65535:65535 grid:65536:65536:1')).toEqual([0, 0]);
  });
});

describe('29: kernels of any length', () => {
  it('one of a second leaves a debt that is paid', () => {
    const slice = aSlice(500);
    expect(codes(slice, 'launch:busy_1s:1 launch:busy_1s:1 launch:busy_1ms:1')).toEqual([0, 0, 0]);
    expect(computeOf(slice).throttledNs).toBeGreaterThan(0.5e9);
  });

  it('a storm of 200 000 of a microsecond passes, and is counted', () => {
    const slice = aSlice(500);
    expect(codes(slice, 'launch:busy_1us:200000')).toEqual([0]);
    expect(computeOf(slice).grantedNs).toBeGreaterThan(100e6);
  });
});

describe('30: default streams', () => {
  it('the thread’s own and the legacy one, in turn, are charged alike', () => {
    const slice = aSlice(500);
    expect(codes(slice, 'ptsz:20')).toEqual([0]);
    expect(computeOf(slice).grantedNs).toBeGreaterThan(30e6);
  });
});
