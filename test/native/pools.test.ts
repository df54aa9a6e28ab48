// SPDX-License-Identifier: Apache-2.0
// Memory that the driver takes and keeps on its own: pools, graphs, what it takes for itself.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mib as asMiB } from '../../src/core/units.js';
import { BUILT, buildNative, PATHS } from './build.js';
import { ended, firstLine, lastJson, Machine, type Slice } from './slice.js';

const MIB = 1_048_576;

/** Contexts and code take memory here, as they do on hardware. */
const ROW = `model=NVIDIA H200
memory_mib=143771
sm_count=132
max_threads_per_sm=2048
compute_capability=9.0
pci_device_id=0x233510de
context_mib=500
module_mib=20
`;

let rows: string;
let machine: Machine;
let heavy: Machine;

beforeAll(() => {
  buildNative();
  rows = mkdtempSync(join(tmpdir(), 'kerf-rows-'));
  writeFileSync(join(rows, 'h200.row'), ROW);
  machine = new Machine('A100-40G');
  heavy = new Machine(join(rows, 'h200.row'));
}, 120_000);

afterAll(() => {
  machine.end();
  heavy.end();
  rmSync(rows, { recursive: true, force: true });
});

const aSlice = (mib: number): Slice => machine.slice({ gpu: machine.gpu(0), mib });

describe('memory of pools', () => {
  it('is charged by what the pools have reserved, and serves again what they keep', () => {
    const slice = aSlice(256);
    const ran = slice.run([`${BUILT}/bin/pool-memory`]);
    expect(ran.stderr).toBe('');
    expect(lastJson(ran)).toEqual({ held: true });
    expect(slice.region().devices[0]).toMatchObject({ usedBytes: 0, peakBytes: 256 * MIB });
  });
});

describe('memory of graphs', () => {
  it('is charged at the launch, added as nodes or captured, and kept until trimmed', () => {
    const slice = aSlice(256);
    const ran = slice.run([`${BUILT}/bin/graph-memory`]);
    expect(ran.stderr).toBe('');
    expect(lastJson(ran)).toEqual({ held: true });
    expect(slice.region().devices[0]?.peakBytes).toBeLessThanOrEqual(256 * MIB);
  });
});

describe('what the driver takes for itself', () => {
  const aHeavySlice = (mib: number): Slice => heavy.slice({ gpu: heavy.gpu(0), mib });

  it('is charged to the byte for contexts, code and heaps, and comes back with them', () => {
    const slice = aHeavySlice(1200);
    const ran = slice.run([`${BUILT}/bin/overhead`]);
    expect(ran.stderr).toBe('');
    expect(lastJson(ran)).toEqual({ held: true });
    expect(slice.region().devices[0]?.usedBytes).toBe(0);
  });

  it('is refused as out of memory where no context fits, known or not', () => {
    const ran = aHeavySlice(400).run([`${BUILT}/bin/overhead`, 'small']);
    expect(ran.stderr).toBe('');
    expect(lastJson(ran)).toEqual({ held: true });
  });

  it('comes back from a process that was killed', async () => {
    const slice = aHeavySlice(1024);
    const holder = slice.start([PATHS.workload, 'alloc', '500', '--hold', '60']);
    await firstLine(holder);
    expect(slice.region().devices[0]?.usedBytes).toBe(1000 * MIB);
    expect(lastJson(slice.run([PATHS.workload, 'alloc', '1']))).toMatchObject({ code: 2 });
    holder.kill('SIGKILL');
    await ended(holder);
    expect(lastJson(slice.run([PATHS.workload, 'fill']))).toMatchObject({
      allocated_mib: 524,
      goes_on: true,
    });
  });
});

describe('borrowed memory', () => {
  const grant = (now: number) => ({
    gpu: machine.gpu(0),
    mib: 1024,
    compute: { guaranteed: asMiB(256), memoryNow: asMiB(now) },
  });
  /** As a page says where nobody lends. */
  const unspoken = () => ({ gpu: machine.gpu(0), mib: 1024, compute: { guaranteed: asMiB(256) } });
  const fillOf = (slice: Slice, api: string): number =>
    lastJson<{ allocated_mib: number }>(slice.run([PATHS.workload, 'fill', '--step', '2', '--api', api]))
      .allocated_mib;

  it.each(['malloc', 'async', 'vmm'])(
    '%s grows to where the page says now, never below the guaranteed part',
    (api) => {
      const slice = machine.slice(grant(512));
      expect(fillOf(slice, api)).toBe(512);
      slice.grant(grant(128));
      expect(fillOf(slice, api)).toBe(256);
      slice.grant(grant(0));
      expect(fillOf(slice, api)).toBe(256);
      expect(fillOf(machine.slice(unspoken()), api)).toBe(1024);
    },
  );

  it('is taken back by refusing growth: who holds more lives on; total stays the ceiling, free is what can be had', async () => {
    const slice = machine.slice(grant(512));
    const holder = slice.start([PATHS.workload, 'alloc', '500', '--hold', '60']);
    await firstLine(holder);
    slice.grant(grant(256));
    const seen = lastJson<{ info: number[]; v2: number[] }>(slice.run([`${BUILT}/bin/nvml-views`, '0']));
    expect(seen.v2).toEqual([0, 1024 * MIB, 500 * MIB, 0, 524 * MIB]);
    expect(lastJson(slice.run([PATHS.workload, 'alloc', '1']))).toMatchObject({ code: 2 });
    expect(holder.exitCode).toBeNull();
    slice.grant(grant(600));
    expect(lastJson(slice.run([PATHS.workload, 'alloc', '100']))).toMatchObject({ code: 0 });
    holder.kill('SIGKILL');
    await ended(holder);
  });
});
