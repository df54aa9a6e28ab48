// SPDX-License-Identifier: Apache-2.0
// The pods that ask: the everyday one, a percentage, several containers, and two that fit nowhere.
import {
  ANY_DEVICE,
  type ContainerKind,
  type ContainerRequest,
  type MemoryWish,
  type PodRequest,
} from '../../src/core/request.js';
import { mib, milliCores } from '../../src/core/units.js';
import { VENDOR } from './fleet.js';

export interface Asker {
  readonly name: string;
  readonly fits: boolean;
  /** Another pod of its kind for each sample, so that no answer can be remembered. */
  readonly podOf: (sample: number) => PodRequest;
}

const fixed = (gib: number): MemoryWish => ({ kind: 'fixed', memory: mib(gib * 1024) });
/** More than is free of a device of 40 GiB that carries the smallest slice, and less than the device. */
const tooMuch = (sample: number): MemoryWish => ({ kind: 'fixed', memory: mib(40_960 - (sample % 1000)) });
const size = (sample: number): number => 1 + (sample % 24);

export const ASKERS: readonly Asker[] = [
  { name: 'one container', fits: true, podOf: (at) => pod([container('main', 'app', fixed(size(at)))]) },
  {
    name: 'percentage',
    fits: true,
    podOf: (at) => pod([container('main', 'app', { kind: 'share', permille: 20 * size(at) })]),
  },
  { name: 'init + sidecar + 2 apps', fits: true, podOf: (at) => pod(family(fixed(size(at)))) },
  { name: 'fits nowhere', fits: false, podOf: (at) => pod([container('main', 'app', tooMuch(at))]) },
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

function container(name: string, kind: ContainerKind, memory: MemoryWish): ContainerRequest {
  const slice = {
    vendor: VENDOR,
    count: 1,
    memory,
    cores: milliCores(100),
    isExclusive: false,
    priority: 'low' as const,
  };
  return { name, kind, slices: [slice] };
}

function family(first: MemoryWish): readonly ContainerRequest[] {
  return [
    container('prepare', 'init', fixed(2)),
    container('proxy', 'sidecar', fixed(1)),
    container('main', 'app', first),
    container('beside', 'app', fixed(4)),
  ];
}
