// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { familiesOf, METRICS } from '../../../src/observing/metrics.js';
import { usageOf } from '../../../src/observing/usage.js';
import { NO_COMPUTE } from '../../../src/wire/region.js';
import { aNode, aReading, aRegion, aSlot, MIB } from './readings.js';

const samples = (change: Parameters<typeof aNode>[0] = {}) =>
  new Map(familiesOf(usageOf(aNode(change))).map((family) => [family.metric.name, family.samples]));

describe('metrics', () => {
  it('come in the order of the table, each once', () => {
    const names = familiesOf(usageOf(aNode())).map((family) => family.metric.name);
    expect(names).toEqual(METRICS.map((metric) => metric.name));
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([
    ['kerf_device_memory_total_bytes', 40_960 * MIB],
    ['kerf_device_memory_used_bytes', 5 * MIB],
    ['kerf_device_memory_granted_bytes', 4096 * MIB],
    ['kerf_device_cores_granted_ratio', 0.3],
    ['kerf_device_slices', 1],
    ['kerf_device_healthy', 1],
    ['kerf_slice_memory_granted_bytes', 4096 * MIB],
    ['kerf_slice_memory_used_bytes', 3 * MIB],
    ['kerf_slice_memory_peak_bytes', 4 * MIB],
    ['kerf_slice_memory_refusals_total', 2],
    ['kerf_slice_memory_refused_bytes_total', 6 * MIB],
    ['kerf_slice_cores_granted_ratio', 0.3],
    ['kerf_slice_compute_granted_seconds_total', 3],
    ['kerf_slice_compute_used_seconds_total', 2.5],
    ['kerf_slice_compute_throttled_seconds_total', 0.5],
    ['kerf_slice_launches_total', 9],
    ['kerf_slice_unknown_symbols_total', 0],
    ['kerf_slice_memory_class_bytes', 3 * MIB],
    ['kerf_slice_info', 1],
    ['kerf_slice_enforced', 1],
    ['kerf_slice_unreadable', 0],
    ['kerf_monitor_source_up', 1],
  ])('%s is %d', (name, value) => {
    const compute = { ...NO_COMPUTE, grantedNs: 3e9, busyNs: 2.5e9, throttledNs: 5e8, launches: 9 };
    const classBytes = [0, 0, 3 * MIB];
    const memory = { usedBytes: 3 * MIB, peakBytes: 4 * MIB, refusals: 2, refusedBytes: 6 * MIB };
    const used = { ...memory, classBytes, compute };
    const devices = [aReading({ usedBytes: 5 * MIB })];
    const got = samples({ devices, regions: new Map([['s1', aRegion(used)]]) }).get(name);
    expect(got?.map((sample) => sample.value)).toEqual([value]);
  });

  it('carry exactly the labels of the table', () => {
    for (const { metric, samples: rows } of familiesOf(usageOf(aNode())))
      for (const row of rows) expect(Object.keys(row.labels)).toEqual(metric.labels);
  });

  it('tell which slot of which device a container has, also where the driver does not answer', () => {
    const [known] = samples().get('kerf_slice_info') ?? [];
    expect(known?.labels).toEqual({
      ...{ node: 'n1', device: 'GPU-1', namespace: 'a', pod: 'p', container: 'main' },
      ...{ model: 'A100-40G', index: '0', slot: 's1', uid: 'u1', enforcement: 'enforced' },
    });
    const [unknown] = samples({ devices: [] }).get('kerf_slice_info') ?? [];
    expect(unknown?.labels).toMatchObject({ device: 'GPU-1', model: '', index: '', slot: 's1' });
  });

  it('have no sample where nobody counts, and say so', () => {
    const got = samples({ regions: new Map(), slots: [aSlot({ enforcement: 'unenforced: static binary' })] });
    expect(got.get('kerf_slice_memory_used_bytes')).toEqual([]);
    expect(got.get('kerf_slice_unreadable')).toMatchObject([{ value: 1 }]);
    expect(got.get('kerf_slice_enforced')).toMatchObject([{ value: 0 }]);
  });

  it('a slice that nothing of ours holds is granted, not enforced, and has nothing that could be read', () => {
    const got = samples({ regions: new Map(), slots: [aSlot({ enforcement: 'off' })] });
    expect(got.get('kerf_slice_memory_granted_bytes')).toHaveLength(1);
    expect(got.get('kerf_slice_enforced')).toMatchObject([{ value: 0 }]);
    expect(got.get('kerf_slice_unreadable')).toEqual([]);
  });

  it('a device tells how busy it is where its driver measures it', () => {
    const devices = [aReading({ busyPercent: 73 }), aReading({ id: 'GPU-2', busyPercent: null })];
    expect(
      samples({ devices })
        .get('kerf_device_busy_ratio')
        ?.map(({ value }) => value),
    ).toEqual([0.73]);
  });
});
