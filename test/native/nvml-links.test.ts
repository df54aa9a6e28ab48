// SPDX-License-Identifier: Apache-2.0
// How devices are linked, asked through the addon of machines whose boards are rows of native/fake/links.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linksOf } from '../../device-plugin/links.js';
import { deviceOf } from '../../device-plugin/probe.js';
import { peersOf } from '../../src/adapters/nvml/links.js';
import { nvmlProbe } from '../../src/adapters/nvml/probe.js';
import { buildNative, fakeGpus, makeLinkedMachine, makeMachine, PATHS } from './build.js';

let folder: string;

beforeAll(() => {
  buildNative();
  folder = mkdtempSync(join(tmpdir(), 'kerf-links-'));
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the inventory of the machine says of links, one text a row. */
async function told(machine: string): Promise<readonly string[] | null> {
  const probe = nvmlProbe({
    ...{ addonPath: PATHS.addon, library: PATHS.fakeNvml, timeoutMs: 10_000 },
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, KERF_FAKE_DIR: join(folder, machine) },
  });
  const [devices, links] = [await probe.devices(), await probe.links()];
  await probe.close();
  const peers = peersOf(links);
  const named = devices.map((device) => deviceOf(device, { vendor: 'nvidia', splits: 10, peers }));
  return linksOf(named)?.map((row) => row.join(' ')) ?? null;
}

const make = (machine: string, count: number, board: string) =>
  makeLinkedMachine(join(folder, machine), `A100-40G*${count}`, board);

/** Changes the machine's text as one would the wires. */
function rewire(machine: string, change: (text: string) => string): void {
  const path = join(folder, machine, 'gpus');
  const text = readFileSync(path, 'utf8');
  expect(change(text)).not.toBe(text);
  writeFileSync(path, change(text));
}

describe('the links the driver tells', () => {
  it('of eight GPUs behind NVSwitches are NV18 everywhere', async () => {
    make('hgx', 8, 'HGX-NVSWITCH');
    expect(await told('hgx')).toEqual(
      [7, 6, 5, 4, 3, 2, 1].map((count) => Array(count).fill('NV18').join(' ')),
    );
  });

  it('of a hybrid cube mesh are its NVLinks, and elsewhere PCIe and the sockets', async () => {
    make('mesh', 8, 'DGX-1V');
    expect(await told('mesh')).toEqual([
      'NV1 NV1 NV2 NV2 SYS SYS SYS',
      'NV2 NV1 SYS NV2 SYS SYS',
      'NV2 SYS SYS NV1 SYS',
      'SYS SYS SYS NV1',
      'NV1 NV1 NV2',
      'NV2 NV1',
      'NV2',
    ]);
  });

  it('of two bridged pairs are NV12 within a pair', async () => {
    make('pairs', 4, 'NVLINK-PAIRS');
    expect(await told('pairs')).toEqual(['NV12 SYS SYS', 'SYS SYS', 'NV12']);
  });

  it('of a box without NVLinks are PCIe switches, NUMA nodes and the way between sockets', async () => {
    make('pcie', 6, 'PCIE-TWO-SOCKETS');
    expect(await told('pcie')).toEqual([
      'PIX NODE SYS SYS SYS',
      'NODE SYS SYS SYS',
      'SYS SYS SYS',
      'NODE NODE',
      'PIX',
    ]);
  });

  it('of a single GPU are none', async () => {
    makeMachine(join(folder, 'single'), 'T4-16G');
    expect(await told('single')).toBeNull();
  });

  it('of which the two ends differ are not believed', async () => {
    make('torn', 4, 'NVLINK-PAIRS');
    rewire('torn', (text) => text.replace('nvlinks=1*12', 'nvlinks=1*8'));
    expect(await told('torn')).toEqual(['NODE SYS SYS', 'SYS SYS', 'NV12']);
  });

  it('that lead to no GPU of this machine count for nothing', async () => {
    make('loose', 4, 'NVLINK-PAIRS');
    rewire('loose', (text) => text.replace('nvlinks=1*12', 'nvlinks=15*12'));
    expect(await told('loose')).toEqual(['NODE SYS SYS', 'SYS SYS', 'NV12']);
  });

  it('without those of a lost GPU still tell of its neighbours', async () => {
    const [first] = make('lost', 4, 'NVLINK-PAIRS');
    fakeGpus('fault', join(folder, 'lost'), first?.uuid ?? '', '79');
    const probed = await told('lost');
    expect(probed?.at(-1)).toBe('NV12');
  });
});
