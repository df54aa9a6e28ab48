// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { VENDORS } from '../../../src/vendors/index.js';
import { encodeInventory } from '../../../src/wire/inventory.js';
import { inventoryOf } from '../../../src/wire/names.js';
import { objectsOf, readPackingNodes, readPackingPods } from '../../../src/wire/packing-objects.js';
import { aDevice } from '../../builders/core.js';

const vendor = VENDORS[0]?.name ?? '';
const devices = ['a', 'b'].map((id, index) => aDevice({ id, index, vendor, model: 'A100-40G' }));
const told = { [inventoryOf(vendor)]: encodeInventory(devices) };
const node = {
  kind: 'Node',
  metadata: { name: 'n1', annotations: told },
  status: { allocatable: { cpu: '95500m', memory: '4Gi', 'nvidia.com/gpu': '20' } },
};
const bare = { kind: 'Node', metadata: { name: 'n2' }, status: { capacity: { cpu: 8, memory: '1Gi' } } };

const aPod = (limits: Readonly<Record<string, string | number>>, annotations = {}): unknown => ({
  kind: 'Pod',
  metadata: { namespace: 'a', name: 'p', annotations },
  spec: {
    initContainers: [{ name: 'init', resources: { requests: { cpu: '3' } } }],
    containers: [
      { name: 'main', resources: { limits, requests: { memory: '100Mi' } } },
      { name: 'beside', resources: { limits: { cpu: '500m' } } },
    ],
  },
});

describe('nodes and pods of the API server', () => {
  it('are found in lists and between other kinds', () => {
    const list = { kind: 'List', items: [node, { kind: 'Service' }] };
    expect(objectsOf([list, bare, null, 'text'], 'Node')).toEqual([node, bare]);
  });

  it('give nodes with the devices they told, not with their slots', () => {
    expect(readPackingNodes([node, bare], VENDORS).nodes).toEqual([
      { name: 'n1', cpuMilli: 95_500, memoryMiB: 4096, gpus: 2, model: 'A100-40G' },
      { name: 'n2', cpuMilli: 8000, memoryMiB: 1024, gpus: 0, model: '' },
    ]);
  });

  const memory = devices[0]?.memory ?? 0;

  it.each([
    [
      'a slice by compute',
      { 'nvidia.com/gpu': 1, 'nvidia.com/gpu-cores': 30, 'nvidia.com/gpu-mem-percentage': 10 },
      1,
      300,
    ],
    ['a slice by share of memory', { 'nvidia.com/gpu': 1, 'nvidia.com/gpu-mem-percentage': 40 }, 1, 400],
    ['a slice by memory', { 'nvidia.com/gpu': 1, 'nvidia.com/gpu-mem': memory / 4 }, 1, 250],
    ['whole devices', { 'nvidia.com/gpu': 2 }, 2, 1000],
    ['no device', { cpu: '1' }, 0, 0],
  ])('give pods: %s', (_, limits, gpus, gpuMilli) => {
    expect(readPackingPods([aPod(limits)], devices, VENDORS)).toEqual({
      ok: true,
      value: [{ name: 'a/p', cpuMilli: 3000, memoryMiB: 100, gpus, gpuMilli, models: [] }],
    });
  });

  it.each([
    ['a100', ['A100-40G']],
    ['T4', ['(none)']],
  ])('give the models that a choice of %s means', (word, models) => {
    const pods = readPackingPods(
      [aPod({ 'nvidia.com/gpu': 1 }, { 'kerf.dev/device-type': word })],
      devices,
      VENDORS,
    );
    expect(pods).toMatchObject({ ok: true, value: [{ models }] });
  });

  it('name the pod and the field that cannot be read', () => {
    const pods = readPackingPods([aPod({ 'nvidia.com/gpu': 'many' })], devices, VENDORS);
    expect(pods).toEqual({
      ok: false,
      error: expect.stringMatching(/^pod 1, a\/p: spec\.containers\[0\].*"many"/),
    });
  });
});
