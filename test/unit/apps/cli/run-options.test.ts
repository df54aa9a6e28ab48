// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Misused } from '../../../../src/apps/cli/io.js';
import { nameOf, type RunFlags, readCores, readWish } from '../../../../src/apps/cli/run-options.js';

describe('what `kerf run` is asked', () => {
  it.each<[RunFlags, object]>([
    [{}, { deviceId: null, memory: { permille: 1000 }, burst: null, cores: 0 }],
    [
      { gpuMem: '4Gi', gpuCores: '30' },
      { memory: { memory: 4096 }, cores: 300 },
    ],
    [
      { gpuMem: '3000', gpuCores: '5%' },
      { memory: { memory: 3000 }, cores: 50 },
    ],
    [
      { gpuMem: '25%', gpuMemBurst: '8Gi' },
      { memory: { permille: 250 }, burst: { memory: 8192 } },
    ],
    [
      { gpuMem: '1.5Gi', device: 'GPU-a' },
      { deviceId: 'GPU-a', memory: { memory: 1536 } },
    ],
  ])('%j means %j', (flags, wish) => expect(readWish(flags)).toMatchObject(wish));

  it.each<[RunFlags, string]>([
    [
      { gpuMem: 'much' },
      '--gpu-mem is much: want MiB such as 3000, a quantity such as 4Gi, or a share such as 25%',
    ],
    [{ gpuMem: '0' }, '--gpu-mem is 0: want MiB'],
    [{ gpuMem: '-1Gi' }, '--gpu-mem is -1Gi: want MiB'],
    [{ gpuMem: '101%' }, '--gpu-mem is 101%: want 1% to 100%'],
    [{ gpuMemBurst: 'x' }, '--gpu-mem-burst is x: want MiB'],
    [{ gpuCores: '101' }, '--gpu-cores is 101: want whole percent, 0 to 100'],
    [{ gpuCores: '2.5' }, '--gpu-cores is 2.5: want whole percent, 0 to 100'],
  ])('%j is wrong usage', (flags, text) => {
    expect(() => readWish(flags)).toThrow(Misused);
    expect(() => readWish(flags)).toThrow(text);
  });

  it('leaves compute as it is where it says nothing of it', () => expect(readCores(undefined)).toBeNull());

  it.each<[string | undefined, readonly string[], string]>([
    ['mine', ['x'], 'mine'],
    [undefined, ['/usr/bin/Python3.11', 'a.py'], 'python3-11-ab12'],
    [undefined, ['π'], 'slice-ab12'],
  ])('%j of %j is named %s', (name, command, want) => {
    expect(nameOf(name === undefined ? {} : { name }, command, 'ab12')).toBe(want);
  });

  it.each(['../x', 'A', '-a', ''])('%j is no name', (name) => {
    expect(() => nameOf({ name }, ['x'], 'ab12')).toThrow('want small letters, digits, dots and dashes');
  });
});
