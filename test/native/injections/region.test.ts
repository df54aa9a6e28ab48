// SPDX-License-Identifier: Apache-2.0
// Injections 11-16: what a process is told its limits by, and where it counts, is broken, odd or changes. docs/injections.md
// holds the table.
import { type ChildProcess, spawnSync } from 'node:child_process';
import { truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyRegion, REGION, REGION_AT } from '../../../src/wire/region.js';
import { LIMITS_AT, LIMITS_DEVICE_AT } from '../../../src/wire/limits.js';
import { BUILT, buildNative } from '../build.js';
import { ended, lastJson, Machine, type Slice } from '../slice.js';
import {
  CODE,
  codesIn,
  commandOf,
  freeBytes,
  lastStep,
  linesOf,
  MIB,
  type Step,
  startSteps,
  stepsIn,
} from './support.js';

/** Of start, context and allocation: the last is the driver's own word to who never started it. */
const NO_DEVICE = [CODE.noDevice, CODE.noDevice, CODE.notInitialized];
/** No test's user, and with no right of its own. */
const NOBODY = 65_534;

let machine: Machine;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G*2', 'T4-16G');
}, 120_000);

afterAll(() => machine.end());

const aSlice = (mib = 64): Slice => machine.slice({ gpu: machine.gpu(0), mib });

const withWord = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value, true);
  return bytes;
};

/** What a program that goes on meanwhile said, once it has ended. */
async function codesOf(child: ChildProcess): Promise<readonly number[]> {
  const said: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => said.push(bytes));
  await new Promise((resolve) => child.once('close', resolve));
  const lines = Buffer.concat(said).toString().trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as Step).code);
}

describe('11: the region', () => {
  it.each([
    ['truncated', emptyRegion().slice(0, 4096)],
    ['of zeros', new Uint8Array(REGION.bytes)],
    ['of another magic', withWord(emptyRegion(), REGION_AT.magic, 1)],
    ['of a future version', withWord(emptyRegion(), REGION_AT.version, REGION.version + 1)],
    ['of version 0', withWord(emptyRegion(), REGION_AT.version, 0)],
    ['with another number of rows', withWord(emptyRegion(), REGION_AT.slot_count, REGION.slots + 1)],
    ['that grew', new Uint8Array([...emptyRegion(), ...new Uint8Array(4096)])],
  ])('%s: no device', (_what, bytes) => {
    const slice = aSlice();
    slice.write('region', bytes, 0o666);
    expect(codesIn(slice, 'init ctx take:malloc:1')).toEqual(NO_DEVICE);
  });

  it('missing: no device', () => {
    const slice = aSlice();
    slice.remove('region');
    expect(codesIn(slice, 'init ctx take:malloc:1')).toEqual(NO_DEVICE);
  });

  it('on a file system that may only be read: no device', () => {
    const script = `mount -o remount,bind,ro /usr/local/kerf/region; exec ${commandOf('init ctx take:malloc:1').join(' ')}`;
    const ran = aSlice().run(['sh', '-c', script]);
    expect(linesOf(ran).map((line) => line.code)).toEqual(NO_DEVICE);
  });

  it('of another user, closed to all others: no device', () => {
    const slice = aSlice();
    slice.write('region', emptyRegion(), 0o600);
    expect(codesIn(slice, 'init ctx take:malloc:1', { user: NOBODY })).toEqual(NO_DEVICE);
  });

  it('deleted while in use: those who have it go on under their limit', async () => {
    const slice = aSlice();
    const go = join(slice.folder, 'go');
    const steps = `init ctx take:malloc:60 await:${go} take:malloc:8 give take:malloc:8`;
    const child = slice.start(commandOf(steps));
    const codes = codesOf(child);
    while (slice.region().devices[0]?.usedBytes === 0) await new Promise((resolve) => setImmediate(resolve));
    unlinkSync(join(slice.folder, 'region'));
    writeFileSync(go, '');
    expect(await codes).toEqual([0, 0, 0, 0, CODE.outOfMemory, 0, 0]);
  });

  it('truncated while in use: its user is ended by the kernel rather than let go', async () => {
    const slice = aSlice();
    const go = join(slice.folder, 'go');
    const steps = `init ctx take:malloc:8 await:${go} take:malloc:1 hold`;
    const holder = await startSteps(slice, steps, { until: 'take:malloc:8' });
    truncateSync(join(slice.folder, 'region'), 0);
    expect(codesIn(slice, 'init ctx take:malloc:1')).toEqual(NO_DEVICE);
    writeFileSync(go, '');
    await ended(holder);
    expect(holder.signalCode).toBe('SIGBUS');
  });

  it('on a full disk: it was written whole, so that counting needs no further block', () => {
    const slice = aSlice();
    const script = `
      mkdir /run/small && mount -t tmpfs -o size=320k tmpfs /run/small && cp /usr/local/kerf/region /run/small/region
      cat /dev/zero > /run/small/rest 2>/dev/null; mount --bind /run/small/region /usr/local/kerf/region
      exec ${commandOf('init ctx take:malloc:8 give fill:malloc:1').join(' ')}`;
    const lines = linesOf(slice.run(['sh', '-c', script]));
    expect(lines.map((line) => line.code)).toEqual([0, 0, 0, 0, CODE.outOfMemory]);
  });
});

describe('12: the node’s arbiter', () => {
  it('never came: the limit on the page is the limit', () => {
    expect(lastStep(aSlice(), 'init ctx info').total).toBe(64 * MIB);
  });
});

describe('13: limits that change under a running process', () => {
  it.each([
    [
      'below what is used: no growth, frees count, nobody is killed',
      16,
      [0, CODE.outOfMemory, 0, CODE.outOfMemory, 0],
    ],
    ['up: at once', 128, [0, 0, 0, 0, 0]],
  ])('%s', async (_what, mib, codes) => {
    const slice = aSlice();
    const go = join(slice.folder, 'go');
    const steps = `init ctx take:malloc:40 await:${go} take:malloc:30 give take:malloc:17 info`;
    const said = codesOf(slice.start(commandOf(steps)));
    while ((slice.region().devices[0]?.usedBytes ?? 0) === 0)
      await new Promise((resolve) => setImmediate(resolve));
    slice.grant({ gpu: machine.gpu(0), mib });
    writeFileSync(go, '');
    expect((await said).slice(3)).toEqual(codes);
  });
});

describe('14: odd limits', () => {
  const withLimit = (slice: Slice, bytes: bigint): Slice => {
    const page = slice.bytes('limits');
    const view = new DataView(page.buffer, page.byteOffset);
    view.setBigUint64(LIMITS_AT.devices + LIMITS_DEVICE_AT.memory_limit_bytes, bytes, true);
    slice.write('limits', page, 0o444);
    return slice;
  };

  it.each([0n, 1n, 511n])('%i bytes: nothing can be had', (bytes) => {
    const ran = stepsIn(withLimit(aSlice(), bytes), 'init ctx take:malloc:1 info');
    expect(ran.at(-1)?.free ?? 0).toBeLessThan(512);
    expect(ran.find((line) => line.step === 'take:malloc:1')?.code).not.toBe(0);
  });

  it.each([1n << 60n, (1n << 64n) - 1n])(
    '%i bytes: the device’s own size is shown, and its own refusal heard',
    (bytes) => {
      const slice = withLimit(aSlice(), bytes);
      const info = lastStep(slice, 'init ctx info');
      expect(info.total).toBe(machine.gpu(0).memoryMiB * MIB);
      expect(codesIn(slice, 'init ctx take:malloc:41000')).toEqual([0, 0, CODE.outOfMemory]);
    },
  );

  it('a byte over a granule takes the whole next one', () => {
    const lines = stepsIn(aSlice(), 'init ctx info bytes:malloc:512 info bytes:malloc:513 info');
    const free = lines.filter((line) => line.step === 'info').map((line) => line.free ?? 0);
    expect([0, 1].map((at) => (free[at] ?? 0) - (free[at + 1] ?? 0))).toEqual([512, 1024]);
  });

  it('a page whose text is not ended, or is no UUID: no device of it is ours', () => {
    const slice = aSlice();
    const page = slice.bytes('limits');
    page.fill(0x41, LIMITS_AT.devices, LIMITS_AT.devices + LIMITS_DEVICE_AT.memory_limit_bytes);
    slice.write('limits', page, 0o444);
    expect(codesIn(slice, 'init ctx')).toEqual([0, CODE.invalidDevice]);
  });

  it.each(['0m', '0', '40g', 'lots'])('CUDA_DEVICE_MEMORY_LIMIT=%s, as others read it: not read', (value) => {
    expect(lastStep(aSlice(), 'init ctx info', { env: { CUDA_DEVICE_MEMORY_LIMIT: value } }).total).toBe(
      64 * MIB,
    );
  });
});

describe('15: CUDA_VISIBLE_DEVICES', () => {
  const totals = (list: string): readonly number[] => {
    const slice = machine.slice(
      { gpu: machine.gpu(0), mib: 100 },
      { gpu: machine.gpu(1), mib: 200 },
      { gpu: machine.gpu(2), mib: 300 },
    );
    const ran = slice.run([`${BUILT}/kerf-workload`, 'info'], { env: { CUDA_VISIBLE_DEVICES: list } });
    const { devices } = lastJson<{ devices: readonly { cuda_total_bytes: number }[] }>(ran);
    return devices.map((device) => device.cuda_total_bytes / MIB);
  };

  it.each([
    ['permuted', () => '2,0', [300, 100]],
    ['by UUID', () => machine.gpu(1).uuid, [200]],
    ['by the beginning of a UUID', () => machine.gpu(2).uuid.slice(0, 14), [300]],
    ['with a stranger in the middle', () => '1,9,0', [200]],
    ['a MIG device that is not there', () => 'MIG-00000000-0000-0000-0000-000000000000', []],
    ['empty', () => '', []],
    ['NoDevFiles', () => 'NoDevFiles', []],
  ])('%s: each device that is left has its own limit', (_what, list, expected) => {
    expect(totals(list())).toEqual(expected);
  });
});

describe('16: clocks and starved processes', () => {
  it('a process whose clocks stand elsewhere (a time namespace) takes nobody living for dead', async () => {
    const slice = aSlice();
    const before = freeBytes(slice);
    const holder = await startSteps(slice, 'init ctx take:malloc:40 hold', { until: 'hold' });
    const elsewhere = ['unshare', '--time', '--boottime', '100000', '--monotonic', '100000', '--fork'];
    const lines = stepsIn(slice, 'init ctx info take:malloc:40', { under: elsewhere });
    holder.kill('SIGKILL');
    await ended(holder);
    expect(lines.map((line) => line.code)).toEqual([0, 0, 0, CODE.outOfMemory]);
    expect(lines[2]?.free).toBe(before - 40 * MIB);
  });

  it('nothing of ours reads the clock of the day, which may be set', () => {
    const { stdout } = spawnSync('nm', ['-D', '--undefined-only', join(BUILT, 'libkerf.so')], {
      encoding: 'utf8',
    });
    expect(stdout).toContain('mmap');
    expect(stdout).not.toMatch(/ (time|gettimeofday|ftime)@/);
  });

  it('processes that run a twentieth of the time never pass the limit', async () => {
    const slice = aSlice(1024);
    const child = slice.start([
      `${BUILT}/kerf-workload`,
      'hammer',
      '--procs',
      '4',
      '--seconds',
      '1',
      '--most',
      '200',
    ]);
    const said: Buffer[] = [];
    child.stdout?.on('data', (bytes: Buffer) => said.push(bytes));
    const family = (): string[] => slice.region().processes.map(({ pid }) => String(pid));
    while (child.exitCode === null && child.signalCode === null) {
      const pids = family();
      if (pids.length > 0) spawnSync('kill', ['-STOP', ...pids]);
      await new Promise((resolve) => setTimeout(resolve, 19));
      if (pids.length > 0) spawnSync('kill', ['-CONT', ...pids]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const hammer = JSON.parse(Buffer.concat(said).toString()) as Record<string, number>;
    expect(hammer).toMatchObject({ failed_procs: 0, wrong_codes: 0 });
    expect(hammer.max_used_bytes).toBeLessThanOrEqual(1024 * MIB);
  });
});
