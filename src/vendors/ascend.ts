// SPDX-License-Identifier: Apache-2.0
import type { Template, Vendor } from './vendor.js';

/** The vNPU templates of a model of `all` AI cores: name, MiB, AI cores. */
const templates = (
  all: number,
  rows: readonly (readonly [name: string, memoryMiB: number, cores: number])[],
): readonly Template[] =>
  rows.map(([name, memoryMiB, cores]) => ({
    name,
    memoryMiB,
    milliCores: Math.floor((1000 * cores) / all),
  }));

const QUARTER_AND_HALF = templates(20, [
  ['vir05_1c_16g', 16_384, 5],
  ['vir10_3c_32g', 32_768, 10],
]);

const MODELS = {
  Ascend910A: templates(30, [
    ['vir02', 2184, 2],
    ['vir04', 4369, 4],
    ['vir08', 8738, 8],
    ['vir16', 17_476, 16],
  ]),
  Ascend910B2: templates(24, [
    ['vir03_1c_8g', 8192, 3],
    ['vir06_1c_16g', 16_384, 6],
    ['vir12_3c_32g', 32_768, 12],
  ]),
  Ascend910B3: QUARTER_AND_HALF,
  'Ascend910B4-1': QUARTER_AND_HALF,
  Ascend910C: QUARTER_AND_HALF,
  Ascend910B4: templates(20, [
    ['vir05_1c_8g', 8192, 5],
    ['vir10_3c_16g', 16_384, 10],
  ]),
  Ascend310P: templates(8, [
    ['vir01', 3072, 1],
    ['vir02', 6144, 2],
    ['vir04', 12_288, 4],
  ]),
};

export const ascend: Vendor = {
  name: 'ascend',
  title: 'Huawei Ascend NPU',
  isOnByDefault: false,
  resources: {
    count: 'huawei.com/npu',
    memory: ['huawei.com/npu-mem'],
    memoryPercentage: ['huawei.com/npu-mem-percentage'],
    cores: ['huawei.com/npu-cores'],
    priority: 'huawei.com/priority',
  },
  memoryUnitMiB: 1,
  cuts: { kind: 'templates', models: MODELS },
  modes: {},
  topology: 'dcmi',
  letter: 'kerf',
  enforcement: 'off',
  hasAgent: false,
  annotations: {
    'hami.io/node-scheduler-policy': 'kerf.dev/node-policy',
    'hami.io/gpu-scheduler-policy': 'kerf.dev/device-policy',
  },
  // huawei.com/Ascend910B3 and its like, a resource for each chip.
  neighbour: null,
  visibleDevicesEnv: 'ASCEND_VISIBLE_DEVICES',
  cdiKind: 'huawei.com/npu',
  deviceNodes: {
    each: '/dev/davinci{minor}',
    common: ['/dev/davinci_manager', '/dev/devmm_svm', '/dev/hisi_hdc'],
  },
};
