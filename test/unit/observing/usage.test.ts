// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { usageOf } from '../../../src/observing/usage.js';
import { aBrokenRegion, aNode, aReading, aRegion, aSlice, aSlot, MIB } from './readings.js';

const pod = (uid: string) => ({ namespace: 'a', name: uid, uid });

describe('usage', () => {
  it('joins a slice with its device’s counters by its place on the limits page', () => {
    const slots = [aSlot({ slices: [aSlice('GPU-2', 100), aSlice('GPU-1', 200)] })];
    const regions = new Map([['s1', aRegion({ usedBytes: 7 * MIB }, { usedBytes: 9 * MIB, refusals: 2 })]]);
    const { slices } = usageOf(aNode({ slots, regions }));
    expect(slices).toMatchObject([
      { deviceId: 'GPU-2', memory: 100, used: { usedBytes: 7 * MIB } },
      { deviceId: 'GPU-1', memory: 200, used: { usedBytes: 9 * MIB, refusals: 2 } },
    ]);
  });

  it.each([
    ['without a region', new Map(), 'there is no region'],
    ['with a broken region', new Map([['s1', aBrokenRegion('region magic is 0')]]), 'region magic is 0'],
    ['with a region of too few devices', new Map([['s1', aRegion()]]), 'the region has no device 0'],
    [
      'with a region that claims more than the device has',
      new Map([['s1', aRegion({ usedBytes: 40_961 * MIB })]]),
      'the region claims more than the device has',
    ],
    [
      'with a region whose peak cannot be',
      new Map([['s1', aRegion({ peakBytes: 2 ** 47 })]]),
      'the region claims more than the device has',
    ],
  ])('knows no figures %s, and says why', (_, regions, problem) => {
    expect(usageOf(aNode({ regions })).slices).toMatchObject([{ used: null, problem }]);
  });

  it('still tells the slices when the driver does not answer', () => {
    const usage = usageOf(aNode({ devices: [] }));
    expect(usage).toMatchObject({ devices: [], slices: [{ used: { usedBytes: MIB } }] });
  });

  it('adds up what pods were granted on each device', () => {
    const slots = [
      aSlot({ slot: 's1', pod: pod('u1'), slices: [aSlice('GPU-1', 1000, 10)] }),
      aSlot({ slot: 's2', pod: pod('u2'), slices: [aSlice('GPU-1', 500, 20), aSlice('GPU-2', 300, 5)] }),
    ];
    const devices = [aReading({ id: 'GPU-1' }), aReading({ id: 'GPU-2' }), aReading({ id: 'GPU-3' })];
    expect(usageOf(aNode({ devices, slots })).devices).toMatchObject([
      { grantedMemory: 1500, grantedCores: 300, slices: 2 },
      { grantedMemory: 300, grantedCores: 50, slices: 1 },
      { grantedMemory: 0, grantedCores: 0, slices: 0 },
    ]);
  });

  it('counts a pod as the ledger does: the init container overlaps the apps', () => {
    const slots = [
      aSlot({ slot: 's1', container: 'init', kind: 'init', slices: [aSlice('GPU-1', 8192, 10)] }),
      aSlot({ slot: 's2', container: 'a', slices: [aSlice('GPU-1', 4096, 30)] }),
      aSlot({ slot: 's3', container: 'b', slices: [aSlice('GPU-1', 1024, 0)] }),
    ];
    expect(usageOf(aNode({ slots })).devices).toMatchObject([{ grantedMemory: 8192, grantedCores: 300 }]);
  });
});
