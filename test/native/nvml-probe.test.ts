// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NvmlEvent } from '../../src/adapters/nvml/contract.js';
import { type NvmlProbe, type NvmlProbeOptions, nvmlProbe } from '../../src/adapters/nvml/probe.js';
import { eventually } from '../contract/probe-worlds.js';
import { buildNative, type FakeGpu, fakeGpus, makeMachine, PATHS } from './build.js';

const MIB = 1_048_576;

let folder: string;
let gpus: readonly FakeGpu[];
const probes: NvmlProbe[] = [];

beforeAll(() => {
  buildNative();
  folder = mkdtempSync(join(tmpdir(), 'kerf-nvml-'));
  gpus = makeMachine(join(folder, 'm'), 'A100-40G*2', 'H200-141G');
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

afterEach(async () => {
  await Promise.all(probes.splice(0).map((probe) => probe.close()));
});

function aProbe(changes: Partial<NvmlProbeOptions> = {}): NvmlProbe {
  const probe = nvmlProbe({
    addonPath: PATHS.addon,
    library: PATHS.fakeNvml,
    timeoutMs: 10_000,
    backoffMs: { first: 1, max: 20 },
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, KERF_FAKE_DIR: join(folder, 'm') },
    ...changes,
  });
  probes.push(probe);
  return probe;
}

/** A probe that listens, and what it hears next. */
async function anEar(): Promise<{ probe: NvmlProbe; next: () => Promise<NvmlEvent> }> {
  const heard: NvmlEvent[] = [];
  let wake = (): void => undefined;
  const onEvent = (event: NvmlEvent): void => {
    heard.push(event);
    wake();
  };
  const probe = aProbe({ onEvent });
  await probe.devices();
  const next = async (): Promise<NvmlEvent> => {
    while (heard.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return heard.shift() as NvmlEvent;
  };
  return { probe, next };
}

describe('the NVML probe', () => {
  it('an addon that is not there is a fault with its code', async () => {
    const probe = aProbe({ addonPath: '/nowhere/nvml.node' });
    await expect(probe.devices()).rejects.toMatchObject({ name: 'NvmlFault', code: 'NVML_ADDON_MISSING' });
  });

  it('keeps NVML names of errors: a device that is not there', async () => {
    await expect(aProbe().processes('GPU-none')).rejects.toMatchObject({ code: 'NVML_ERROR_NOT_FOUND' });
  });

  it('shows what processes hold, by their pid, until they end', async () => {
    const probe = aProbe();
    const holder = spawn(PATHS.workload, ['alloc', '1024', '--hold', '60', '--json'], {
      env: { ...process.env, LD_LIBRARY_PATH: PATHS.fakeFolder, KERF_FAKE_DIR: join(folder, 'm') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    expect(await probe.processes(gpus[0]?.uuid ?? '')).toEqual([{ pid: holder.pid, usedBytes: 1024 * MIB }]);
    expect((await probe.devices())[0]?.memoryUsedBytes).toBe(1024 * MIB);
    holder.kill('SIGKILL');
    await new Promise((resolve) => holder.once('exit', resolve));
    expect(await probe.processes(gpus[0]?.uuid ?? '')).toEqual([]);
    expect((await probe.devices())[0]?.memoryUsedBytes).toBe(0);
  });

  it.each([
    ['fault', '13', { kind: 'xid', code: 13 }],
    ['fault', '79', { kind: 'xid', code: 79 }],
    ['ecc', '', { kind: 'ecc', code: 0 }],
  ])('hears at once what a device tells: %s %s', async (verb, code, event) => {
    const { probe, next } = await anEar();
    fakeGpus(verb, join(folder, 'm'), gpus[1]?.uuid ?? '', ...(code === '' ? [] : [code]));
    expect(await next()).toEqual({ uuid: gpus[1]?.uuid, gpuInstance: null, ...event });
    fakeGpus('heal', join(folder, 'm'), gpus[1]?.uuid ?? '');
    expect((await probe.devices()).map(({ error }) => error)).toEqual([null, null, null]);
  });

  it('hears that some device is lost, and of the others afterwards', async () => {
    const { next } = await anEar();
    fakeGpus('lose', join(folder, 'm'), gpus[0]?.uuid ?? '');
    expect((await next()).kind).toBe('lost');
    fakeGpus('fault', join(folder, 'm'), gpus[2]?.uuid ?? '', '31');
    expect(await next()).toEqual({ kind: 'xid', uuid: gpus[2]?.uuid, code: 31, gpuInstance: null });
    fakeGpus('heal', join(folder, 'm'), gpus[0]?.uuid ?? '');
  });

  it('sees a device that came only when it is renewed, and hears of it then', async () => {
    fakeGpus('unplug', join(folder, 'm'), gpus[2]?.uuid ?? '');
    const { probe, next } = await anEar();
    expect(await probe.devices()).toHaveLength(2);
    fakeGpus('plug', join(folder, 'm'), gpus[2]?.uuid ?? '');
    expect(await probe.devices()).toHaveLength(2);
    await probe.renew();
    expect(await eventually(() => probe.devices())).toHaveLength(3);
    fakeGpus('fault', join(folder, 'm'), gpus[2]?.uuid ?? '', '74');
    expect(await next()).toMatchObject({ uuid: gpus[2]?.uuid, code: 74 });
  });

  it('tells a device whose node is gone as lost until it is renewed', async () => {
    const probe = aProbe();
    await probe.devices();
    fakeGpus('unplug', join(folder, 'm'), gpus[2]?.uuid ?? '');
    const lost = (await probe.devices()).map(({ error }) => error);
    await probe.renew();
    const renewed = await eventually(() => probe.devices());
    fakeGpus('plug', join(folder, 'm'), gpus[2]?.uuid ?? '');
    expect(lost).toEqual([null, null, 'NVML_ERROR_GPU_IS_LOST']);
    expect(renewed).toHaveLength(2);
  });

  it('tells what a device is cut to, once it is opened anew, and of the others that they are whole', async () => {
    const uuid = gpus[0]?.uuid ?? '';
    const probe = aProbe();
    const spec = (): string => readFileSync(join(folder, 'm', 'cdi', 'nvidia.json'), 'utf8');
    const whole = spec();
    fakeGpus('mig', join(folder, 'm'), uuid, '1g.5gb', '3g.20gb');
    const [cut, other] = await probe.devices();
    fakeGpus('mig', join(folder, 'm'), uuid, 'off');
    expect(spec()).toBe(whole);
    await probe.renew();
    const [again] = await eventually(() => probe.devices());
    expect([cut?.uuid, other?.instances, again?.instances]).toEqual([uuid, null, null]);
    expect(
      cut?.instances?.map(({ gpuSlices, memoryTotalBytes }) => [gpuSlices, memoryTotalBytes / MIB]),
    ).toEqual([
      [1, 4864],
      [3, 19_712],
    ]);
    expect(cut?.instances?.every((instance) => instance.uuid.startsWith('MIG-'))).toBe(true);
  });
});
