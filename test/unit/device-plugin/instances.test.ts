// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allocate } from '../../../device-plugin/allocate.js';
import { HealthBook } from '../../../device-plugin/health.js';
import { instancesOf, profileOf } from '../../../device-plugin/instances.js';
import { instanceNodesOf } from '../../../device-plugin/vendor-edits.js';
import type { ProbedDevice } from '../../../src/adapters/probes/contract.js';
import { VENDORS } from '../../../src/vendors/index.js';
import { aNodeDevice, anOwner, aPlacement, aSlice, aSlot, GPU_A } from '../../builders/slots.js';
import { FakeClock } from '../../fakes/clock.js';
import { folders } from '../../fakes/folder.js';

const MIB = 2 ** 20;
const aFolder = folders();
const instance = (gpuSlices: number, memoryMiB: number, computeSlices = gpuSlices) => ({
  ...{ uuid: `MIG-${gpuSlices}`, gpuInstance: gpuSlices + 2, computeInstance: 0 },
  ...{ gpuSlices, computeSlices, memoryTotalBytes: memoryMiB * MIB, memoryUsedBytes: 0 },
});
const told = (memoryMiB: number, ...instances: ReturnType<typeof instance>[]): ProbedDevice => ({
  ...{ index: 3, uuid: GPU_A, minor: 5, name: 'NVIDIA A100', pciBusId: '', numaNode: 1, error: null },
  ...{ memoryTotalBytes: memoryMiB * MIB, memoryUsedBytes: 0, utilizationPercent: null, instances },
});
const whole = aNodeDevice({ index: 3, minor: 5, numa: 1 });
const [one, two] = instancesOf(told(40_960, instance(1, 4864), instance(2, 9728)), whole);
const nvidia = VENDORS.find(({ name }) => name === 'nvidia');
if (one === undefined || two === undefined || nvidia === undefined) throw new Error('bug: no instances');

describe('an instance', () => {
  it('is a device of its own, given whole, on its device’s NUMA node', () => {
    expect([one.id, two.id, one.model, two.model]).toEqual([
      ...['MIG-1', 'MIG-2', 'NVIDIA A100 MIG 1g.5gb', 'NVIDIA A100 MIG 2g.10gb'],
    ]);
    expect(two).toMatchObject({ memory: 9728, cores: 285, splits: 1, numa: 1, minor: 5, mode: 'instance' });
    expect(one.index).not.toBe(two.index);
  });

  // Sizes as nvidia-smi tells them of an A100 40GB, an H100 80GB (its 81559 MiB) and an H200 (143771 MiB).
  it.each([
    [40_960, instance(3, 20_096), '3g.20gb'],
    [40_960, instance(7, 40_537), '7g.40gb'],
    [81_559, instance(1, 9984), '1g.10gb'],
    [81_559, instance(1, 20_090), '1g.20gb'],
    [143_771, instance(1, 16_384), '1g.18gb'],
    [143_771, instance(3, 71_424), '3g.71gb'],
    [40_960, instance(2, 9984, 1), '1c.2g.10gb'],
  ])('of %i MiB is named by its slices and its eighths: %#', (memoryMiB, part, name) => {
    expect(profileOf(told(memoryMiB), part)).toBe(name);
  });

  it('is as healthy as its device, and comes back with it', () => {
    const book = new HealthBook(new FakeClock(), 1000);
    book.strike(GPU_A, { verdict: 'fatal', text: 'XID 79: it' });
    expect(book.judge(two)).toMatchObject({ isHealthy: false, reason: 'XID 79: it; it must be reset' });
    book.look([{ ...two, isHealthy: false }]);
    book.look([two]);
    expect(book.judge(two)).toBe(two);
  });

  it('is reached through the nodes that the kernel lists for it', () => {
    const proc = aFolder();
    mkdirSync(join(proc, 'driver/nvidia-caps'), { recursive: true });
    const list =
      'config 1\ngpu5/gi3/access 30\ngpu5/gi3/ci0/access 31\ngpu5/gi4/access 39\ngpu0/gi4/access 4\n';
    writeFileSync(join(proc, 'driver/nvidia-caps/mig-minors'), `${list}gpu5/gi4/ci0/access 40\n`);
    const caps = '/dev/nvidia-caps/nvidia-cap';
    expect(instanceNodesOf(nvidia, two, proc)).toEqual([`${caps}39`, `${caps}40`]);
    expect(instanceNodesOf(nvidia, whole, proc)).toEqual([]);
  });

  it('is named to the container, whose compute the hardware holds and not the page', () => {
    const owner = anOwner({ placement: aPlacement({ a: [aSlice('MIG-2', 9728, 285)] }) });
    const places = { libraryFolder: '/l', slotFolder: '/s', region: '/r', announceFolder: '/a' };
    const { limits, spec } = allocate({
      slot: { ...aSlot(1, ['slot-0001']), owner },
      ...{ vendor: nvidia, places, devices: [two] },
      vendorEdits: { edits: {}, declaredVersion: null },
    });
    expect(limits.devices[0]).toMatchObject({ uuid: 'MIG-2', memory: 9728, cores: 1000 });
    expect(spec.devices[0]?.containerEdits.env).toContain('NVIDIA_VISIBLE_DEVICES=MIG-2');
  });
});
