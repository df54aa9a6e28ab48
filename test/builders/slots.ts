// SPDX-License-Identifier: Apache-2.0
import type { Owner, Slot } from '../../device-plugin/slot.js';
import type { NodeDevice } from '../../device-plugin/node-device.js';
import type { Placement, Slice } from '../../src/core/placement.js';
import { mib, milliCores } from '../../src/core/units.js';

export const GPU_A = 'GPU-aaaaaaaa-0000-0000-0000-000000000000';
export const GPU_B = 'GPU-bbbbbbbb-0000-0000-0000-000000000000';

export const aNodeDevice = (differs: Partial<NodeDevice> = {}): NodeDevice => ({
  id: GPU_A,
  vendor: 'nvidia',
  index: 0,
  minor: 0,
  model: 'NVIDIA A100-SXM4-40GB',
  memory: mib(40_960),
  cores: milliCores(1000),
  splits: 10,
  numa: 0,
  isHealthy: true,
  reason: '',
  peers: new Map(),
  ...differs,
});

export const twoDevices = (): Map<string, NodeDevice> =>
  new Map([
    [GPU_A, aNodeDevice()],
    [GPU_B, aNodeDevice({ id: GPU_B, index: 1, minor: 1 })],
  ]);

export const aSlice = (deviceId = GPU_A, memory = 1024, cores = 100): Slice => ({
  deviceId,
  memory: mib(memory),
  cores: milliCores(cores),
  isHigh: false,
  isAlone: false,
});

/** `{a: [aSlice()]}` */
export const aPlacement = (containers: Record<string, readonly Slice[]> = { a: [aSlice()] }): Placement => ({
  containers: Object.entries(containers).map(([name, slices]) => ({ name, slices })),
});

export const anOwner = (differs: Partial<Owner> = {}): Owner => ({
  podUid: 'uid-1',
  namespace: 'default',
  pod: 'p',
  container: 'a',
  containers: [{ name: 'a', kind: 'app' }],
  placement: aPlacement(),
  boundAtMs: 2,
  ...differs,
});

/** The name is the seq in 32 hex digits. */
export const aSlot = (seq: number, ids: readonly string[], owner: Owner | null = null): Slot => ({
  slot: seq.toString(16).padStart(32, '0'),
  resource: 'nvidia.com/gpu',
  ids,
  seq,
  allocatedAtMs: 1,
  owner,
});
