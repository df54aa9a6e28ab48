// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { UNTOLD } from '../../../src/core/node.js';
import { mib } from '../../../src/core/units.js';
import { hamiGranted, HAMI_METRICS, hamiUsage } from '../../../src/observing/hami-metrics.js';
import type { Family } from '../../../src/observing/metrics.js';
import { usageOf } from '../../../src/observing/usage.js';
import { aDevice, aPlacement, aSighting } from '../../builders/core.js';
import { aNode, aReading, aRegion, MIB } from './readings.js';

const samplesOf = (families: readonly Family[]) =>
  new Map(families.map(({ metric, samples }) => [metric.name, samples]));

describe('under HAMi’s names', () => {
  const devices = [aReading({ usedBytes: 5 * MIB, busyPercent: 37 })];
  const usage = usageOf(aNode({ devices, regions: new Map([['s1', aRegion({ usedBytes: 3 * MIB })]]) }));

  it('the monitor tells a device with HAMi’s labels and its scale of 0 to 100', () => {
    expect(samplesOf(hamiUsage(usage)).get('hami_host_gpu_utilization_ratio')).toEqual([
      {
        labels: {
          node: 'n1',
          device_index: '0',
          device_uuid: 'GPU-1',
          device_type: 'A100-40G',
          zone: 'vGPU',
        },
        value: 37,
      },
    ]);
  });

  it('the monitor tells a slice', () => {
    const labels = { namespace: 'a', pod: 'p', container: 'main', vdevice_index: '0', device_uuid: 'GPU-1' };
    const told = samplesOf(hamiUsage(usage));
    expect(told.get('hami_vgpu_memory_used_bytes')).toEqual([
      { labels: { ...labels, zone: 'vGPU' }, value: 3 * MIB },
    ]);
    expect(told.get('hami_vgpu_memory_limit_bytes')?.[0]?.value).toBe(4096 * MIB);
  });

  it('the scheduler tells what is given out of a device, and to whom', () => {
    const ledger = new Ledger();
    const device = aDevice({ id: 'GPU-1', memory: mib(40_000) });
    const facts = {
      unreadable: new Map(),
      slots: new Map([[device.vendor, 10]]),
      cordoned: new Set<string>(),
    };
    ledger.setNode({ ...UNTOLD, ...facts, name: 'n1', devices: [device] });
    const placement = aPlacement({ main: [['GPU-1', 10_000, 30]] });
    ledger.confirm(aSighting({ node: 'n1', pod: 'a/p', claim: { kind: 'placed', placement } }));
    const told = samplesOf(hamiGranted(ledger.allNodes(), ledger.allHoldings()));
    expect(told.get('hami_node_gpu_memory_allocated_ratio')?.[0]?.value).toBe(0.25);
    expect(told.get('hami_vgpu_memory_allocated_bytes')).toEqual([
      {
        labels: {
          ...{ namespace: 'a', node: 'n1', pod: 'p', container_index: '0', device_uuid: 'GPU-1' },
          zone: 'vGPU',
        },
        value: 10_000 * MIB,
      },
    ]);
    expect([...told.keys(), ...hamiUsage(usage).map(({ metric }) => metric.name)].toSorted()).toEqual(
      HAMI_METRICS.map(({ name }) => name).toSorted(),
    );
  });

  it('every sample has the labels of its metric', () => {
    for (const { metric, samples } of hamiUsage(usage))
      for (const { labels } of samples)
        expect(Object.keys(labels).toSorted()).toEqual(metric.labels.toSorted());
  });
});
