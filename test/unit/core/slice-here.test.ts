// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { placeHere, type SliceHere, WHOLE_MEMORY, type WishHere } from '../../../src/core/slice-here.js';
import { mib, milliCores } from '../../../src/core/units.js';

const DEVICES = [
  { id: 'GPU-a', memory: mib(1000) },
  { id: 'GPU-b', memory: mib(2000) },
];

const aWish = (changes: Partial<WishHere> = {}): WishHere => ({
  deviceId: null,
  memory: { memory: mib(600) },
  burst: null,
  cores: milliCores(0),
  ...changes,
});

const held = (deviceId: string, memory: number, cores = 0, ceiling = memory): SliceHere => ({
  deviceId,
  guaranteed: mib(memory),
  ceiling: mib(ceiling),
  cores: milliCores(cores),
});

describe('one more slice', () => {
  it.each<[string, Partial<WishHere>, readonly SliceHere[], Partial<SliceHere>]>([
    ['lies on the first device', {}, [], { deviceId: 'GPU-a', guaranteed: mib(600), ceiling: mib(600) }],
    ['passes by a full one', {}, [held('GPU-a', 500)], { deviceId: 'GPU-b' }],
    ['fits to the last MiB', {}, [held('GPU-a', 400)], { deviceId: 'GPU-a' }],
    ['lies on the device that is named', { deviceId: 'GPU-b' }, [], { deviceId: 'GPU-b' }],
    ['takes a share, rounded up', { memory: { permille: 333 } }, [], { guaranteed: mib(333) }],
    ['takes all where nothing is asked', { memory: WHOLE_MEMORY }, [], { guaranteed: mib(1000) }],
    ['counts what is promised, not what is lent', {}, [held('GPU-a', 400, 0, 1000)], { deviceId: 'GPU-a' }],
    [
      'may have a ceiling above',
      { burst: { memory: mib(900) } },
      [],
      { guaranteed: mib(600), ceiling: mib(900) },
    ],
  ])('%s', (_name, wish, slices, want) => {
    expect(placeHere(DEVICES, slices, aWish(wish))).toMatchObject({ ok: true, value: want });
  });

  it.each<[Partial<WishHere>, readonly SliceHere[], string]>([
    [{ deviceId: 'GPU-a' }, [held('GPU-a', 500)], 'memory short on GPU-a: 600 MiB wanted, 500 MiB free'],
    [
      { memory: { memory: mib(3000) }, deviceId: 'GPU-b' },
      [],
      'GPU-b is too small: 3000 MiB wanted, 2000 MiB in all',
    ],
    [{ deviceId: 'GPU-c' }, [], 'device GPU-c is not on this machine: want one of GPU-a, GPU-b'],
    [
      { deviceId: 'GPU-a', burst: { memory: mib(1) } },
      [],
      'burst is 1 MiB: want at least the 600 MiB guaranteed',
    ],
    [
      { deviceId: 'GPU-b', cores: milliCores(500) },
      [held('GPU-b', 1, 600)],
      'compute short on GPU-b: 50 % wanted, 40 % free',
    ],
    [
      {},
      [held('GPU-a', 900), held('GPU-b', 1900)],
      'memory short on GPU-a: 600 MiB wanted, 100 MiB free; memory short on GPU-b: 600 MiB wanted, 100 MiB free',
    ],
  ])('%j is refused with a sentence', (wish, slices, error) => {
    expect(placeHere(DEVICES, slices, aWish(wish))).toEqual({ ok: false, error });
  });

  it('is refused where there is no device', () => {
    expect(placeHere([], [], aWish())).toEqual({
      ok: false,
      error: 'the driver shows no device on this machine',
    });
  });
});
