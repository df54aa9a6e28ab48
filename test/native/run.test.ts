// SPDX-License-Identifier: Apache-2.0
// `kerf run` and `kerf resize`: commands in slices of this machine, without a cluster. Needs root.
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTicksOf } from '../../src/adapters/run/processes.js';
import { decodeSliceRecord, type SliceRecord } from '../../src/wire/slice-record.js';
import { buildNative, PATHS } from './build.js';
import { Here } from './run-kit.js';
import { Asked, ended, lastJson } from './slice.js';

const MIB = 2 ** 20;
const ASK = ['--', PATHS.workload, 'ask'];

let here: Here;

beforeAll(async () => {
  buildNative();
  here = await Here.with('A100-40G');
}, 120_000);

afterEach(() => here.settle());
afterAll(() => here.end());

const ask = (...flags: readonly string[]): Promise<Asked> =>
  Asked.over(here.start(['run', ...flags, ...ASK]));
const sh = (flags: readonly string[], script: string) =>
  here.kerf(['run', ...flags, '--', 'sh', '-c', script]);

function record(name: string): SliceRecord {
  const read = decodeSliceRecord(readFileSync(join(here.state, name, 'slice.json'), 'utf8'));
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

async function until(claim: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await claim())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('a command run in a slice', () => {
  it('gets its memory and not more, and leaves nothing behind', () => {
    const ran = here.kerf(['run', '--gpu-mem', '1Gi', '--', PATHS.workload, 'fill']);
    expect(lastJson(ran)).toMatchObject({ allocated_mib: 1024, goes_on: true, total_bytes: 1024 * MIB });
    expect(readdirSync(here.state)).toEqual([]);
  });

  it.each([
    ['its own', 'exit 7', 7],
    ['that of a signal', 'kill -9 $$', 137],
    ['that of a command nobody finds', 'exec nonesuch', 127],
  ])('ends with %s status', (_name, script, status) => {
    expect(sh(['--gpu-mem', '1Gi'], script).status).toBe(status);
  });

  it('gets the signals that are sent to kerf', async () => {
    const child = here.start([
      'run',
      '--gpu-mem',
      '1Gi',
      '--',
      'sh',
      '-c',
      "trap 'exit 5' TERM; echo; while :; do sleep 0.1; done",
    ]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    child.kill('SIGTERM');
    await ended(child);
    expect(child.exitCode).toBe(5);
  });

  it('finds its streams blocking, as it would without kerf', async () => {
    const child = here.start([
      'run',
      '--gpu-mem',
      '1Gi',
      '--',
      'sh',
      '-c',
      'head -c 300000 /dev/zero || exit 9',
    ]);
    // Nobody reads at first: a pipe that does not block would lose the rest.
    await new Promise((resolve) => setTimeout(resolve, 700));
    let bytes = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await new Promise((resolve) => child.once('close', resolve));
    expect([bytes, child.exitCode]).toEqual([300_000, 0]);
  });

  it('does not see where its own limits lie, and slices do not nest', () => {
    const ran = sh(['--gpu-mem', '1Gi'], `ls ${here.state} | wc -l; echo $KERF_SLICE $CUDA_VISIBLE_DEVICES`);
    expect(ran.stdout).toMatch(/^0\nsh-[0-9a-f]{4} GPU-/);
    const nested = here.kerf(['run', '--', 'true'], { KERF_SLICE: 'outer' });
    expect(nested.stderr).toContain('this is slice outer already: slices do not nest');
    expect(nested.status).toBe(1);
  });

  it('is refused where the driver shows no device', () => {
    const ran = here.kerf(['run', '--', 'true'], { LD_LIBRARY_PATH: '' });
    expect(ran.stderr).toContain('no device can be used on this machine: ');
    expect(ran.status).toBe(3);
  });
});

describe('an ordinary user', () => {
  it('has slices too, which hold him and which he cannot undo', () => {
    const script = `umount /usr/local/kerf; echo x >/usr/local/kerf/limits; ${PATHS.workload} fill`;
    const ran = here.kerfAs(65534, ['run', '--gpu-mem', '1Gi', '--', 'sh', '-c', script]);
    expect(lastJson(ran)).toMatchObject({ allocated_mib: 1024, goes_on: true });
  });

  it('is not led astray by a folder that others may write', () => {
    mkdirSync(join(here.folder, 'user-65533'));
    const ran = here.kerfAs(65533, ['run', '--gpu-mem', '1Gi', '--', 'true']);
    expect(ran.stderr).toContain(
      'belongs to others or may be written by them: KERF_RUN_DIR names another folder',
    );
  });
});

describe('several slices on one device', () => {
  it('are held each to its own, and one more than fits is refused with what is free', async () => {
    const [a, b] = [
      await ask('--gpu-mem', '16Gi', '--gpu-cores', '60', '--name', 'a'),
      await ask('--gpu-mem', '50%'),
    ];
    expect(await a.say('alloc 16384')).toMatchObject({ code: 0 });
    expect(await a.say('alloc 1')).toMatchObject({ name: 'CUDA_ERROR_OUT_OF_MEMORY' });
    expect(await b.say('info')).toMatchObject({ total_bytes: 20_480 * MIB });
    expect(await b.say('alloc 20480')).toMatchObject({ code: 0 });
    const more = sh(['--gpu-mem', '5Gi'], 'true');
    expect(more.stderr).toContain(`memory short on ${here.gpus[0]?.uuid}: 5120 MiB wanted, 4096 MiB free`);
    expect(more.status).toBe(1);
    expect(sh(['--gpu-mem', '1', '--gpu-cores', '50'], 'true').stderr).toContain('50 % wanted, 40 % free');
    expect(sh(['--gpu-mem', '1', '--name', 'a'], 'true').stderr).toContain('slice a runs already');
    await Promise.all([a.end(), b.end()]);
  });

  it('are counted until the last process in them has ended, also when kerf was killed', async () => {
    const child = here.start(['run', '--gpu-mem', '30Gi', '--name', 'orphan', '--', 'sleep', '60']);
    await until(
      () => existsSync(join(here.state, 'orphan', 'slice.json')) && record('orphan').mountNamespace !== '',
    );
    child.kill('SIGKILL');
    await ended(child);
    expect(sh(['--gpu-mem', '20Gi'], 'true').stderr).toContain('10240 MiB free');
    const { pid } = record('orphan');
    process.kill(pid, 'SIGKILL');
    await until(() => startTicksOf(pid) === 0);
    expect(sh(['--gpu-mem', '20Gi'], 'true').status).toBe(0);
    expect(readdirSync(here.state)).toEqual([]);
  });

  it('started together never hold more than the device has', async () => {
    const children = Array.from({ length: 4 }, () => here.start(['run', '--gpu-mem', '15Gi', '--', 'cat']));
    const gave = (): number => (existsSync(here.state) ? readdirSync(here.state).length : 0);
    await until(() => children.filter((child) => child.exitCode === 1).length === 2);
    expect(gave()).toBe(2);
    for (const child of children) child.stdin?.end();
    await Promise.all(children.map(ended));
    expect(children.map((child) => child.exitCode).sort()).toEqual([0, 0, 1, 1]);
  });
});

describe('a running slice', () => {
  it('is made larger and smaller under its command', async () => {
    const asked = await ask('--gpu-mem', '1Gi', '--name', 'r');
    expect(await asked.say('alloc 2048')).toMatchObject({ name: 'CUDA_ERROR_OUT_OF_MEMORY' });
    expect(here.kerf(['resize', 'r', '--gpu-mem', '3Gi']).stdout).toBe('slice r: 3 GiB, no compute limit\n');
    expect(await asked.say('alloc 2048')).toMatchObject({ code: 0 });
    expect(here.kerf(['resize', 'r', '--gpu-mem', '41Gi']).stderr).toContain(
      'is too small: 41984 MiB wanted, 40960 MiB in all',
    );
    expect(JSON.parse(here.kerf(['resize', 'r', '--gpu-mem', '512', '--json']).stdout)).toMatchObject({
      memoryMiB: 512,
    });
    expect(await asked.say('alloc 1')).toMatchObject({ name: 'CUDA_ERROR_OUT_OF_MEMORY', held_mib: 2048 });
    expect(await asked.say('info')).toMatchObject({ free_bytes: 0 });
    expect(here.kerf(['resize', 's', '--gpu-mem', '1Gi']).stderr).toContain(
      'no slice s runs on this machine: want one of r',
    );
    await asked.end();
  });
});

describe('what runs here', () => {
  it('is shown by kerf top, where no cluster is named too', async () => {
    const asked = await ask(
      '--gpu-mem',
      '1Gi',
      '--gpu-mem-burst',
      '2Gi',
      '--gpu-cores',
      '25',
      '--name',
      'seen',
    );
    await asked.say('alloc 600');
    const state = JSON.parse(here.kerf(['top', '--local', '--json']).stdout) as object;
    expect(state).toMatchObject({
      devices: [{ memoryMiB: 40_960, grantedMiB: 1024, slices: 1 }],
      slices: [
        {
          ...{ name: 'seen', memoryMiB: 1024, burstMiB: 2048, corePercent: 25, usedMiB: 600, processes: 1 },
          ...{ problem: '', counted: { classBytes: { plain: 600 * MIB }, compute: { throttledNs: 0 } } },
        },
      ],
    });
    const plain = here.kerf(['top'], { KUBECONFIG: '', HOME: '/nonexistent' });
    expect(plain.stdout).toMatch(/seen +0 +1 GiB +2 GiB +600 MiB/);
    await asked.end();
    expect(here.kerf(['top', '--local']).stdout).toContain('no slices run on this machine');
  });
});

describe('burst memory', () => {
  it('is used while nobody needs it, and given back by refusing growth', async () => {
    const a = await ask('--gpu-mem', '10Gi', '--gpu-mem-burst', '30Gi', '--name', 'a');
    expect(await a.say('alloc 25600')).toMatchObject({ code: 0 });
    const b = await ask('--gpu-mem', '12Gi', '--gpu-mem-burst', '100%', '--name', 'b');
    expect(await a.say('alloc 4096')).toMatchObject({ name: 'CUDA_ERROR_OUT_OF_MEMORY', held_mib: 25_600 });
    expect(await b.say('alloc 12288')).toMatchObject({ code: 0 });
    expect(await a.say('free')).toMatchObject({ held_mib: 0 });
    // Whoever supervises a slice divides anew each second.
    await until(async () => (await b.say('alloc 6144')).code === 0);
    expect(await a.say('alloc 10240')).toMatchObject({ code: 0 });
    await Promise.all([a.end(), b.end()]);
  });
});
