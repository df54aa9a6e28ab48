// SPDX-License-Identifier: Apache-2.0
// The three pods of the demo: parts of one device, asked in three ways.
import { VENDORS, type Vendor } from '../../vendors/index.js';

export const DEMO_NAMESPACE = 'demo';

export interface DemoPod {
  readonly name: string;
  /** How the part is asked for, in the pod author's words. */
  readonly asks: string;
  readonly limits: Readonly<Record<string, string>>;
  /** Only this node will do; the demo shows one device full, whatever else kube-scheduler likes. */
  readonly node?: string;
}

function firstVendor(): Vendor {
  const [vendor] = VENDORS;
  if (vendor === undefined) throw new Error('bug: there is no vendor');
  return vendor;
}

const { resources } = firstVendor();
const [memory = '', percentage = '', cores = ''] = [
  resources.memory[0],
  resources.memoryPercentage[0],
  resources.cores[0],
];

export const DEMO_PODS: readonly DemoPod[] = [
  {
    name: 'small',
    asks: '4096 MiB and 30 % of the compute',
    limits: { [memory]: '4096', [cores]: '30' },
    node: 'n1',
  },
  { name: 'middle', asks: '8Gi and 20 %', limits: { [memory]: '8Gi', [cores]: '20' }, node: 'n1' },
  {
    name: 'quarter',
    asks: '25 % of the memory and 50 %',
    limits: { [percentage]: '25', [cores]: '50' },
    node: 'n1',
  },
];

/** Larger than anything left: it has to wait, and Kerf says why. */
export const TOO_LARGE: DemoPod = {
  name: 'too-large',
  asks: '200Gi',
  limits: { [memory]: '200Gi' },
};

/** What each pod holds all the time. */
export const HELD_MIB = 256;

/** A program as any other on a GPU: takes some memory, and stays. */
const STAY = ['kerf-workload', 'alloc', String(HELD_MIB), '--hold', '31536000'];

export function manifestOf(pod: DemoPod): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: pod.name, namespace: DEMO_NAMESPACE },
    spec: {
      terminationGracePeriodSeconds: 1,
      ...(pod.node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': pod.node } }),
      containers: [
        {
          name: 'main',
          image: 'kerf-workload:test',
          imagePullPolicy: 'Never',
          command: STAY,
          resources: { limits: pod.limits },
        },
      ],
    },
  };
}
