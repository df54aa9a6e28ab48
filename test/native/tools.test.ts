// SPDX-License-Identifier: Apache-2.0
// Programs that look at GPUs as nvidia-smi does, and frameworks that size themselves by what they are told, in a slice of
// a device that others use too. The tools are the real ones of PyPI; the frameworks are their rules of sizing
// (native/test/tools/sizing.py), for the frameworks themselves want a real GPU.
import type { SpawnSyncReturns } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readWheels, unpackedWheel } from '../../native/symbols/wheels.js';
import { buildNative, ROOT } from './build.js';
import { lastJson, Machine, type Slice } from './slice.js';

const MIB = 1 << 20;
const LIMIT_MIB = 4096;
const TOOLS = `${ROOT}native/test/tools`;

let machine: Machine;
let slice: Slice;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G');
  slice = machine.slice({ gpu: machine.gpu(0), mib: LIMIT_MIB });
}, 300_000);
afterAll(() => machine?.end());

function python(...argv: readonly string[]): SpawnSyncReturns<string> {
  const folders = readWheels(new URL('tools.tsv', import.meta.url)).map(unpackedWheel);
  const env = { PYTHONPATH: folders.join(':'), PYTHONDONTWRITEBYTECODE: '1' };
  return slice.run(['python3', ...argv], { env });
}

describe('tools that look', () => {
  it('are told the slice by NVIDIA’s Python binding, in both forms, and this process alone', () => {
    const total = LIMIT_MIB * MIB;
    const ran = python(`${TOOLS}/nvml-ask.py`);
    expect(lastJson(ran)).toMatchObject({ count: 1, total, total_v2: total, others: 0 });
    const { used, used_v2, mine } = lastJson<{ used: number; used_v2: number; mine: number[] }>(ran);
    expect(used).toBeGreaterThanOrEqual(512 * MIB);
    expect(used_v2).toBe(used);
    expect(mine).toEqual([used]);
  });

  it('draw the slice: nvitop’s page, once', () => {
    const ran = python('-m', 'nvitop', '--once', '--ascii', '--colorful', '--force-color');
    expect(ran.status, ran.stderr).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    const page = ran.stdout.replace(/\x1b\[[0-9;]*m/g, '');
    expect(page).toContain('4096MiB');
    expect(page).not.toContain('40960MiB');
  });
});

interface Sized {
  readonly device: number;
  readonly total: number;
  readonly taken: number;
  readonly refused: number;
}

describe('programs that size themselves', () => {
  it.each([
    ['xla', 0.75, 0.75],
    ['tf', 0.9, 0.95],
    ['vllm', 0.89, 0.9],
  ])('find what the rule of %s takes', (rule, least, most) => {
    const sized = lastJson<Sized>(python(`${TOOLS}/sizing.py`, rule));
    const total = LIMIT_MIB * MIB;
    expect(sized).toMatchObject({ device: total, total, refused: 0 });
    expect(sized.taken / total).toBeGreaterThanOrEqual(least);
    expect(sized.taken / total).toBeLessThanOrEqual(most);
  });

  it('are refused at the limit, as an allocator of torch’s kind wants it, and go on', () => {
    const sized = lastJson<Sized>(python(`${TOOLS}/sizing.py`, 'torch'));
    expect(sized.refused).toBe(2);
    const [device] = slice.region().devices;
    expect(device?.peakBytes).toBeLessThanOrEqual(LIMIT_MIB * MIB);
    expect(device?.peakBytes).toBeGreaterThan((LIMIT_MIB - 40) * MIB);
  });
});
