// SPDX-License-Identifier: Apache-2.0
import type { Vendor } from './vendor.js';

/** Compute units by model: a container is held to a mask of whole ones. */
const COMPUTE_UNITS = {
  'AMD Instinct MI100': 120,
  'AMD Instinct MI210': 104,
  'AMD Instinct MI300X': 304,
  'AMD Instinct MI325X': 304,
};

export const amd: Vendor = {
  name: 'amd',
  title: 'AMD GPU',
  isOnByDefault: false,
  resources: {
    count: 'amd.com/gpu',
    memory: ['amd.com/gpu-mem', 'amd.com/gpumem'],
    memoryPercentage: ['amd.com/gpu-mem-percentage', 'amd.com/gpumem-percentage'],
    cores: ['amd.com/gpu-cores', 'amd.com/gpucores'],
    priority: 'amd.com/priority',
  },
  memoryUnitMiB: 1,
  cuts: { kind: 'units', models: COMPUTE_UNITS },
  modes: {},
  topology: 'amdsmi',
  letter: 'kerf',
  enforcement: 'off',
  hasAgent: true,
  annotations: {
    'amd.com/use-gputype': 'kerf.dev/device-type',
    'amd.com/nouse-gputype': 'kerf.dev/device-type-not',
    'amd.com/use-gpu-uuid': 'kerf.dev/device-uuid',
    'amd.com/nouse-gpu-uuid': 'kerf.dev/device-uuid-not',
    'hami.io/node-scheduler-policy': 'kerf.dev/node-policy',
    'hami.io/gpu-scheduler-policy': 'kerf.dev/device-policy',
  },
  neighbour: { allocated: 'hami.io/amd-devices-allocated', toAllocate: 'hami.io/amd-devices-to-allocate' },
  visibleDevicesEnv: 'AMD_VISIBLE_DEVICES',
  cdiKind: 'amd.com/gpu',
  deviceNodes: { each: '/dev/dri/renderD{minor}', common: ['/dev/kfd'] },
};
