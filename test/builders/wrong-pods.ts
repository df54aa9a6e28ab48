// SPDX-License-Identifier: Apache-2.0
// Wrong requests, each with what the refusal must say: asked of the pure room in test/unit, and of a real API server
// by `kubectl apply` in test/e2e.
import { DEVICE_POLICY_NAMES, NODE_POLICY_NAMES } from '../../src/core/policies.js';
import type { ContainerObject, PodObject } from '../../src/wire/admission.js';
import { amounts, askingContainer, podAsking } from './admission.js';

const one = (short: Record<string, string | number>, more: Partial<ContainerObject> = {}): PodObject =>
  podAsking([askingContainer(short, more)]);
const said = (
  annotations: Record<string, string>,
  short: Record<string, string | number> = { 'gpu-mem': 4096 },
) => podAsking([askingContainer(short)], { annotations });

/** Name of the case, the pod, the whole sentence or its telling part. */
export const WRONG_PODS: readonly (readonly [string, PodObject, string])[] = [
  [
    'negative count',
    one({ gpu: -1 }),
    'spec.containers[0].resources.limits["nvidia.com/gpu"] is "-1": want a whole number of devices, 0 to 1024',
  ],
  [
    'negative memory',
    one({ 'gpu-mem': '-4Gi' }),
    '["nvidia.com/gpu-mem"] is "-4Gi": want memory per device, not less than nothing',
  ],
  [
    'text',
    one({ 'gpu-mem': 'lots' }),
    '["nvidia.com/gpu-mem"] is "lots": want a number such as 1, or a quantity such as 16Gi',
  ],
  ['part of a device', one({ gpu: '1500m' }), '["nvidia.com/gpu"] is "1500m"'],
  [
    'part of a MiB',
    one({ 'gpu-mem': '1500m' }),
    '["nvidia.com/gpu-mem"] is "1500m": want whole MiB such as 1536',
  ],
  ['a TiB', one({ 'gpu-mem': '1Ti' }), '["nvidia.com/gpu-mem"] is "1Ti": want less than 1Ti'],
  ['no device with memory', one({ gpu: 0, 'gpu-mem': 4096 }), '["nvidia.com/gpu"] is "0": want at least 1'],
  ['priority alone', one({ priority: 0 }), '["nvidia.com/gpu"] is "absent": want at least 1'],
  [
    '101 % of memory',
    one({ 'gpu-mem-percentage': 101 }),
    '["nvidia.com/gpu-mem-percentage"] is "101": want a whole percentage, 0 to 100',
  ],
  ['-1 % of memory', one({ 'gpumem-percentage': -1 }), '["nvidia.com/gpumem-percentage"] is "-1"'],
  [
    '101 % of compute',
    one({ 'gpu-mem': 1, 'gpu-cores': 101 }),
    '["nvidia.com/gpu-cores"] is "101": want a whole percentage of one device, 0 to 100',
  ],
  ['priority 7', one({ gpu: 1, priority: 7 }), '["nvidia.com/priority"] is "7": want high or low, 0 to 1'],
  ['17 devices', one({ gpu: 17 }), '["nvidia.com/gpu"] is "17": want at most 16 devices a container'],
  [
    'synonyms that disagree',
    one({ 'gpu-mem': '4Gi', gpumem: 3001 }),
    '["nvidia.com/gpumem"] is "3001": it means the same as nvidia.com/gpu-mem, which is "4Gi"',
  ],
  [
    'requests below limits',
    podAsking([{ name: 'a', resources: { limits: amounts({ gpu: 2 }), requests: amounts({ gpu: 1 }) } }]),
    'spec.containers[0].resources.requests["nvidia.com/gpu"] is "1": want it equal to the limit, 2',
  ],
  [
    'devices here, memory there',
    podAsking([askingContainer({ gpu: 1 }), askingContainer({ 'gpu-mem': '4Gi' }, { name: 'b' })]),
    'spec.containers[1].resources.limits["nvidia.com/gpu-mem"] is "4Gi": spec.containers[0] asks nvidia.com/gpu without a part and spec.containers[1] a part without nvidia.com/gpu',
  ],
  [
    'unknown node policy',
    said({ 'kerf.dev/node-policy': 'best' }),
    `metadata.annotations["kerf.dev/node-policy"] is "best": want one of ${NODE_POLICY_NAMES.join(', ')}, or several`,
  ],
  [
    'unknown device policy',
    said({ 'kerf.dev/device-policy': 'binpack;spread' }),
    `["kerf.dev/device-policy"] is "binpack;spread": want one of ${DEVICE_POLICY_NAMES.join(', ')}, or several`,
  ],
  [
    'unknown policy in HAMi words',
    said({ 'hami.io/gpu-scheduler-policy': 'cheap' }),
    '["hami.io/gpu-scheduler-policy"] is "cheap"',
  ],
  [
    'a policy twice',
    said({ 'kerf.dev/node-policy': 'spread,spread' }),
    '["kerf.dev/node-policy"] is "spread,spread": want each policy once, and spread stands twice',
  ],
  [
    'policies that contradict each other',
    said({ 'kerf.dev/device-policy': 'binpack, spread' }),
    '["kerf.dev/device-policy"] is "binpack, spread": want binpack or spread, since they contradict each other',
  ],
  [
    'annotations that disagree',
    said({ 'kerf.dev/device-type': 'A100', 'nvidia.com/use-gputype': 'T4' }),
    '["nvidia.com/use-gputype"] is "T4": it means the same as kerf.dev/device-type',
  ],
  [
    'unknown isolation',
    said({ 'kerf.dev/isolation': 'vm' }),
    '["kerf.dev/isolation"] is "vm": want one of shim, mig, mps (mig, mps not in this version)',
  ],
  [
    'isolation of a later version',
    said({ 'kerf.dev/isolation': 'mig' }),
    '["kerf.dev/isolation"] is "mig": this version does not honour it yet; want shim',
  ],
  [
    'unknown numa',
    said({ 'kerf.dev/numa': 'yes' }),
    '["kerf.dev/numa"] is "yes": want one of required, preferred',
  ],
  [
    'unknown numa in HAMi words',
    said({ 'nvidia.com/numa-bind': 'yes' }),
    '["nvidia.com/numa-bind"] is "yes": want one of true, false',
  ],
  [
    'numa wishes that disagree',
    said({ 'kerf.dev/numa': 'preferred', 'nvidia.com/numa-bind': 'true' }),
    '["nvidia.com/numa-bind"] is "true": it means the same as kerf.dev/numa, which says "preferred"',
  ],
  [
    'unknown oversubscribe',
    said({ 'kerf.dev/oversubscribe': 'on' }),
    '["kerf.dev/oversubscribe"] is "on": want one of off, managed',
  ],
  [
    'memory limit below the part',
    said({ 'kerf.dev/memory-limit': '2Gi' }),
    '["kerf.dev/memory-limit"] is "2Gi": want at least the guaranteed part, 4096 MiB',
  ],
  ['memory limit in words', said({ 'kerf.dev/memory-limit': 'more' }), '["kerf.dev/memory-limit"] is "more"'],
  [
    'unknown compute',
    said({ 'kerf.dev/compute': 'elastic' }),
    '["kerf.dev/compute"] is "elastic": want hard or soft',
  ],
  [
    'weight of nothing',
    said({ 'kerf.dev/weight': '0' }),
    '["kerf.dev/weight"] is "0": want a whole number, 1 to 100',
  ],
  [
    'too much weight',
    said({ 'kerf.dev/weight': '101' }),
    '["kerf.dev/weight"] is "101": want a whole number',
  ],
  ['half a weight', said({ 'kerf.dev/weight': '1.5' }), '["kerf.dev/weight"] is "1.5": want a whole number'],
  [
    'a device allowed and denied',
    said({ 'kerf.dev/device-uuid': 'GPU-1,GPU-2', 'nvidia.com/nouse-gpuuuid': 'GPU-2' }),
    'is "GPU-1,GPU-2": GPU-2 also stands in kerf.dev/device-uuid-not',
  ],
  [
    'more devices than ids',
    said({ 'kerf.dev/device-uuid': 'GPU-1' }, { gpu: 2 }),
    'is "GPU-1": want at least 2 ids',
  ],
  ['an inventory on a pod', said({ 'kerf.dev/inventory-nvidia': '{}' }), 'a pod announces no devices'],
  [
    'privileged',
    one({ 'gpu-mem': 1 }, { securityContext: { privileged: true } }),
    'spec.containers[0].securityContext.privileged is "true"',
  ],
  [
    'own devices',
    one({ gpu: 1 }, { env: [{ name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' }] }),
    'spec.containers[0].env[0] NVIDIA_VISIBLE_DEVICES is "all": devices are chosen by what nvidia.com/gpu asks for',
  ],
  [
    'devices for the neighbour',
    podAsking([
      askingContainer({ gpu: 1 }),
      { name: 'b', env: [{ name: 'NVIDIA_VISIBLE_DEVICES', value: '0' }] },
    ]),
    'spec.containers[1].env[0] NVIDIA_VISIBLE_DEVICES is "0"',
  ],
  [
    'mount over the library',
    one({ gpu: 1 }, { volumeMounts: [{ name: 'v', mountPath: '/usr//local/kerf/' }] }),
    'spec.containers[0].volumeMounts[0].mountPath is "/usr//local/kerf/": /usr/local/kerf is where',
  ],
  [
    'mount over the preload',
    one({ gpu: 1 }, { volumeMounts: [{ name: 'v', mountPath: '/etc/x/../ld.so.preload' }] }),
    '/etc/ld.so.preload is where',
  ],
  [
    'node chosen by hand',
    podAsking([askingContainer({ gpu: 1 })], { spec: { nodeName: 'n1' } }),
    'spec.nodeName is "n1": a pod bound by hand gets no device',
  ],
  [
    'other scheduler',
    podAsking([askingContainer({ gpu: 1 })], { spec: { schedulerName: 'volcano' } }),
    'spec.schedulerName is "volcano": only kerf-scheduler gives out these devices',
  ],
  [
    'an init container',
    podAsking([askingContainer({ gpu: 1 })], {
      spec: { initContainers: [askingContainer({ gpu: 1, 'gpu-cores': 500 })] },
    }),
    'spec.initContainers[0].resources.limits["nvidia.com/gpu-cores"] is "500"',
  ],
];
