// SPDX-License-Identifier: Apache-2.0
// What ROCm SMI tells beyond what every probe does (test/contract/probes.test.ts).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linksOf } from '../../device-plugin/links.js';
import { deviceOf } from '../../device-plugin/probe.js';
import { amdProbe } from '../../src/adapters/probes/amd/probe.js';
import type { DeviceProbe } from '../../src/adapters/probes/contract.js';
import { buildNative, fakeAmd, type FakeGpu, makeAmdMachine, PATHS } from './build.js';

const MIB = 1_048_576;

let folder: string;
let gpus: readonly FakeGpu[];
let probe: DeviceProbe;

beforeAll(() => {
  buildNative();
  folder = mkdtempSync(join(tmpdir(), 'kerf-amd-'));
  gpus = makeAmdMachine(folder, 'MI300X-192G*2', 'MI210-64G');
  probe = amdProbe({
    library: PATHS.fakeRocmSmi,
    timeoutMs: 10_000,
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, KERF_FAKE_DIR: folder },
  });
}, 120_000);

afterAll(async () => {
  await probe.close();
  rmSync(folder, { recursive: true, force: true });
});

const idOf = (at: number): string => gpus[at]?.uuid ?? '';

describe('ROCm SMI', () => {
  it('tells how much of each device is used and how busy it is', async () => {
    fakeAmd('use', folder, idOf(1), '4096', '73');
    const devices = await probe.devices();
    expect(
      devices.map(({ memoryUsedBytes, utilizationPercent }) => [memoryUsedBytes, utilizationPercent]),
    ).toEqual([
      [0, 0],
      [4096 * MIB, 73],
      [0, 0],
    ]);
  });

  it('tells uncorrectable errors of the memory as the device’s error, for as long as they are counted', async () => {
    fakeAmd('fault', folder, idOf(2), '3');
    expect((await probe.devices()).map(({ error }) => error)).toEqual([null, null, 'RAS_UNCORRECTABLE_UMC']);
    fakeAmd('heal', folder, idOf(2));
    expect((await probe.devices()).map(({ error }) => error)).toEqual([null, null, null]);
  });

  it('tells xGMI of those in a hive; of the others the inventory says what NUMA says', async () => {
    const peers = await probe.peers();
    expect([...peers]).toEqual([
      [idOf(0), new Map([[idOf(1), 'XGMI']])],
      [idOf(1), new Map([[idOf(0), 'XGMI']])],
    ]);
    const nodes = (await probe.devices()).map((told) => deviceOf(told, { vendor: 'amd', splits: 10, peers }));
    expect(linksOf(nodes)).toEqual([['XGMI', 'NODE'], ['NODE']]);
  });

  it('sees a device that comes, without being started anew', async () => {
    const path = join(folder, 'amd', 'gpus');
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, before.replace(/\[gpu\](?![\s\S]*\[gpu\])[\s\S]*$/, ''));
    const afterLooks = async (): Promise<number> => {
      for (let look = 0; look < 12; look++) await probe.devices();
      return (await probe.devices()).length;
    };
    expect(await afterLooks()).toBe(2);
    writeFileSync(path, before);
    expect(await afterLooks()).toBe(3);
  });
});
