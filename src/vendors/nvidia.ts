// SPDX-License-Identifier: Apache-2.0
import { INSTANCE_MODE, type Template, type Vendor } from './vendor.js';

/** name, MiB, compute slices of 7. Memory is the least that a driver has given for the profile. */
const profile = (name: string, memoryMiB: number, slices: number): Template => ({
  name,
  memoryMiB,
  milliCores: Math.floor((1000 * slices) / 7),
});

const OF_40 = [
  profile('1g.5gb', 4864, 1),
  profile('2g.10gb', 9984, 2),
  profile('3g.20gb', 20_090, 3),
  profile('4g.20gb', 20_090, 4),
  profile('7g.40gb', 40_325, 7),
];
const OF_80 = [
  profile('1g.10gb', 9728, 1),
  profile('2g.20gb', 19_968, 2),
  profile('3g.40gb', 40_192, 3),
  profile('4g.40gb', 40_192, 4),
  profile('7g.80gb', 80_640, 7),
];

/** As `nvidia-smi mig -lgip` lists them on an H100 80GB HBM3. */
const OF_H100 = [
  profile('1g.10gb', 9984, 1),
  profile('1g.20gb', 20_090, 1),
  profile('2g.20gb', 20_090, 2),
  profile('3g.40gb', 40_448, 3),
  profile('4g.40gb', 40_448, 4),
  profile('7g.80gb', 81_152, 7),
];

/** GPU instance profiles by model. Where in the memory an instance may start is not told here. */
const MIG = {
  'NVIDIA A100-SXM4-40GB': OF_40,
  'NVIDIA A100-PCIE-40GB': OF_40,
  'NVIDIA A100-SXM4-80GB': OF_80,
  'NVIDIA A100 80GB PCIe': OF_80,
  'NVIDIA H100 80GB HBM3': OF_H100,
};

export const nvidia: Vendor = {
  name: 'nvidia',
  title: 'NVIDIA GPU',
  isOnByDefault: true,
  resources: {
    count: 'nvidia.com/gpu',
    memory: ['nvidia.com/gpu-mem', 'nvidia.com/gpumem'],
    memoryPercentage: ['nvidia.com/gpu-mem-percentage', 'nvidia.com/gpumem-percentage'],
    cores: ['nvidia.com/gpu-cores', 'nvidia.com/gpucores'],
    priority: 'nvidia.com/priority',
  },
  memoryUnitMiB: 1,
  cuts: { kind: 'any' },
  // mig: cut where a pod asks (not yet); an instance that is there: whole or not at all.
  modes: { mig: { kind: 'profiles', models: MIG }, [INSTANCE_MODE]: { kind: 'templates', models: {} } },
  topology: 'nvml',
  letter: 'kerf',
  enforcement: 'library',
  hasAgent: true,
  annotations: {
    'nvidia.com/use-gputype': 'kerf.dev/device-type',
    'nvidia.com/nouse-gputype': 'kerf.dev/device-type-not',
    'nvidia.com/use-gpuuuid': 'kerf.dev/device-uuid',
    'nvidia.com/nouse-gpuuuid': 'kerf.dev/device-uuid-not',
    'hami.io/node-scheduler-policy': 'kerf.dev/node-policy',
    'hami.io/gpu-scheduler-policy': 'kerf.dev/device-policy',
    'nvidia.com/numa-bind': 'kerf.dev/numa',
  },
  neighbour: {
    allocated: 'hami.io/vgpu-devices-allocated',
    toAllocate: 'hami.io/vgpu-devices-to-allocate',
  },
  visibleDevicesEnv: 'NVIDIA_VISIBLE_DEVICES',
  coveredBy: { 'libcuda.so.1': 'libkerf.so', 'libnvidia-ml.so.1': 'libkerf-nvml.so' },
  cdiKind: 'nvidia.com/gpu',
  deviceNodes: {
    each: '/dev/nvidia{minor}',
    instances: {
      list: 'driver/nvidia-caps/mig-minors',
      each: '/dev/nvidia-caps/nvidia-cap{number}',
      names: ['gpu{minor}/gi{gpu}/access', 'gpu{minor}/gi{gpu}/ci{compute}/access'],
    },
    common: ['/dev/nvidiactl', '/dev/nvidia-uvm', '/dev/nvidia-uvm-tools'],
  },
};
