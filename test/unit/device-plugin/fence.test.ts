// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { fence, type Holder } from '../../../device-plugin/fence.js';
import type { Slice } from '../../../src/core/placement.js';
import { mib, milliCores } from '../../../src/core/units.js';
import { aPlacement, aSlice, GPU_A, GPU_B, twoDevices } from '../../builders/slots.js';

const holder = (podUid: string, slices: readonly Slice[]): Holder => ({
  podUid,
  containers: [{ name: 'a', kind: 'app' }],
  placement: aPlacement({ a: slices }),
});

const devices = twoDevices();
const many = (count: number, slice: Slice): Holder[] =>
  Array.from({ length: count }, (_, at) => holder(`uid-${at}`, [slice]));

describe('the last fence', () => {
  it.each([
    ['room is left', many(3, aSlice(GPU_A, 10_000, 300)), aSlice(GPU_A, 10_960, 100)],
    ['the device is empty', [], aSlice(GPU_A, 40_960, 1000)],
    ['the other device is full', [holder('x', [aSlice(GPU_B, 40_960, 1000)])], aSlice(GPU_A, 1, 0)],
    [
      'the pod itself is what was held',
      [holder('me', [aSlice(GPU_A, 40_960, 1000)])],
      aSlice(GPU_A, 40_960, 1000),
    ],
  ])('lets pass when %s', (_, held, slice) => {
    expect(fence(devices, held, holder('me', [slice]))).toEqual({ ok: true, value: undefined });
  });

  it.each([
    [
      'memory',
      many(2, aSlice(GPU_A, 20_000, 0)),
      aSlice(GPU_A, 961, 0),
      '40000 of 40960 MiB are held, 961 more do not fit',
    ],
    [
      'compute',
      many(2, aSlice(GPU_A, 1, 450)),
      aSlice(GPU_A, 1, 101),
      '90 of 100 percent are held, 10.1 more do not fit',
    ],
    [
      'slices',
      many(10, aSlice(GPU_A, 1, 0)),
      aSlice(GPU_A, 1, 0),
      '10 of 10 slices are held, 1 more do not fit',
    ],
    [
      'a whole device held',
      [holder('x', [aSlice(GPU_A, 40_960, 0)])],
      aSlice(GPU_A, 0, 0),
      'another pod has it alone',
    ],
    [
      'a device that another pod has alone, however little of it',
      [holder('x', [{ ...aSlice(GPU_A, 1, 0), isAlone: true }])],
      aSlice(GPU_A, 1, 0),
      'another pod has it alone',
    ],
    [
      'a neighbour where the slice is to be alone',
      many(1, aSlice(GPU_A, 1, 0)),
      { ...aSlice(GPU_A, 1, 0), isAlone: true },
      'wanted alone, but 1 slices are held on it',
    ],
    [
      'a whole device wanted',
      many(1, aSlice(GPU_A, 1, 0)),
      aSlice(GPU_A, 1, 1000),
      'wanted alone, but 1 slices are held on it',
    ],
  ])('refuses for %s', (_, held, slice, why) => {
    expect(fence(devices, held, holder('me', [slice]))).toEqual({
      ok: false,
      error: `device ${GPU_A}: ${why}; the pod must be placed again`,
    });
  });

  const wide = (slice: Slice): Slice => ({
    ...slice,
    of: { memory: mib(61_440), cores: milliCores(2000), splits: 20 },
  });

  it.each([
    ['memory', many(2, aSlice(GPU_A, 20_000, 0)), aSlice(GPU_A, 21_440, 0)],
    ['compute', many(2, aSlice(GPU_A, 1, 900)), aSlice(GPU_A, 1, 200)],
    ['slices', many(19, aSlice(GPU_A, 1, 0)), aSlice(GPU_A, 1, 0)],
  ])('lets pass what the scheduler gave beyond the device: %s', (_, held, slice) => {
    expect(fence(devices, held, holder('me', [wide(slice)])).ok).toBe(true);
    expect(fence(devices, held, holder('me', [slice])).ok).toBe(false);
  });

  it('refuses what passes even that, and never goes below the device', () => {
    const crowd = many(2, aSlice(GPU_A, 20_000, 0));
    expect(fence(devices, crowd, holder('me', [wide(aSlice(GPU_A, 21_441, 0))]))).toEqual({
      ok: false,
      error: `device ${GPU_A}: 40000 of 61440 MiB are held, 21441 more do not fit; the pod must be placed again`,
    });
    const narrow = { memory: mib(1), cores: milliCores(1), splits: 1 };
    expect(fence(devices, crowd, holder('me', [{ ...aSlice(GPU_A, 960, 0), of: narrow }])).ok).toBe(true);
  });

  it('refuses a device that is not here', () => {
    expect(fence(devices, [], holder('me', [aSlice('GPU-x')]))).toEqual({
      ok: false,
      error: 'device GPU-x of the placement is not on this node',
    });
  });

  it('counts an init container beside nobody, and apps together', () => {
    const pod: Holder = {
      podUid: 'me',
      containers: [
        { name: 'i', kind: 'init' },
        { name: 'a', kind: 'app' },
        { name: 'b', kind: 'app' },
      ],
      placement: aPlacement({
        i: [aSlice(GPU_A, 30_000, 0)],
        a: [aSlice(GPU_A, 10_000, 0)],
        b: [aSlice(GPU_A, 10_000, 0)],
      }),
    };
    expect(fence(devices, many(1, aSlice(GPU_A, 10_960, 0)), pod).ok).toBe(true);
    expect(fence(devices, many(1, aSlice(GPU_A, 10_961, 0)), pod).ok).toBe(false);
  });
});
