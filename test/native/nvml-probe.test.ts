// SPDX-License-Identifier: Apache-2.0
// What NVML tells beyond what every probe does (test/contract/probes.test.ts).
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type NvmlProbe, type NvmlProbeOptions, nvmlProbe } from '../../src/adapters/nvml/probe.js';
import { buildNative, type FakeGpu, makeMachine, PATHS } from './build.js';

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
});
