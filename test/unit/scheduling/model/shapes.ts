// SPDX-License-Identifier: Apache-2.0
// The pods of random histories: what a user writes, and beside it, by hand, what the oracle is to count of it.
import type { ContainerKind } from '../../../../src/core/request.js';

export interface Shape {
  readonly title: string;
  /** As the API server shows it. */
  readonly spec: Record<string, unknown>;
  /** In the kubelet's order. */
  readonly kinds: Readonly<Record<string, ContainerKind>>;
  /** Slots the kubelet lends it, by vendor. */
  readonly slots: Readonly<Record<string, number>>;
  /** Its init containers alone ask. */
  readonly isInitOnly: boolean;
  readonly asks: boolean;
  /** CPU it requests at its worst moment, in thousandths; every container asks for a quarter. */
  readonly cpu: number;
  /** The one wish of a pod whose fit the oracle can tell by itself. */
  readonly wish?: Wish;
}

export interface Wish {
  readonly count: number;
  /** MiB, or a share of the device in percent, or all of it. */
  readonly memory: number | { readonly percent: number } | 'whole';
  readonly cores: number;
}

type Limits = Readonly<Record<string, string>>;

const gpu = (count: number, memory?: number, cores?: number): Limits => ({
  'nvidia.com/gpu': String(count),
  ...(memory === undefined ? {} : { 'nvidia.com/gpu-mem': String(memory) }),
  ...(cores === undefined ? {} : { 'nvidia.com/gpu-cores': String(cores) }),
});

const container = (name: string, limits: Limits = {}): object => ({
  name,
  resources: { limits: { cpu: '250m', ...limits } },
});
const sidecar = (name: string, limits: Limits): object => ({
  ...container(name, limits),
  restartPolicy: 'Always',
});

function one(title: string, limits: Limits, wish: Wish): Shape {
  return {
    title,
    spec: { containers: [container('main', limits)] },
    kinds: { main: 'app' },
    slots: { nvidia: wish.count },
    isInitOnly: false,
    asks: true,
    cpu: 250,
    wish,
  };
}

/** GPUs have 16 384 or 40 960 MiB (see api-server). */
export const SHAPES: readonly Shape[] = [
  one('a quarter', gpu(1, 4096), { count: 1, memory: 4096, cores: 0 }),
  one('a large part with compute', gpu(1, 10_000, 50), { count: 1, memory: 10_000, cores: 500 }),
  one('a whole device', gpu(1), { count: 1, memory: 'whole', cores: 1000 }),
  one('parts of two devices', gpu(2, 3000, 30), { count: 2, memory: 3000, cores: 300 }),
  one('all the compute', gpu(1, 2000, 100), { count: 1, memory: 2000, cores: 1000 }),
  one(
    'a share',
    { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem-percentage': '33' },
    { count: 1, memory: { percent: 33 }, cores: 0 },
  ),
  {
    title: 'a large init container and a small app',
    spec: {
      initContainers: [container('init', gpu(1, 12_000))],
      containers: [container('main', gpu(1, 2000))],
    },
    kinds: { init: 'init', main: 'app' },
    slots: { nvidia: 1 },
    isInitOnly: false,
    asks: true,
    cpu: 250,
  },
  {
    title: 'a sidecar, an init container beside it, two apps',
    spec: {
      initContainers: [
        container('early', gpu(2, 5000)),
        sidecar('side', gpu(1, 3000, 20)),
        container('late', gpu(1, 9000)),
      ],
      containers: [container('a', gpu(1, 4000)), container('b', gpu(1, 5000, 40))],
    },
    kinds: { early: 'init', side: 'sidecar', late: 'init', a: 'app', b: 'app' },
    slots: { nvidia: 3 },
    isInitOnly: false,
    asks: true,
    cpu: 750,
  },
  {
    title: 'an init container alone',
    spec: { initContainers: [container('init', gpu(1, 6000))], containers: [container('main')] },
    kinds: { init: 'init', main: 'app' },
    slots: { nvidia: 1 },
    isInitOnly: true,
    asks: true,
    cpu: 250,
  },
  {
    title: 'of another vendor',
    spec: {
      containers: [
        container('main', { 'amd.com/gpu': '1', 'amd.com/gpu-mem': '8000', 'amd.com/gpu-cores': '25' }),
      ],
    },
    kinds: { main: 'app' },
    slots: { amd: 1 },
    isInitOnly: false,
    asks: true,
    cpu: 250,
  },
  {
    title: 'of two vendors',
    spec: {
      containers: [
        container('a', gpu(1, 8000)),
        container('b', { 'amd.com/gpu': '1', 'amd.com/gpu-mem': '4000' }),
      ],
    },
    kinds: { a: 'app', b: 'app' },
    slots: { nvidia: 1, amd: 1 },
    isInitOnly: false,
    asks: true,
    cpu: 500,
  },
  {
    title: 'with a wish nobody can read',
    spec: { containers: [container('main', { 'nvidia.com/gpu': '2', 'nvidia.com/gpu-cores': 'lots' })] },
    kinds: { main: 'app' },
    slots: { nvidia: 2 },
    isInitOnly: false,
    asks: true,
    cpu: 250,
  },
  {
    title: 'that asks for nothing',
    spec: { containers: [container('main', { cpu: '1' })] },
    kinds: {},
    slots: {},
    isInitOnly: false,
    asks: false,
    cpu: 1000,
  },
];
