// SPDX-License-Identifier: Apache-2.0
// The trace as a cluster has it: nodes with an inventory, pods with limits and annotations.
import type { Device } from '../../src/core/device.js';
import { mib, milliCores } from '../../src/core/units.js';
import { encodeInventory } from '../../src/wire/inventory.js';
import { DEVICE_TYPE, inventoryOf } from '../../src/wire/names.js';
import type { OpenbNode, OpenbPod } from '../../src/wire/openb.js';

export const VENDOR = 'nvidia';
export const NAMESPACE = 'openb';
/** As many slices as the smallest pod of the trace would fill a device with, and more. */
const SPLITS = 100;
/** The trace counts thousandths of a device and no MiB: of this size each thousandth is a whole number of them. */
const DEVICE_MIB = 32_000;
const PODS_PER_NODE = '1001';

export const nodeName = (at: number): string => `openb-${String(at).padStart(4, '0')}`;

/** `at`: place in the order in which equals are preferred. */
export function inventory({ gpus, model }: OpenbNode, at: number): string {
  const devices = Array.from({ length: gpus }, (_, index): Device => {
    const size = { memory: mib(DEVICE_MIB), cores: milliCores(1000), splits: SPLITS };
    const health = { numa: null, isHealthy: true, reason: '' };
    return { id: `GPU-${at}-${index}`, vendor: VENDOR, index, model, ...size, ...health };
  });
  return encodeInventory(devices);
}

export const annotationsOf = (node: OpenbNode, at: number): Readonly<Record<string, string>> => ({
  [inventoryOf(VENDOR)]: inventory(node, at),
});

export const allocatableOf = ({
  cpuMilli,
  memoryMiB,
  gpus,
}: OpenbNode): Readonly<Record<string, string>> => ({
  cpu: `${cpuMilli}m`,
  memory: `${memoryMiB}Mi`,
  pods: PODS_PER_NODE,
  'nvidia.com/gpu': String(gpus * SPLITS),
});

/** A shared pod asks as much of the memory as of the compute; a whole device asks for nothing but devices. */
export function podObject({ cpuMilli, memoryMiB, gpus, gpuMilli, models }: OpenbPod, name: string): object {
  const part = {
    'nvidia.com/gpu-mem-percentage': percent(gpuMilli),
    'nvidia.com/gpu-cores': percent(gpuMilli),
  };
  const limits = gpus === 0 ? {} : { 'nvidia.com/gpu': String(gpus), ...(gpuMilli < 1000 ? part : {}) };
  const annotations = models.length === 0 ? {} : { [DEVICE_TYPE]: models.join(',') };
  const requests = { cpu: `${cpuMilli}m`, memory: `${memoryMiB}Mi` };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, annotations },
    spec: {
      schedulerName: 'kerf-scheduler',
      terminationGracePeriodSeconds: 0,
      containers: [
        { name: 'main', image: 'none', resources: { limits, requests: { ...requests, ...limits } } },
      ],
    },
  };
}

function percent(milli: number): string {
  if (milli % 10 !== 0) throw new Error(`a pod of ${milli} milli cannot be written in whole percent`);
  return String(milli / 10);
}
