// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allocate, type LibraryMode } from '../../../device-plugin/allocate.js';
import type { ContainerEdits } from '../../../device-plugin/cdi.js';
import { coverDriver } from '../../../device-plugin/cover.js';
import { isBound } from '../../../device-plugin/slot.js';
import { nvidia } from '../../../src/vendors/nvidia.js';
import { anOwner, aPlacement, aSlice, aSlot, GPU_A } from '../../builders/slots.js';

const LIB = '/usr/lib/x86_64-linux-gnu';
const aMount = (hostPath: string, containerPath = hostPath) => ({
  ...{ hostPath, containerPath },
  options: ['ro', 'nosuid', 'nodev', 'bind'],
});

/** As a vendor's tool writes it: files by their version, a link made by a hook. */
const CUDA = aMount(`${LIB}/libcuda.so.580.95`);
const NVML = aMount('/run/driver/libnvidia-ml.so.1', `${LIB}/libnvidia-ml.so.1`);
const NARROW = aMount('/usr/lib/i386-linux-gnu/libcuda.so.580.95');
const OTHER = aMount(`${LIB}/libcudadebugger.so.580.95`);

function mountsIn(
  edits: ContainerEdits,
  libraryMode?: LibraryMode,
): readonly (readonly [unknown, unknown])[] {
  const slot = aSlot(255, ['slot-0001'], anOwner({ placement: aPlacement({ a: [aSlice(GPU_A, 4096, 0)] }) }));
  if (!isBound(slot)) throw new Error('bug');
  const places = { libraryFolder: '/opt/kerf/1', slotFolder: '/s', region: '/r', announceFolder: '/a' };
  const question = {
    slot,
    vendor: nvidia,
    vendorEdits: { edits, declaredVersion: '0.5.0' },
    places,
    ...(libraryMode && { libraryMode }),
  };
  const { mounts = [] } = allocate(question).spec.devices[0]?.containerEdits ?? {};
  return mounts.map(({ hostPath, containerPath }) => [containerPath, hostPath]);
}

describe('a covered driver', () => {
  it('has its files beside us and ours over them, and nothing is preloaded', () => {
    expect(Object.fromEntries(mountsIn({ mounts: [NARROW, CUDA, OTHER, NVML] }, 'cover'))).toEqual({
      [NARROW.containerPath]: NARROW.hostPath,
      [OTHER.containerPath]: OTHER.hostPath,
      '/usr/local/kerf/driver/libcuda.so.1': CUDA.hostPath,
      '/usr/local/kerf/driver/libnvidia-ml.so.1': NVML.hostPath,
      [CUDA.containerPath]: '/opt/kerf/1/libkerf.so',
      [NVML.containerPath]: '/opt/kerf/1/libkerf-nvml.so',
      '/usr/local/kerf/libkerf.so': '/opt/kerf/1/libkerf.so',
      '/usr/local/kerf/libkerf-nvml.so': '/opt/kerf/1/libkerf-nvml.so',
      '/usr/local/kerf/limits': '/s/limits',
      '/usr/local/kerf/region': '/r',
      '/usr/local/kerf/announce': '/a',
    });
  });

  it('is covered at every place it is mounted at, and lies beside us once', () => {
    const libraryFolder = '/opt/kerf/1';
    const again = aMount(CUDA.hostPath, '/usr/local/nvidia/lib64/libcuda.so.1');
    const question = { edits: { mounts: [CUDA, again, NVML] }, vendor: nvidia, libraryFolder };
    const { mounts = [] } = coverDriver(question) ?? {};
    const places = mounts.map(({ containerPath }) => containerPath);
    expect(new Set(places).size).toBe(places.length);
    expect(mounts.filter(({ hostPath }) => hostPath === '/opt/kerf/1/libkerf.so')).toHaveLength(2);
    expect(mounts.filter(({ hostPath }) => hostPath === CUDA.hostPath)).toHaveLength(1);
  });

  it('is looked for where libkerf looks', () => {
    const source = readFileSync(new URL('../../../native/interposer/driver.c', import.meta.url), 'utf8');
    expect(source).toContain('KERF_PREFIX "/driver"');
  });
});

describe('preload', () => {
  it.each([
    ['by default', { mounts: [CUDA, NVML] }, undefined],
    ['where the driver is not mounted file by file', { mounts: [aMount('/usr/lib/nvidia')] }, 'cover'],
    ['where only one of the two is', { mounts: [CUDA, NARROW] }, 'cover'],
    ['where nothing is mounted', {}, 'cover'],
  ] as const)('is the way %s', (_case, edits, mode) => {
    const places = mountsIn(edits, mode).map(([containerPath]) => String(containerPath));
    expect(places).toContain('/etc/ld.so.preload');
    expect(places.filter((place) => place.startsWith('/usr/local/kerf/driver'))).toEqual([]);
  });
});
