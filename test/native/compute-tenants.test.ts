// SPDX-License-Identifier: Apache-2.0
// Containers that share a GPU, on the virtual clock: each gets its part, and in soft mode what the others leave.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Arbiter } from '../../src/apps/monitor/arbiter.js';
import { milliCores } from '../../src/core/units.js';
import { BUILT, buildNative, fakeGpus } from './build.js';
import {
  clockEnv,
  type Got,
  type Load,
  onsetMs,
  readBusy,
  runTenants,
  type Tenant,
} from './compute-stage.js';
import { Machine, type Slice } from './slice.js';

const TICKS = `${BUILT}/bin/ticks`;
const MOST_RATIO_OFF = 0.05;
const MOST_TAKE_BACK_MS = 50;

let machine: Machine;

beforeAll(() => buildNative(), 120_000);
beforeEach(() => {
  machine = new Machine('A100-40G');
});
afterEach(() => machine.end());

const aLoad = (load: Partial<Load> = {}): Load => ({
  pattern: 'async',
  kernelUs: 500,
  procs: 1,
  seconds: 4.2,
  ...load,
});

interface Part {
  readonly permille: number;
  readonly weight?: number;
  readonly isSoft?: true;
  readonly isHigh?: true;
}

function aSlice({ permille, ...rest }: Part): Slice {
  return machine.slice({ gpu: machine.gpu(0), mib: 1024, compute: { cores: milliCores(permille), ...rest } });
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const shareOf = ({ windows }: Got): number => mean(windows);

describe('containers that always have work', () => {
  const PARTS = [
    [100, 900],
    [300, 700],
    [500, 500],
    [100, 300, 600],
    [200, 300, 400],
  ] as const;
  const LOADS = [
    ['async', aLoad()],
    ['graphs', aLoad({ pattern: 'graph' })],
    ['from three processes each', aLoad({ kernelUs: 200, procs: 3 })],
  ] as const;

  it.each(
    LOADS.flatMap(([name, load]) => PARTS.map((parts) => [parts.join(':'), name, parts, load] as const)),
  )('share a GPU %s, %s', async (_, __, parts, load) => {
    const got = await runTenants(
      machine,
      parts.map((permille) => ({ slice: aSlice({ permille }), load })),
    );
    const off = got.map((one, at) => shareOf(one) / ((parts[at] ?? 0) / 1000) - 1);
    expect(off.filter((part) => Math.abs(part) > MOST_RATIO_OFF)).toEqual([]);
  });

  it('that run at once under MPS never get more than their part', async () => {
    fakeGpus('share', machine.node, 'together');
    const got = await runTenants(
      machine,
      [300, 700].map((permille) => ({ slice: aSlice({ permille }), load: aLoad() })),
    );
    expect(got.map(shareOf).map((share) => Math.round(share * 100))).toEqual([
      expect.toSatisfy((percent: number) => percent <= 32),
      expect.toSatisfy((percent: number) => percent <= 72),
    ]);
  });
});

describe('containers in soft mode', () => {
  /** With the node's arbiter, who looks every 10 ms of the same clock, for as long. */
  async function underArbiter(tenants: readonly Tenant[], seconds: number): Promise<readonly Got[]> {
    const parties = tenants.reduce((sum, { load }) => sum + load.procs, 1);
    const env = { ...process.env, ...clockEnv(machine.node, parties) };
    const ticks = spawn(TICKS, [String(seconds)], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    const arbitrated = arbitrate(
      tenants.map(({ slice }) => slice.folder),
      ticks,
    );
    const got = await runTenants(machine, tenants, { clock: 'virtual', others: 1 });
    await arbitrated;
    return got;
  }

  async function arbitrate(folders: readonly string[], ticks: ChildProcessByStdio<Writable, Readable, null>) {
    const arbiter = new Arbiter();
    arbiter.refresh(folders.map((folder) => ({ folder, mayBorrow: false })));
    for await (const line of createInterface({ input: ticks.stdout })) {
      arbiter.tick(Number(line));
      ticks.stdin.write('.');
    }
    arbiter.close();
  }

  it('borrow what others leave, and give it back in time', async () => {
    const early = {
      slice: aSlice({ permille: 300, isSoft: true }),
      load: aLoad({ kernelUs: 200, seconds: 9.2 }),
    };
    const late = {
      slice: aSlice({ permille: 700, isSoft: true }),
      load: aLoad({ kernelUs: 200, seconds: 6.1, afterMs: 3100 }),
    };
    const [first, second] = await underArbiter([early, late], 9.5);
    const [, at] = readBusy(machine, 'fine').contexts;
    expect(first?.windows[0]).toBeGreaterThanOrEqual(0.97);
    const after = [first?.windows.slice(3, 8) ?? [], second?.windows ?? []].map(mean);
    expect(Math.abs((after[0] ?? 0) / 0.3 - 1)).toBeLessThanOrEqual(MOST_RATIO_OFF);
    expect(Math.abs((after[1] ?? 0) / 0.7 - 1)).toBeLessThanOrEqual(MOST_RATIO_OFF);
    expect(onsetMs(at, 0.9 * 0.7)).toBeLessThanOrEqual(MOST_TAKE_BACK_MS);
  });

  it('borrow by weight', async () => {
    const got = await underArbiter(
      [1, 3].map((weight) => ({ slice: aSlice({ permille: 200, isSoft: true, weight }), load: aLoad() })),
      4.5,
    );
    expect(got.map(shareOf)).toEqual([expect.closeTo(0.35, 1), expect.closeTo(0.65, 1)]);
  });

  it('of high priority borrow first', async () => {
    const parts = [{ permille: 300 }, { permille: 300, isHigh: true as const }];
    const got = await underArbiter(
      parts.map((part) => ({ slice: aSlice({ ...part, isSoft: true }), load: aLoad() })),
      4.5,
    );
    expect(got.map(shareOf)).toEqual([expect.closeTo(0.3, 1), expect.closeTo(0.7, 1)]);
  });

  it('of high priority take back what low ones borrowed, and low ones keep their part', async () => {
    const low = {
      slice: aSlice({ permille: 200, isSoft: true }),
      load: aLoad({ kernelUs: 200, seconds: 6.2 }),
    };
    const high = {
      slice: aSlice({ permille: 300, isSoft: true, isHigh: true }),
      load: aLoad({ kernelUs: 200, seconds: 3.1, afterMs: 3100 }),
    };
    const [first, second] = await underArbiter([low, high], 6.5);
    const [, at] = readBusy(machine, 'fine').contexts;
    expect(first?.windows[0]).toBeGreaterThanOrEqual(0.97);
    expect(mean(first?.windows.slice(3) ?? [])).toBeCloseTo(0.2, 1);
    expect(shareOf(second as Got)).toBeCloseTo(0.8, 1);
    expect(onsetMs(at, 0.9 * 0.8)).toBeLessThanOrEqual(MOST_TAKE_BACK_MS);
  });

  it('share as promised while all have work, and hard ones never borrow', async () => {
    const parts = [{ permille: 300 }, { permille: 500, isSoft: true as const }];
    const got = await underArbiter(
      parts.map((part) => ({ slice: aSlice(part), load: aLoad() })),
      4.5,
    );
    expect(Math.abs(shareOf(got[0] as Got) / 0.3 - 1)).toBeLessThanOrEqual(MOST_RATIO_OFF);
    expect(Math.abs(shareOf(got[1] as Got) / 0.7 - 1)).toBeLessThanOrEqual(MOST_RATIO_OFF);
  });

  it('keep their static share when the arbiter falls silent', async () => {
    const slice = aSlice({ permille: 400, isSoft: true });
    const [got] = await underArbiter([{ slice, load: aLoad({ seconds: 9.2 }) }], 2);
    expect(got?.windows[0]).toBeGreaterThanOrEqual(0.97);
    expect(got?.windows.at(-1)).toBeCloseTo(0.4, 2);
  });
});
