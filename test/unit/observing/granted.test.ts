// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { devicesFrame } from '../../../src/apps/cli/devices-frame.js';
import { mib, milliCores } from '../../../src/core/units.js';
import { grantedOf } from '../../../src/observing/granted.js';
import { VENDORS } from '../../../src/vendors/index.js';
import { encodeInventory } from '../../../src/wire/inventory.js';
import { PLACEMENT } from '../../../src/wire/names.js';
import { encodePlacement } from '../../../src/wire/placement.js';
import { aDevice } from '../../builders/core.js';
import { aSlice } from './readings.js';

const letter = encodeInventory([
  {
    id: 'GPU-1',
    vendor: 'nvidia',
    index: 0,
    model: 'A100-40G',
    memory: mib(40_960),
    cores: milliCores(1000),
    splits: 10,
    numa: null,
    isHealthy: true,
    reason: '',
  },
]);

const node = (name: string, inventory = letter) => ({
  metadata: { name, annotations: { 'kerf.dev/inventory-nvidia': inventory } },
  status: { allocatable: { 'nvidia.com/gpu': '10' } },
});

const pod = (uid: string, placement: string, phase = 'Running') => ({
  metadata: { uid, name: uid, namespace: 'a', annotations: { [PLACEMENT]: placement } },
  spec: {
    nodeName: 'n1',
    initContainers: [{ name: 'init' }],
    containers: [{ name: 'main', resources: { limits: { 'nvidia.com/gpu': '1' } } }],
  },
  status: { phase },
});

const placed = (...rows: (readonly [string, number, number])[]): string =>
  encodePlacement({
    containers: rows.map(([name, memory, cores]) => ({ name, slices: [aSlice('GPU-1', memory, cores)] })),
  });

const device = (pods: readonly unknown[]) => grantedOf({ nodes: [node('n1')], pods }, VENDORS)[0]?.devices[0];

describe('what is granted', () => {
  it('stands beside how devices are linked, where the node tells', () => {
    const all = [0, 1, 2].map((index) => aDevice({ id: `GPU-${index}`, index, numa: 0 }));
    const linked = node('n1', encodeInventory(all, [['NV12', 'SYS'], ['PIX']]));
    const [first, second] = grantedOf({ nodes: [linked, node('n2')], pods: [] }, VENDORS);
    expect(first).toMatchObject({
      links: { nvidia: [['NV12', 'SYS'], ['PIX']] },
      devices: [{ numa: 0 }, {}, {}],
    });
    expect(second).toMatchObject({ links: {}, devices: [{ numa: null }] });
  });

  it('adds up over pods', () =>
    expect(
      device([pod('u1', placed(['main', 4096, 30])), pod('u2', placed(['main', 8192, 20]))]),
    ).toMatchObject({
      memoryMiB: 40_960,
      grantedMiB: 12_288,
      corePercent: 100,
      grantedCorePercent: 50,
      slices: 2,
      splits: 10,
    }));

  it('stands beside what is there and what may be given out, where the policy says more', () => {
    const objects = { nodes: [node('n1')], pods: [pod('u1', placed(['main', 40_000, 30]))] };
    const [told] = grantedOf({ ...objects, overcommit: [{ nodes: {}, memory: 1.5, cores: 2 }] }, VENDORS);
    expect(told?.devices[0]).toMatchObject({
      ...{ memoryMiB: 40_960, grantableMiB: 61_440, grantedMiB: 40_000 },
      ...{ corePercent: 100, grantableCorePercent: 200 },
    });
    const frame = devicesFrame(told === undefined ? [] : [told], false);
    expect(frame).toContain('40000 MiB of 40 GiB (up to 60 GiB)');
    expect(frame).toContain('of 100 % (up to 200)');
    const [plain] = grantedOf(objects, VENDORS);
    expect(plain?.devices[0]).not.toHaveProperty('grantableMiB');
  });

  it('counts pods that HAMi placed', () => {
    const annotations = { 'hami.io/vgpu-devices-allocated': ';GPU-1,NVIDIA,8000,30:;' };
    const { metadata, ...rest } = pod('u1', '');
    expect(device([{ ...rest, metadata: { ...metadata, annotations } }])).toMatchObject({
      grantedMiB: 8000,
      grantedCorePercent: 30,
    });
  });

  it('counts the peak of a pod whose init container has more', () =>
    expect(device([pod('u1', placed(['init', 8192, 10], ['main', 4096, 30]))])).toMatchObject({
      grantedMiB: 8192,
      grantedCorePercent: 30,
    }));

  it.each(['Succeeded', 'Failed'])('is nothing for a pod that is %s', (phase) =>
    expect(device([pod('u1', placed(['main', 4096, 30]), phase)])).toMatchObject({
      grantedMiB: 0,
      slices: 0,
    }),
  );

  it('says which node is held whole by a placement nobody can read', () => {
    const [seen] = grantedOf({ nodes: [node('n1')], pods: [pod('u1', '{"v":9}')] }, VENDORS);
    expect(seen?.problems).toEqual(['held whole: the placement of a/u1 cannot be read']);
  });

  it('says why an inventory cannot be read, and leaves out nodes that have none', () => {
    const nodes = [node('n10'), node('n2', '{"v":7}'), { metadata: { name: 'plain' } }];
    const seen = grantedOf({ nodes, pods: [] }, VENDORS);
    expect(seen.map((each) => [each.node, each.devices.length, each.problems])).toEqual([
      ['n2', 0, ['inventory of nvidia has version 7, not 1']],
      ['n10', 1, []],
    ]);
  });
});
