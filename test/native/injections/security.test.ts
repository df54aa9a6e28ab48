// SPDX-License-Identifier: Apache-2.0
// Injections 32-35, and what docs/isolation.md says a tenant can do: either the limit stands, or what he took can be seen from
// outside, by comparing what his region says with what the driver knows. docs/injections.md holds the table.
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRegion } from '../../../src/adapters/region/region-file.js';
import { decodeRegion, emptyRegion, type Region, REGION, REGION_AT } from '../../../src/wire/region.js';
import { buildNative, PATHS } from '../build.js';
import { ended, Machine, type Slice } from '../slice.js';
import { codesIn, commandOf, lastStep, linesOf, MIB, runSteps, startSteps } from './support.js';

let machine: Machine;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G');
}, 120_000);

afterAll(() => machine.end());

const aSlice = (mib = 64): Slice => machine.slice({ gpu: machine.gpu(0), mib });

const bytesOf = (region: Region): number => region.devices[0]?.usedBytes ?? 0;

/** What the driver knows, as NVML tells it: the fake keeps it at the head of a file, in the same form. */
function driverBytes(of: Machine): number {
  const state = decodeRegion(readFileSync(join(of.node, 'state')).subarray(0, REGION.bytes));
  if (!state.ok) throw new Error(state.error);
  return bytesOf(state.value);
}

const sumOfProcesses = (region: Region): number =>
  region.processes.reduce((sum, process) => sum + (process.usedBytes[0] ?? 0), 0);

describe('32: a tenant writes into the region', () => {
  const scribble = (slice: Slice, change: (view: DataView) => void): void => {
    const bytes = slice.bytes('region');
    change(new DataView(bytes.buffer, bytes.byteOffset));
    writeFileSync(join(slice.folder, 'region'), bytes, { flag: 'r+' });
  };

  it('his device’s word alone: it no longer is the sum of his processes', async () => {
    const slice = aSlice();
    const holder = await startSteps(slice, 'init ctx take:malloc:60 hold', { until: 'hold' });
    scribble(slice, (view) => view.setBigUint64(REGION_AT.devices, 0n, true));
    const region = slice.region();
    expect(bytesOf(region)).toBe(0);
    expect(sumOfProcesses(region)).toBeGreaterThanOrEqual(60 * MIB);
    const taken = await startSteps(slice, 'init ctx take:malloc:60 hold', { until: 'hold' });
    expect(sumOfProcesses(slice.region())).toBeGreaterThan(64 * MIB);
    for (const child of [holder, taken]) child.kill('SIGKILL');
    await Promise.all([holder, taken].map(ended));
  });

  it('all of it, consistently: the driver knows of more than he admits', async () => {
    const own = new Machine('A100-40G');
    const slice = own.slice({ gpu: own.gpu(0), mib: 64 });
    const holder = await startSteps(slice, 'init ctx take:malloc:60 hold', { until: 'hold' });
    writeFileSync(join(slice.folder, 'region'), emptyRegion(), { flag: 'r+' });
    const taken = await startSteps(slice, 'init ctx take:malloc:60 hold', { until: 'hold' });
    const seen = driverBytes(own);
    for (const child of [holder, taken]) child.kill('SIGKILL');
    await Promise.all([holder, taken].map(ended));
    own.end();
    expect(seen).toBeGreaterThanOrEqual(120 * MIB);
  });

  it('noise of any kind: nothing hangs, nothing crashes, nothing of a neighbour changes', () => {
    const neighbour = aSlice();
    let seed = 20_261_121;
    const random = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 2 ** 32;
    };
    for (let round = 0; round < (process.env.KERF_LONG === '1' ? 300 : 12); round += 1) {
      const bytes = emptyRegion();
      for (let i = 0; i < 4000; i += 1)
        bytes[256 + Math.floor(random() * (REGION.bytes - 256))] = Math.floor(random() * 256);
      const slice = aSlice();
      slice.write('region', bytes, 0o666);
      const ran = runSteps(slice, 'init ctx take:malloc:1 give info', { under: ['timeout', '20'] });
      expect([round, ran.status, ran.signal]).toEqual([round, 0, null]);
    }
    expect(bytesOf(neighbour.region())).toBe(0);
    expect(codesIn(neighbour, 'init ctx take:malloc:60 give')).toEqual([0, 0, 0, 0]);
  });

  it('a region cut or blown up is no figure to whoever reads it, and no danger', async () => {
    const slice = aSlice();
    for (const bytes of [new Uint8Array(0), new Uint8Array(REGION.bytes + 1), new Uint8Array(REGION.bytes)]) {
      slice.write('region', bytes, 0o666);
      expect(await readRegion(join(slice.folder, 'region'))).toMatchObject({ ok: false });
    }
  });
});

describe('33: a tenant edits his environment', () => {
  it.each([
    ['LD_PRELOAD', ''],
    ['LD_PRELOAD', '/nowhere/libcuda.so.1'],
    ['LD_AUDIT', ''],
    ['LD_BIND_NOW', '1'],
    ['CUDA_DEVICE_MEMORY_LIMIT', '40g'],
    ['CUDA_DISABLE_CONTROL', 'true'],
    ['KERF_PREFIX', '/tmp'],
    ['KERF_LIMITS', '/tmp/limits'],
    ['KERF_REGION', '/tmp/region'],
    ['GPU_CORE_UTILIZATION_POLICY', 'disable'],
    ['NVIDIA_VISIBLE_DEVICES', 'all'],
  ])('%s=%s changes nothing', (name, value) => {
    expect(lastStep(aSlice(), 'init ctx info', { env: { [name]: value } }).total).toBe(64 * MIB);
  });

  it('a program started by the loader itself is reached as well', () => {
    const loader = '/lib64/ld-linux-x86-64.so.2';
    if (!existsSync(loader)) return expect(process.arch).not.toBe('x64');
    expect(lastStep(aSlice(), 'init ctx info', { under: [loader, '--inhibit-cache'] }).total).toBe(64 * MIB);
  });
});

describe('34: links instead of files', () => {
  it('a region that is a link is not followed by who reads it from outside', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kerf-link-'));
    writeFileSync(join(folder, 'elsewhere'), emptyRegion());
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'region'));
    const read = await readRegion(join(folder, 'region'));
    rmSync(folder, { recursive: true });
    expect(read).toEqual({ ok: false, error: 'region cannot be opened: ELOOP' });
  });

  it('a tenant cannot put anything in the place of a file that is mounted: not even root in the container', () => {
    const script = `
      for file in region limits libkerf.so; do
        rm -f /usr/local/kerf/$file 2>/dev/null && echo gone $file
        mv /usr/local/kerf/$file /usr/local/kerf/other 2>/dev/null && echo moved $file
        ln -sf /tmp /usr/local/kerf/$file 2>/dev/null; [ -L /usr/local/kerf/$file ] && echo linked $file
      done; exec ${commandOf('init ctx info').join(' ')}`;
    const ran = aSlice().run(['sh', '-c', script]);
    expect(ran.stdout).not.toMatch(/gone|moved|linked/);
    expect(linesOf(ran).at(-1)?.total).toBe(64 * MIB);
  });

  it('nor write the page or the library', () => {
    const script = `
      for file in limits libkerf.so; do ( : >> /usr/local/kerf/$file ) 2>/dev/null && echo wrote $file; done
      exec ${commandOf('init ctx info').join(' ')}`;
    const ran = aSlice().run(['setpriv', '--bounding-set', '-all', '--inh-caps', '-all', 'sh', '-c', script]);
    expect(ran.stdout).not.toContain('wrote');
    expect(linesOf(ran).at(-1)?.total).toBe(64 * MIB);
  });
});

describe('35: hundreds of refusals a second', () => {
  it('are counted, and nothing is written anywhere', () => {
    const slice = aSlice();
    const ran = runSteps(slice, 'init ctx refuse:5000 take:malloc:1');
    expect(linesOf(ran).map((line) => line.code)).toEqual([0, 0, 0, 0]);
    expect(ran.stderr).toBe('');
    expect(slice.region().devices[0]?.refusals).toBe(5000);
  });
});

describe('what passes us by is seen by the driver', () => {
  it('the real driver preloaded by name stands before us: what such a program holds, no region admits', async () => {
    const own = new Machine('A100-40G');
    const slice = own.slice({ gpu: own.gpu(0), mib: 64 });
    const holder = await startSteps(slice, 'init ctx take:malloc:100 hold', {
      until: 'hold',
      env: { LD_PRELOAD: PATHS.fakeCuda },
    });
    const admitted = bytesOf(slice.region());
    const seen = driverBytes(own);
    holder.kill('SIGKILL');
    await ended(holder);
    own.end();
    expect(seen).toBeGreaterThanOrEqual(100 * MIB);
    expect(admitted).toBe(0);
  });
});
