// SPDX-License-Identifier: Apache-2.0
// The pods that ask, beside those of the trace: each sample another amount, so that every one is a shape never seen.
import {
  ANY_DEVICE,
  type ContainerKind,
  type ContainerRequest,
  type MemoryWish,
  type PodRequest,
  type SliceRequest,
} from '../../src/core/request.js';
import { mib, milliCores } from '../../src/core/units.js';
import { VENDOR } from './fleet.js';

export interface Asker {
  readonly name: string;
  readonly fits: boolean;
  /** Asked where some devices are free: of the fleet that the trace has filled. */
  readonly needsFree?: true;
  readonly podOf: (sample: number) => PodRequest;
}

const fixed = (memory: number): MemoryWish => ({ kind: 'fixed', memory: mib(memory) });
/** More than is free of a device of 40 GiB that carries the smallest slice, and less than the device. */
const tooMuch = (sample: number): MemoryWish => fixed(40_960 - (sample % 1000));
/** 1 to 23 GiB, and no two of 5 000 samples alike. */
const size = (sample: number): number => 1024 + 4 * ((sample * 1307) % 5000) + (sample % 4);

export const ASKERS: readonly Asker[] = [
  {
    name: 'one container',
    fits: true,
    podOf: (at) => pod([container('main', 'app', { memory: fixed(size(at)) })]),
  },
  {
    name: 'percentage',
    fits: true,
    podOf: (at) =>
      pod([container('main', 'app', { memory: { kind: 'share', permille: 1 + ((at * 7) % 600) } })]),
  },
  {
    name: '4 devices, topology',
    fits: true,
    podOf: (at) => ({
      ...pod([container('main', 'app', { memory: fixed(size(at)), count: 4 })]),
      nodePolicy: [[{ name: 'topology', weight: 1 }]],
      devicePolicy: ['topology'],
    }),
  },
  {
    name: 'mutex, binpack, numa',
    fits: true,
    needsFree: true,
    podOf: (at) => ({
      ...pod([container('main', 'app', { memory: fixed(size(at)) })]),
      devicePolicy: ['mutex', 'binpack', 'numa'],
    }),
  },
  { name: 'init + sidecar + 2 apps', fits: true, podOf: (at) => pod(family(fixed(size(at)))) },
  {
    name: 'fits nowhere',
    fits: false,
    podOf: (at) => pod([container('main', 'app', { memory: tooMuch(at) })]),
  },
  { name: '4 containers, fits nowhere', fits: false, podOf: (at) => pod(family(tooMuch(at))) },
];

const pod = (containers: readonly ContainerRequest[]): PodRequest => ({
  containers,
  choice: ANY_DEVICE,
  nodePolicy: null,
  devicePolicy: null,
  numa: null,
  cpuMilli: 0,
});

function container(
  name: string,
  kind: ContainerKind,
  wish: Pick<SliceRequest, 'memory'> & Partial<SliceRequest>,
): ContainerRequest {
  const everyday = { vendor: VENDOR, count: 1, cores: milliCores(100), isExclusive: false } as const;
  return { name, kind, slices: [{ ...everyday, priority: 'low', ...wish }] };
}

function family(first: MemoryWish): readonly ContainerRequest[] {
  return [
    container('prepare', 'init', { memory: fixed(2048) }),
    container('proxy', 'sidecar', { memory: fixed(1024) }),
    container('main', 'app', { memory: first }),
    container('beside', 'app', { memory: fixed(4096) }),
  ];
}
