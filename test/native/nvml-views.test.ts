// SPDX-License-Identifier: Apache-2.0
// One story of memory and processes, whoever tells it: CUDA, NVML's versions, its lists.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BUILT, buildNative, PATHS } from './build.js';
import { ended, firstLine, lastJson, Machine, type Slice } from './slice.js';

const MIB = 1_048_576;
const NO_PERMISSION = 4;
const NOT_FOUND = 6;
const INSUFFICIENT_SIZE = 7;

interface List {
  readonly code: number;
  readonly count: number;
  readonly rows: readonly (readonly [pid: number, bytes: number])[];
}

interface Pids {
  readonly code: number;
  readonly pids: readonly number[];
}

interface Views {
  readonly pid: number;
  readonly total: number;
  readonly info: readonly [total: number, free: number];
  readonly v1: readonly [code: number, total: number, used: number, free: number];
  readonly v2: readonly [code: number, total: number, used: number, free: number, reserved: number];
  readonly bar1: readonly [code: number, total: number, used: number, free: number];
  readonly details: List;
  readonly utilization: Pids;
  readonly uses: Pids;
  readonly accounting: Pids & { readonly stranger: number };
}
type Lists = Record<string, List>;

const COMPUTE = ['compute_v1', 'compute_v2', 'compute_v3', 'details'];
const OTHERS = ['graphics_v1', 'graphics_v2', 'graphics_v3', 'mps_v1', 'mps_v2', 'mps_v3'];

let machine: Machine;
const children: ChildProcess[] = [];

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G*2');
}, 120_000);

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    await ended(child);
  }
});

afterAll(() => machine.end());

const aSlice = (mib: number): Slice => machine.slice({ gpu: machine.gpu(0), mib });

/** A process of the slice that holds memory; its pid. */
async function holder(slice: Slice, mib: number): Promise<number> {
  const child = slice.start([PATHS.workload, 'alloc', String(mib), '--hold', '60']);
  children.push(child);
  return (JSON.parse(await firstLine(child)) as { pid: number }).pid;
}

function look(slice: Slice, ...args: readonly string[]): Views & Lists {
  const ran = slice.run([`${BUILT}/bin/nvml-views`, ...args]);
  expect(ran.stderr).toBe('');
  return lastJson<Views & Lists>(ran);
}

describe('with neighbours on the device', () => {
  it('every view tells the slice: total, used and free agree to the byte', async () => {
    await holder(aSlice(2048), 2000);
    const slice = aSlice(1024);
    await holder(slice, 300);
    const seen = look(slice, '100');
    expect(seen.total).toBe(1024 * MIB);
    expect(seen.info).toEqual([1024 * MIB, 624 * MIB]);
    expect(seen.v1).toEqual([0, 1024 * MIB, 400 * MIB, 624 * MIB]);
    expect(seen.v2).toEqual([0, 1024 * MIB, 400 * MIB, 624 * MIB, 0]);
    const [code, total, used, free] = seen.bar1;
    expect([code, total, used + free]).toEqual([0, 1024 * MIB, total]);
    expect(used).toBeLessThanOrEqual(400 * MIB);
  });

  it('the lists name the container’s own processes, with what the ledger says, in every version', async () => {
    const stranger = await holder(aSlice(2048), 2000);
    const slice = aSlice(1024);
    const other = await holder(slice, 300);
    const seen = look(slice, '100', '0', String(stranger));
    for (const name of COMPUTE) {
      expect(seen[name]).toMatchObject({ code: INSUFFICIENT_SIZE, count: 2 });
      expect(new Map(seen[name]?.rows)).toEqual(
        new Map([
          [other, 300 * MIB],
          [seen.pid, 100 * MIB],
        ]),
      );
    }
    for (const name of OTHERS) expect(seen[name]).toEqual({ code: 0, count: 0, rows: [] });
    for (const view of [seen.utilization, seen.uses, seen.accounting]) {
      expect(view.code).toBe(0);
      expect([...view.pids].sort()).toEqual([other, seen.pid].sort());
    }
    expect(seen.accounting.stranger).toBe(NOT_FOUND);
  });

  it('of those who draw or go through MPS, only the container’s own are listed', async () => {
    const stranger = await holder(aSlice(2048), 2000);
    const slice = aSlice(1024);
    const other = await holder(slice, 300);
    const { uuid } = machine.gpu(0);
    const both = `${uuid} ${stranger}\n${uuid} ${other}\n`;
    for (const name of ['graphics', 'mps']) writeFileSync(join(machine.node, name), both);
    const seen = look(slice, '100');
    for (const name of OTHERS) expect(seen[name]?.rows).toEqual([[other, 300 * MIB]]);
    for (const name of ['graphics', 'mps']) writeFileSync(join(machine.node, name), '');
  });

  it('one who holds nothing sees no process and no sample', async () => {
    await holder(aSlice(2048), 2000);
    const seen = look(aSlice(1024), '0');
    expect(seen.v1).toEqual([0, 1024 * MIB, 0, 1024 * MIB]);
    for (const name of COMPUTE) expect(seen[name]).toEqual({ code: 0, count: 0, rows: [] });
    expect([seen.utilization.code, seen.uses.code]).toEqual([NOT_FOUND, NOT_FOUND]);
  });
});

describe('a device that was not granted', () => {
  it('tells neither memory nor processes', async () => {
    await holder(machine.slice({ gpu: machine.gpu(1), mib: 2048 }), 1000);
    const slice = machine.slice({ gpu: machine.gpu(0), mib: 1024 }, { gpu: machine.gpu(1), mib: 1 });
    slice.grant({ gpu: machine.gpu(0), mib: 1024 });
    const seen = look(slice, '0', '1');
    expect([seen.total, seen.v1[0], seen.v2[0], seen.bar1[0]]).toEqual([
      0,
      NO_PERMISSION,
      NO_PERMISSION,
      NO_PERMISSION,
    ]);
    expect([...seen.v1.slice(1), ...seen.v2.slice(1), ...seen.bar1.slice(1)]).toEqual(Array(10).fill(0));
    for (const name of [...COMPUTE, ...OTHERS])
      expect(seen[name]).toMatchObject({ code: NO_PERMISSION, rows: [] });
    for (const view of [seen.utilization, seen.uses, seen.accounting])
      expect(view).toMatchObject({ code: NO_PERMISSION, pids: [] });
  });
});
