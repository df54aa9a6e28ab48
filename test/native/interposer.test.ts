// SPDX-License-Identifier: Apache-2.0
// libkerf under the real loader, through /etc/ld.so.preload, on the fake driver.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILT, buildNative, PATHS } from './build.js';
import { ended, firstLine, lastJson, lineWhere, Machine, type Slice } from './slice.js';

const MIB = 1_048_576;
const OOM = 2;
const NO_DEVICE = 100;

interface Info {
  readonly code: number;
  readonly devices: readonly {
    readonly uuid: string;
    readonly code: number;
    readonly cuda_total_bytes: number;
    readonly cuda_info_total_bytes: number;
    readonly cuda_free_bytes: number;
    readonly nvml_total_bytes: number;
    readonly nvml_used_bytes: number;
    readonly nvml_free_bytes: number;
  }[];
}

interface Fill {
  readonly allocated_mib: number;
  readonly refused_code: number;
  readonly free_bytes_when_full: number;
  readonly goes_on: boolean;
}

interface Hammer {
  readonly failed_procs: number;
  readonly operations: number;
  readonly refusals: number;
  readonly wrong_codes: number;
  readonly max_used_bytes: number;
  readonly limit_bytes: number;
}

interface Loop {
  readonly operations: number;
  readonly refusals: number;
}

let machine: Machine;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G*2', 'T4-16G');
}, 120_000);

afterAll(() => machine.end());

const aSlice = (mib = 4096, gpu = 0): Slice => machine.slice({ gpu: machine.gpu(gpu), mib });
const work = (...args: string[]): string[] => [PATHS.workload, ...args];

describe('what a program sees', () => {
  it('is its slice, through CUDA and NVML, and no other device', () => {
    const info = lastJson<Info>(aSlice().run(work('info')));
    expect(info.devices).toEqual([
      expect.objectContaining({
        uuid: machine.gpu(0).uuid,
        cuda_total_bytes: 4096 * MIB,
        cuda_info_total_bytes: 4096 * MIB,
        cuda_free_bytes: 4096 * MIB,
        nvml_total_bytes: 4096 * MIB,
        nvml_used_bytes: 0,
        nvml_free_bytes: 4096 * MIB,
      }),
    ]);
  });

  it('is each device with its own limit, whatever their order on the page', () => {
    const slice = machine.slice({ gpu: machine.gpu(2), mib: 1000 }, { gpu: machine.gpu(1), mib: 3000 });
    const totals = lastJson<Info>(slice.run(work('info'))).devices.map((d) => [
      d.uuid,
      d.cuda_total_bytes / MIB,
    ]);
    expect(totals).toEqual([
      [machine.gpu(1).uuid, 3000],
      [machine.gpu(2).uuid, 1000],
    ]);
  });

  it('is never more than the device has', () => {
    const [device] = lastJson<Info>(aSlice(99_999, 2).run(work('info'))).devices;
    expect(device?.cuda_total_bytes).toBe(15_360 * MIB);
    expect(device?.nvml_total_bytes).toBe(15_360 * MIB);
  });

  it('is what is left while others of its container hold memory, through both', async () => {
    const slice = aSlice();
    const holder = slice.start(work('alloc', '1000', '--hold', '60'));
    await firstLine(holder);
    const [device] = lastJson<Info>(slice.run(work('info'))).devices;
    holder.kill('SIGTERM');
    await ended(holder);
    expect(device?.cuda_free_bytes).toBe(3096 * MIB);
    expect(device?.nvml_used_bytes).toBe(1000 * MIB);
    expect(device?.nvml_free_bytes).toBe(3096 * MIB);
  });
});

describe('the limit', () => {
  it.each(['malloc', 'managed', 'async'])(
    '%s: to the MiB, then out of memory, and the process goes on',
    (api) => {
      const fill = lastJson<Fill>(aSlice().run(work('fill', '--api', api)));
      expect(fill).toMatchObject({
        allocated_mib: 4096,
        refused_code: OOM,
        free_bytes_when_full: 0,
        goes_on: true,
      });
    },
  );

  it('vmm: to the granule, then out of memory, and the process goes on', () => {
    const fill = lastJson<Fill>(aSlice().run(work('fill', '--api', 'vmm', '--step', '2')));
    expect(fill).toMatchObject({ allocated_mib: 4096, refused_code: OOM, goes_on: true });
  });

  it.each(['malloc', 'vmm'])('%s: four processes never pass it together', (api) => {
    const slice = aSlice(1024);
    const hammer = lastJson<Hammer>(
      slice.run(work('hammer', '--procs', '4', '--seconds', '1', '--most', '200', '--api', api)),
    );
    expect(hammer).toMatchObject({ failed_procs: 0, wrong_codes: 0, limit_bytes: 1024 * MIB });
    expect(hammer.refusals).toBeGreaterThan(0);
    expect(hammer.max_used_bytes).toBeLessThanOrEqual(1024 * MIB);
    const [device] = slice.region().devices;
    expect(device?.usedBytes).toBe(0);
    expect(device?.peakBytes).toBeLessThanOrEqual(1024 * MIB);
    expect(device?.refusals).toBe(hammer.refusals);
  });

  it('is one container’s own: a full neighbour takes nothing away', async () => {
    const full = aSlice(4096);
    const holder = full.start(work('alloc', '4096', '--hold', '60'));
    await firstLine(holder);
    const fill = lastJson<Fill>(aSlice(2048).run(work('fill')));
    holder.kill('SIGTERM');
    await ended(holder);
    expect(fill).toMatchObject({ allocated_mib: 2048, refused_code: OOM, goes_on: true });
  });

  it('holds for a user without rights', () => {
    const fill = lastJson<Fill>(aSlice(512).run(work('fill'), { user: 65_534 }));
    expect(fill).toMatchObject({ allocated_mib: 512, refused_code: OOM, goes_on: true });
  });

  it.each([
    ['CUDA_DEVICE_MEMORY_LIMIT', '40g'],
    ['KERF_PREFIX', '/tmp'],
    ['KERF_LIMITS', '/tmp/limits'],
    ['LD_PRELOAD', ''],
    ['LD_LIBRARY_PATH', '/work'],
  ])('is not in the environment: %s=%s changes nothing', (name, value) => {
    const [device] = lastJson<Info>(aSlice().run(work('info'), { env: { [name]: value } })).devices;
    expect(device?.cuda_total_bytes).toBe(4096 * MIB);
  });

  it('follows the page while a process runs: up is there at once', async () => {
    const slice = aSlice(0);
    const loop = slice.start(work('loop', '--most', '1', '--seconds', '60'));
    const first = await lineWhere(loop, (line: Loop) => line.operations > 0);
    expect(first.refusals).toBe(first.operations);
    slice.grant({ gpu: machine.gpu(0), mib: 4096 });
    const said = await lineWhere(loop, (line: Loop) => line.refusals < line.operations);
    loop.kill('SIGTERM');
    await ended(loop);
    expect(said.refusals).toBeLessThan(said.operations);
  });

  it('follows the page while a process runs: down stops growth', async () => {
    const slice = aSlice(4096);
    const loop = slice.start(work('loop', '--most', '1', '--seconds', '60'));
    expect(await lineWhere(loop, (line: Loop) => line.operations > 0)).toMatchObject({ refusals: 0 });
    slice.grant({ gpu: machine.gpu(0), mib: 0 });
    const said = await lineWhere(loop, (line: Loop) => line.refusals > 0);
    loop.kill('SIGTERM');
    await ended(loop);
    expect(said.refusals).toBeGreaterThan(0);
  });
});

describe('a process that dies', () => {
  it('gives its share back to the next one', async () => {
    const slice = aSlice(1024);
    const holder = slice.start(work('alloc', '1024', '--hold', '60'));
    await firstLine(holder);
    expect(slice.region().devices[0]?.usedBytes).toBe(1024 * MIB);
    expect(lastJson<{ code: number }>(slice.run(work('alloc', '1')))).toMatchObject({ code: OOM });
    holder.kill('SIGKILL');
    await ended(holder);
    expect(lastJson<Fill>(slice.run(work('fill')))).toMatchObject({ allocated_mib: 1024, goes_on: true });
  });

  it('in the middle of a storm, with all its children, leaves nothing behind', () => {
    const slice = aSlice(1024);
    const storm = work('hammer', '--procs', '4', '--seconds', '60', '--most', '200');
    const killed = slice.run(['timeout', '-s', 'KILL', '0.5', ...storm]);
    expect(killed.signal ?? killed.status).not.toBe(0);
    const fill = lastJson<Fill>(slice.run(work('fill')));
    expect(fill).toMatchObject({ allocated_mib: 1024, refused_code: OOM, goes_on: true });
    expect(slice.region().devices[0]?.peakBytes).toBeLessThanOrEqual(1024 * MIB);
  });

  it('is told from a living one across pid namespaces, as after a restart of the container', async () => {
    const slice = aSlice(1024);
    const inItsOwnPids = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const holder = slice.start([...inItsOwnPids, ...work('alloc', '1000', '--hold', '60')]);
    await firstLine(holder);
    const beside = lastJson<Info>(slice.run([...inItsOwnPids, ...work('info')])).devices[0];
    expect(beside).toMatchObject({ cuda_free_bytes: 24 * MIB, nvml_used_bytes: 1000 * MIB });
    // We kill unshare; its child dies a moment later, and lets go of the pipe then.
    const hasLetGo = new Promise((resolve) => holder.once('close', resolve));
    holder.kill('SIGKILL');
    await hasLetGo;
    const fill = lastJson<Fill>(slice.run([...inItsOwnPids, ...work('fill')]));
    expect(fill).toMatchObject({ allocated_mib: 1024, goes_on: true });
  });

  it('is not reaped by two at once: one at work in another pid namespace is waited for until he dies', async () => {
    const slice = aSlice(1024);
    const holder = slice.start(work('alloc', '1024', '--hold', '60'));
    await firstLine(holder);
    const reaper = slice.start([`${BUILT}/bin/hold-reaper`, '/usr/local/kerf/region']);
    await firstLine(reaper);
    holder.kill('SIGKILL');
    await ended(holder);
    expect(lastJson(slice.run(work('alloc', '1')))).toMatchObject({ code: OOM });
    reaper.kill('SIGKILL');
    await ended(reaper);
    expect(lastJson<Fill>(slice.run(work('fill')))).toMatchObject({ allocated_mib: 1024, goes_on: true });
  });

  it('is not seen in free memory any more, before anybody allocates', async () => {
    const slice = aSlice(1024);
    const holder = slice.start(work('alloc', '1000', '--hold', '60'));
    await firstLine(holder);
    holder.kill('SIGKILL');
    await ended(holder);
    const [device] = lastJson<Info>(slice.run(work('info'))).devices;
    expect(device?.cuda_free_bytes).toBe(1024 * MIB);
    expect(device?.nvml_used_bytes).toBe(0);
  });
});

describe('every road to the driver', () => {
  it.each([
    ['dlopen by name', ['dlopen']],
    ['dlopen by path', ['path', PATHS.fakeCuda]],
    ['dlsym of the global scope', ['default']],
    ['dlsym found by dlvsym', ['dlvsym']],
    ['cuGetProcAddress', ['proc']],
    ['a library opened with RTLD_DEEPBIND', ['deepbind', `${BUILT}/bin/libdeep.so`]],
  ])('%s leads through the limit', (_name, args) => {
    const seen = lastJson<{ total_bytes: number; code: number }>(
      aSlice().run([`${BUILT}/bin/callers`, ...args]),
    );
    expect(seen).toMatchObject({ total_bytes: 4096 * MIB, code: OOM });
  });

  it('linked programs too, for CUDA and both forms of NVML memory info', () => {
    expect(lastJson(aSlice().run([`${BUILT}/bin/needed`]))).toMatchObject({
      code: 0,
      total_bytes: 4096 * MIB,
      nvml_code: 0,
      nvml_total_bytes: 4096 * MIB,
      nvml_v2_total_bytes: 4096 * MIB,
      null_code: 2,
    });
  });
});

describe('the driver’s own behaviour', () => {
  it('stays as it is: errors, contexts, mappings, pools, proc addresses, threads, fork and exec', () => {
    const slice = aSlice(2048);
    expect(lastJson(slice.run([`${BUILT}/bin/semantics`]))).toEqual({ held: true });
    expect(slice.region().devices[0]?.peakBytes).toBe(2048 * MIB);
  });
});

describe('memory from a pool', () => {
  it('counts on the pool’s device, whatever the stream’s', () => {
    const slice = machine.slice({ gpu: machine.gpu(0), mib: 2048 }, { gpu: machine.gpu(1), mib: 1024 });
    expect(lastJson(slice.run([`${BUILT}/bin/pools`]))).toEqual({ held: true });
    expect(
      slice
        .region()
        .devices.slice(0, 2)
        .map((device) => device.peakBytes / MIB),
    ).toEqual([2048, 1024]);
  });
});

describe('a child forked while its parent opens the driver', () => {
  it('opens it itself, and does not wait for a thread it has not', () => {
    const env = { LD_LIBRARY_PATH: `${BUILT}/bin/forking` };
    expect(lastJson(aSlice().run([`${BUILT}/bin/ask-version`], { env }))).toEqual({ code: 0, version: 1 });
  });
});

describe('in doubt nothing is given', () => {
  const refused = (slice: Slice): void => {
    const info = lastJson<Info>(slice.run(work('info')));
    expect(info.code).toBe(NO_DEVICE);
    expect(lastJson<{ code: number }>(slice.run(work('alloc', '1'))).code).toBe(NO_DEVICE);
  };

  it.each(['limits', 'region'])('no %s: no device', (name) => {
    const slice = aSlice();
    slice.remove(name);
    refused(slice);
  });

  it.each([
    ['an empty page', 'limits', new Uint8Array(4096)],
    ['a short page', 'limits', new Uint8Array(12)],
    ['a page of noise', 'limits', new Uint8Array(4096).fill(0xa5)],
    ['a region of zeros', 'region', new Uint8Array(299_008)],
    ['a short region', 'region', new Uint8Array(4096)],
    ['a grown region', 'region', new Uint8Array(300_000)],
  ])('%s: no device', (_what, name, bytes) => {
    const slice = aSlice();
    slice.write(name, bytes, name === 'limits' ? 0o444 : 0o666);
    refused(slice);
  });

  it('a device whose node is there but which the page does not name has no memory and no context', () => {
    const slice = machine.slice({ gpu: machine.gpu(0), mib: 4096 }, { gpu: machine.gpu(1), mib: 4096 });
    slice.grant({ gpu: machine.gpu(0), mib: 4096 });
    const [granted, stranger] = lastJson<Info>(slice.run(work('info'))).devices;
    expect(granted?.cuda_total_bytes).toBe(4096 * MIB);
    expect(stranger).toMatchObject({ code: 101, cuda_total_bytes: 0, nvml_total_bytes: 0 });
  });
});

describe('what is left alone', () => {
  it.each(['static', 'musl'])('a %s program runs and is not reached: its slice is unenforced', (kind) => {
    const ran = aSlice().run([`${BUILT}/kerf-workload-${kind}`]);
    expect(lastJson(ran)).toEqual({ verb: 'unpreloaded', is_preloaded: false });
  });

  it('a container without driver: no device, no crash', () => {
    const slice = machine.slice();
    slice.write('ld.so.cache', '', 0o644);
    expect(lastJson<Info>(slice.run(work('info')))).toMatchObject({ code: NO_DEVICE, devices: [] });
    expect(lastJson(slice.run([`${BUILT}/bin/needed`]))).toMatchObject({
      code: NO_DEVICE,
      nvml_code: 12,
      nvml_text: 'NVML Shared Library Not Found',
    });
  });

  it('programs that never touch CUDA do not open page, region or driver', () => {
    const ran = aSlice().run(['cat', '/proc/self/maps']);
    expect(ran.stdout).toContain('/usr/local/kerf/libkerf.so');
    expect(ran.stdout).not.toMatch(/kerf\/(limits|region)|libcuda|libnvidia-ml/);
  });
});
