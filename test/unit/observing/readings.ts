// SPDX-License-Identifier: Apache-2.0
// Builders of what a node's monitor reads; each names only what matters.
import { err, ok, type Result } from '../../../src/core/result.js';
import { mib, milliCores } from '../../../src/core/units.js';
import type { DeviceReading, NodeReadings } from '../../../src/observing/usage.js';
import {
  decodeRegion,
  emptyRegion,
  NO_COMPUTE,
  type Region,
  type RegionDevice,
} from '../../../src/wire/region.js';
import type { SlotRecord } from '../../../src/wire/slots.js';

export const MIB = 1_048_576;

export const aSlice = (deviceId = 'GPU-1', memoryMiB = 4096, corePercent = 30) => ({
  deviceId,
  memory: mib(memoryMiB),
  cores: milliCores(corePercent * 10),
  isHigh: false,
  isAlone: false,
});

export const aSlot = (change: Partial<SlotRecord> = {}): SlotRecord => ({
  slot: 's1',
  ids: ['slot-0001'],
  pod: { namespace: 'a', name: 'p', uid: 'u1' },
  container: 'main',
  kind: 'app',
  slices: [aSlice()],
  enforcement: 'enforced',
  workload: '',
  ...change,
});

export const aReading = (change: Partial<DeviceReading> = {}): DeviceReading => ({
  id: 'GPU-1',
  model: 'A100-40G',
  index: 0,
  memory: mib(40_960),
  usedBytes: 0,
  isHealthy: true,
  busyPercent: null,
  processes: [],
  ...change,
});

export const aRegion = (...devices: Partial<RegionDevice>[]): Result<Region, string> => {
  const none = {
    usedBytes: 0,
    changes: 0,
    peakBytes: 0,
    refusals: 0,
    refusedBytes: 0,
    classBytes: [],
    compute: NO_COMPUTE,
  };
  const empty = decodeRegion(emptyRegion());
  if (!empty.ok) throw new Error(empty.error);
  return ok({ ...empty.value, devices: devices.map((device) => ({ ...none, ...device })) });
};

export const aBrokenRegion = (why: string): Result<Region, string> => err(why);

export const aNode = (change: Partial<NodeReadings> = {}): NodeReadings => ({
  node: 'n1',
  sources: [{ name: 'driver', problem: '' }],
  devices: [aReading()],
  slots: [aSlot()],
  drifts: [],
  regions: new Map([['s1', aRegion({ usedBytes: MIB })]]),
  ...change,
});
