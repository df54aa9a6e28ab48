// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BUCKET_MS,
  countUsage,
  emptyUsage,
  nextBucket,
  type Seen,
  type SliceSeen,
  type UsageLedger,
} from '../../../src/core/usage-ledger.js';
import { mib, milliCores } from '../../../src/core/units.js';

const GIB = 2 ** 30;
const DEVICE = { id: 'GPU-1', model: 'A100', memory: mib(40_960), busyShare: null };

function aSlice(change: Partial<SliceSeen> = {}): SliceSeen {
  return {
    ...{
      key: 's1/0',
      namespace: 'a',
      pod: 'p',
      uid: 'u',
      container: 'main',
      workload: '',
      deviceId: 'GPU-1',
    },
    ...{ memory: mib(8192), cores: milliCores(250), busyNs: 0, usedBytes: 2 * GIB },
    ...change,
  };
}

/** A look so many seconds after the boot. */
const at = (seconds: number, change: Partial<Seen> = {}): Seen => ({
  ...{
    atMs: seconds * 1000,
    upNs: seconds * 1e9,
    boot: 'b1',
    devices: [DEVICE],
    isPartial: false,
    slices: [aSlice()],
  },
  ...change,
});

const counted = (...looks: readonly Seen[]): UsageLedger => looks.reduce(countUsage, emptyUsage(0));
const sumOf = ({ bucket }: UsageLedger): number =>
  bucket.devices.reduce(
    (sum, device) => sum + device.usedSeconds + device.unattributedSeconds + device.idleSeconds,
    0,
  );

describe('device time', () => {
  it('of a slice is its share by what was granted, and by what its counter grew', () => {
    const { bucket } = counted(at(0), at(4, { slices: [aSlice({ busyNs: 5e8 })] }));
    expect(bucket.slices).toMatchObject([
      { grantedGpuSeconds: 1, usedGpuSeconds: 0.5, grantedGiBSeconds: 32, usedGiBSeconds: 8 },
    ]);
    expect(bucket.devices).toMatchObject([{ physicalSeconds: 4, usedSeconds: 0.5, idleSeconds: 3.5 }]);
  });

  it('of a slice without a compute limit is granted by its share of the memory', () => {
    const free = aSlice({ cores: milliCores(0), memory: mib(10_240) });
    expect(counted(at(0), at(8, { slices: [free] })).bucket.slices).toMatchObject([{ grantedGpuSeconds: 2 }]);
  });

  it.each<[string, Partial<SliceSeen>, number]>([
    ['counts nothing of before the first look', { busyNs: 7e9 }, 0],
    ['takes a counter that fell for a container that started again', { busyNs: 1e9 }, 1],
    ['is never more than passed', { busyNs: 1e12 }, 2],
    ['is nothing where nobody counts', { busyNs: null }, 0],
  ])('%s', (_title, change, expected) => {
    const first = at(1, { slices: [aSlice({ busyNs: 7e9 })] });
    const { bucket } = counted(first, at(3, { slices: [aSlice(change)] }));
    expect(bucket.slices[0]?.usedGpuSeconds).toBe(expected);
  });

  it('of a device is divided among slices that claim more than passed', () => {
    const greedy = [aSlice({ busyNs: 6e9 }), aSlice({ key: 's2/0', uid: 'v', busyNs: 2e9 })];
    const zero = greedy.map((slice) => ({ ...slice, busyNs: 0 }));
    const { bucket } = counted(at(0, { slices: zero }), at(2, { slices: greedy }));
    expect(bucket.slices.map(({ usedGpuSeconds }) => usedGpuSeconds)).toEqual([1, 1]);
    expect(bucket.devices).toMatchObject([{ usedSeconds: 2, idleSeconds: 0 }]);
  });

  it('that the driver saw busy beyond all slices is unattributed', () => {
    const busy = [{ ...DEVICE, busyShare: 0.75 }];
    const { bucket } = counted(at(0), at(4, { devices: busy, slices: [aSlice({ busyNs: 1e9 })] }));
    expect(bucket.devices).toMatchObject([{ usedSeconds: 1, unattributedSeconds: 2, idleSeconds: 1 }]);
  });

  it.each<[string, Seen]>([
    ['the driver is silent', at(4, { devices: null, slices: [] })],
    ['one of the drivers is silent', at(4, { devices: [], isPartial: true, slices: [] })],
    ['nobody looked for long', at(900, { slices: [] })],
  ])('is unattributed where %s', (_title, look) => {
    const { bucket } = counted(at(0), look);
    expect(bucket.devices).toMatchObject([{ unattributedSeconds: look.upNs / 1e9, idleSeconds: 0 }]);
  });

  it('ends with a device that the driver does not show any more', () => {
    expect(counted(at(0), at(4, { devices: [], slices: [] })).bucket.devices).toMatchObject([
      { physicalSeconds: 0 },
    ]);
  });

  it('does not pass over a reboot', () => {
    expect(counted(at(50), at(3, { boot: 'b2' })).bucket.devices).toMatchObject([{ physicalSeconds: 0 }]);
  });

  it('goes on in the next bucket from the same cursor, for the same devices', () => {
    const next = nextBucket(counted(at(0), at(2)), BUCKET_MS + 5);
    expect(next.bucket).toMatchObject({ fromMs: BUCKET_MS, slices: [], devices: [{ physicalSeconds: 0 }] });
    expect(countUsage(next, at(5)).bucket.devices).toMatchObject([{ physicalSeconds: 3 }]);
  });

  it('of slices, unattributed and idle is the physical time, whatever anybody says', () => {
    fc.assert(
      fc.property(fc.array(someLook, { maxLength: 20 }), (looks) => {
        let seconds = 0;
        const ledger = counted(
          ...looks.map(({ passed, ...said }) => {
            seconds += passed;
            return at(seconds, said);
          }),
        );
        const { devices, slices } = ledger.bucket;
        const physical = devices.reduce((sum, device) => sum + device.physicalSeconds, 0);
        const byDevices = devices.reduce((sum, device) => sum + device.usedSeconds, 0);
        const bySlices = slices.reduce((sum, slice) => sum + slice.usedGpuSeconds, 0);
        expect(sumOf(ledger)).toBeCloseTo(physical, 6);
        expect(bySlices).toBeCloseTo(byDevices, 6);
        expect(devices.every(({ idleSeconds }) => idleSeconds >= 0)).toBe(true);
      }),
    );
  });
});

const share = fc.option(fc.double({ min: 0, max: 1, noNaN: true }));
const someDevices = fc
  .tuple(share, share)
  .map((shares) => shares.map((busyShare, at) => ({ ...DEVICE, id: `GPU-${at + 1}`, busyShare })));
const someSlices = fc
  .array(fc.option(fc.double({ min: 0, max: 1e10, noNaN: true })), { maxLength: 6 })
  .map((counters) =>
    counters.map((busyNs, at) =>
      aSlice({ key: `s${at}/0`, uid: `u${at}`, deviceId: `GPU-${(at % 2) + 1}`, busyNs }),
    ),
  );
const someLook = fc.record({
  passed: fc.double({ min: 0, max: 20, noNaN: true }),
  devices: fc.option(someDevices, { freq: 8 }),
  slices: someSlices,
});
