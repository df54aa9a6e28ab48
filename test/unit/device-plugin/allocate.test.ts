// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allocate, devicesOf } from '../../../device-plugin/allocate.js';
import { lowestVersion, mergeEdits, readSpec } from '../../../device-plugin/cdi.js';
import { type BoundSlot, isBound } from '../../../device-plugin/slot.js';
import { nvidia } from '../../../src/vendors/nvidia.js';
import { anOwner, aPlacement, aSlice, aSlot, GPU_A, GPU_B, twoDevices } from '../../builders/slots.js';

const PLACES = {
  libraryFolder: '/opt/kerf/1',
  slotFolder: '/var/lib/kerf/slots/x',
  region: '/var/lib/kerf/slots/x/box/region',
  announceFolder: '/var/lib/kerf/announce',
};
const SLICES = [aSlice(GPU_B, 2048, 205), aSlice(GPU_A, 4096, 0)];

function boundSlot(slices = SLICES): BoundSlot {
  const slot = aSlot(255, ['slot-0001', 'slot-0002'], anOwner({ placement: aPlacement({ a: slices }) }));
  if (!isBound(slot)) throw new Error('bug');
  return slot;
}

const VENDOR_SPEC = {
  cdiVersion: '0.5.0',
  kind: 'nvidia.com/gpu',
  containerEdits: {
    env: ['NVIDIA_VISIBLE_DEVICES=void', 'OTHER=1'],
    hooks: [{ hookName: 'createContainer', path: '/h' }],
  },
  devices: [{ name: '0', containerEdits: { deviceNodes: [{ path: '/dev/nvidia0' }] } }],
};

describe('a slot written out', () => {
  const spec = readSpec(VENDOR_SPEC);
  const edits = mergeEdits([spec?.containerEdits ?? {}, spec?.devices[0]?.containerEdits ?? {}]);
  const written = allocate({
    slot: boundSlot(),
    vendor: nvidia,
    vendorEdits: { edits, declaredVersion: '0.5.0' },
    places: PLACES,
  });

  it('is this CDI spec', () => {
    const golden = new URL('golden/slot-cdi.json', import.meta.url);
    expect(written.spec).toEqual(JSON.parse(readFileSync(golden, 'utf8')));
  });

  it('limits the devices in the placement’s order', () => {
    expect(written.limits).toEqual({
      epoch: 1,
      podUid: 'uid-1',
      namespace: 'default',
      pod: 'p',
      container: 'a',
      devices: SLICES.map(({ deviceId, memory, cores }) => ({ uuid: deviceId, memory, cores })),
    });
  });

  it('preloads both libraries from their place in the container', () => {
    expect(written.preload).toBe('/usr/local/kerf/libkerf.so\n/usr/local/kerf/libkerf-nvml.so\n');
  });
});

describe('the devices of a slot', () => {
  const names = (slices = SLICES) => devicesOf(boundSlot(slices).owner, twoDevices());
  it('come in the placement’s order', () => {
    const found = names();
    expect(found.ok && found.value.map(({ id }) => id)).toEqual([GPU_B, GPU_A]);
  });
  it.each([
    ['unknown', [aSlice('GPU-x')], 'device GPU-x of the placement is not on this node'],
    ['named twice', [aSlice(), aSlice()], `the placement gives container a ${GPU_A} twice`],
  ])('are refused when one is %s', (_, slices, error) => {
    expect(names(slices)).toEqual({ ok: false, error });
  });
});

describe('CDI', () => {
  it.each([
    [{ env: ['A=1'] }, '9.9.9', '0.5.0'],
    [{ additionalGIDs: [1] }, '0.5.0', '0.7.0'],
    [{ netDevices: [], additionalGIDs: [1] }, '0.5.0', '1.1.0'],
    [{ somethingNew: 1 }, '1.2.0', '1.2.0'],
    [{ somethingNew: 1 }, '0.3.0', '0.5.0'],
  ])('of %j in a %s file, the lowest version is %s', (edits, declared, version) => {
    expect(lowestVersion(edits, declared)).toBe(version);
  });

  it('merges edits that two devices share once', () => {
    const mount = { hostPath: '/a', containerPath: '/a' };
    expect(
      mergeEdits([
        { mounts: [mount], env: ['A=1'] },
        { mounts: [mount], env: ['B=2'] },
      ]),
    ).toEqual({
      mounts: [mount],
      env: ['A=1', 'B=2'],
    });
  });

  it.each([null, [], {}, { kind: 'x' }, { kind: 1, devices: [] }])('reads %j as no spec', (document) => {
    expect(readSpec(document)).toBeNull();
  });
});
