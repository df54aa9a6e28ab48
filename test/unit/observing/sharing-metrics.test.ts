// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { sharingFamilies } from '../../../src/observing/sharing-metrics.js';
import { mib, milliCores } from '../../../src/core/units.js';
import type { SlotRecord } from '../../../src/wire/slots.js';

const slot: SlotRecord = {
  ...{
    slot: 'a'.repeat(32),
    ids: ['slot-1'],
    container: 'main',
    kind: 'app',
    enforcement: 'enforced',
    workload: '',
    slices: [],
  },
  pod: { namespace: 'team', name: 'p', uid: 'u' },
};
const labels = { node: 'n1', device: 'GPU-a', namespace: 'team', pod: 'p', container: 'main' };

it('what a slice may use now is told in base units, and nothing where there is nothing to say', () => {
  const families = sharingFamilies('n1', [
    { slot, deviceId: 'GPU-a', cores: milliCores(980), memory: null },
    { slot, deviceId: 'GPU-a', cores: null, memory: mib(2) },
  ]);
  expect(families.map(({ metric, samples }) => [metric.name, samples])).toEqual([
    ['kerf_slice_cores_now_ratio', [{ labels, value: 0.98 }]],
    ['kerf_slice_memory_now_bytes', [{ labels, value: 2_097_152 }]],
  ]);
});
