// SPDX-License-Identifier: Apache-2.0
// Every policy seen to decide, on a real API server with a real kube-scheduler: each journey on nodes of its own.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeInventory } from '../../src/wire/inventory.js';
import type { LinkTriangle } from '../../src/wire/links.js';
import { inventoryOf, PLACEMENT } from '../../src/wire/names.js';
import { decodePlacement } from '../../src/wire/placement.js';
import { aDevice } from '../builders/core.js';
import { type Cluster, downCluster, until } from './index.js';
import { type PodJson, Pods, upPlacingCluster } from './kerf/placing-cluster.js';

const NAME = 'policies-test';
const SECONDS = 20_000;

/** Nodes of a journey: the NUMA node of each device, and how they are linked where that is told. */
interface Kind {
  readonly nodes: readonly string[];
  readonly numa: readonly number[];
  readonly links?: LinkTriangle;
}

/** Two bridged pairs, and a fifth card on its own. */
const PAIRS: LinkTriangle = [['NV12', 'SYS', 'SYS', 'SYS'], ['SYS', 'SYS', 'SYS'], ['NV12', 'SYS'], ['SYS']];
/** Eight in two quads of NVLinks; a few links lead from one to the other, as in a hybrid cube mesh. */
const MESH: LinkTriangle = [
  ['NV1', 'NV1', 'NV2', 'NV2', 'SYS', 'SYS', 'SYS'],
  ['NV2', 'NV1', 'SYS', 'NV2', 'SYS', 'SYS'],
  ['NV2', 'SYS', 'SYS', 'NV1', 'SYS'],
  ['SYS', 'SYS', 'SYS', 'NV1'],
  ['NV1', 'NV1', 'NV2'],
  ['NV2', 'NV1'],
  ['NV2'],
];

const KINDS: Readonly<Record<string, Kind>> = {
  plain: { nodes: ['plain-1', 'plain-2', 'plain-3'], numa: [0, 0] },
  single: { nodes: ['single'], numa: [0, 0, 0] },
  sockets: { nodes: ['sockets'], numa: [0, 0, 1, 1] },
  apart: { nodes: ['apart'], numa: [0, 0, 1, 2] },
  pairs: { nodes: ['pairs'], numa: [0, 0, 1, 1, 1], links: PAIRS },
  mesh: { nodes: ['mesh'], numa: [0, 0, 0, 0, 1, 1, 1, 1], links: MESH },
  linked: { nodes: ['linked'], numa: [0, 0], links: [['NV12']] },
  loose: { nodes: ['loose'], numa: [0, 0], links: [['SYS']] },
};
const NODES = Object.values(KINDS).flatMap(({ nodes, ...kind }) => nodes.map((name) => ({ name, ...kind })));

const idOf = (node: string, index: number): string => `GPU-${node}-${index}`;

function letterOf({ name, numa, links }: (typeof NODES)[number]): string {
  const devices = numa.map((each, index) => aDevice({ id: idOf(name, index), index, numa: each }));
  return encodeInventory(devices, links ?? null);
}

let cluster: Cluster;
const pods = new Pods(() => cluster);

beforeAll(async () => {
  cluster = await upPlacingCluster(NAME, {
    count: NODES.length,
    name: (at) => NODES[at]?.name ?? '',
    annotations: (at) => ({
      [inventoryOf('nvidia')]: NODES.slice(at, at + 1)
        .map(letterOf)
        .join(),
    }),
    allocatable: { 'nvidia.com/gpu': '80' },
  });
}, 300_000);

afterAll(() => downCluster(NAME), 60_000);
afterEach(() => pods.remove(''));

/** What a pod of a journey asks: MiB of each of `count` devices (0: whole ones) in each of its containers. */
interface Ask {
  readonly count?: number;
  readonly memory?: number;
  readonly containers?: number;
  readonly priority?: 0 | 1;
  /** Only these devices, by index, on a node of this name. */
  readonly on?: readonly [node: string, ...devices: number[]];
  /** Short names: `node-policy`, `device-policy`, `numa`. */
  readonly says?: Readonly<Record<string, string>>;
}

/** May run on the nodes of these kinds. */
function podOf(kinds: string, name: string, ask: Ask): object {
  const { count = 1, memory = 8192, containers = 1, priority, on, says = {} } = ask;
  const limits = {
    'nvidia.com/gpu': String(count),
    ...(memory === 0 ? {} : { 'nvidia.com/gpu-mem': String(memory) }),
    ...(priority === undefined ? {} : { 'nvidia.com/priority': String(priority) }),
  };
  const chosen = on?.slice(1).map((index) => idOf(on[0], Number(index)));
  const values = kinds.split(' ').flatMap((kind) => KINDS[kind]?.nodes ?? []);
  const nodeSelectorTerms = [
    { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }] },
  ];
  const short = { ...says, ...(chosen === undefined ? {} : { 'device-uuid': chosen.join() }) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      annotations: Object.fromEntries(Object.entries(short).map(([key, text]) => [`kerf.dev/${key}`, text])),
    },
    spec: {
      schedulerName: 'kerf-scheduler',
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
      containers: Array.from({ length: containers }, (_, at) => ({
        name: `c${at}`,
        image: 'none',
        resources: { limits },
      })),
    },
  };
}

/** Makes the pod and answers where it was bound: its node, and the indexes of each container's devices. */
async function bound(
  kinds: string,
  name: string,
  ask: Ask = {},
): Promise<{ node: string; devices: number[][] }> {
  await pods.create(podOf(kinds, name, ask));
  let pod: PodJson = await pods.read(name);
  const isBound = async () => {
    pod = await pods.read(name);
    return pod.spec.nodeName !== undefined;
  };
  if (!(await until(isBound, SECONDS, 50))) throw new Error(`${name} is not bound: ${await reasonOf(name)}`);
  const { nodeName: node = '' } = pod.spec;
  const placement = decodePlacement(pod.metadata.annotations?.[PLACEMENT] ?? '');
  if (!placement.ok) throw new Error(placement.error);
  const indexOf = (id: string): number => Number(id.slice(`GPU-${node}-`.length));
  return {
    node,
    devices: placement.value.containers.map(({ slices }) =>
      slices.map(({ deviceId }) => indexOf(deviceId)).sort(),
    ),
  };
}

/** Makes the pod and answers what the kube-scheduler's event says of why it waits. */
async function refused(kinds: string, name: string, ask: Ask): Promise<string> {
  await pods.create(podOf(kinds, name, ask));
  expect(await until(async () => (await reasonOf(name)) !== '', SECONDS, 50)).toBe(true);
  expect((await pods.read(name)).spec.nodeName).toBeUndefined();
  return reasonOf(name);
}

async function reasonOf(name: string): Promise<string> {
  const path = `/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3D${name}`;
  return String((await cluster.api.call({ method: 'GET', path })).body.items?.[0]?.message ?? '');
}

describe('the node policy of a pod', () => {
  it('binpack, the default, fills one node; spread takes another each time', async () => {
    const { node } = await bound('plain', 'first');
    expect((await bound('plain', 'second')).node).toBe(node);
    expect((await bound('plain', 'named', { says: { 'node-policy': 'binpack' } })).node).toBe(node);
    const apart = { says: { 'node-policy': 'spread' } };
    const others = [
      (await bound('plain', 'apart-1', apart)).node,
      (await bound('plain', 'apart-2', apart)).node,
    ];
    expect(new Set([node, ...others]).size).toBe(3);
  });

  it('weighs several policies against one another', async () => {
    await bound('loose', 'filler', { count: 2 });
    const two = (says: string) => ({ count: 2, memory: 1024, says: { 'node-policy': says } });
    expect((await bound('linked loose', 'full', two('binpack=100,topology=1'))).node).toBe('loose');
    expect((await bound('linked loose', 'near', two('binpack=1,topology=100'))).node).toBe('linked');
  });

  it('topology takes several devices where they are linked best, and one where that spoils least', async () => {
    const says = { 'node-policy': 'topology', 'device-policy': 'topology' };
    expect((await bound('linked loose', 'one', { memory: 0, says })).node).toBe('loose');
    expect((await bound('linked loose', 'both', { count: 2, memory: 0, says })).node).toBe('linked');
  });
});

describe('the device policy of a pod', () => {
  it('binpack, the default, fills one device; spread takes another', async () => {
    const first = await bound('single', 'first');
    expect(await bound('single', 'second')).toEqual(first);
    const apart = await bound('single', 'apart', { says: { 'device-policy': 'spread' } });
    expect(apart.devices).not.toEqual(first.devices);
  });

  it('mutex has no neighbour and lets nobody join, but its own containers may share', async () => {
    const { devices } = await bound('single', 'alone', { containers: 2, says: { 'device-policy': 'mutex' } });
    expect(devices[1]).toEqual(devices[0]);
    const [mine = -1] = devices[0] ?? [];
    for (const name of ['a', 'b', 'c', 'd'])
      expect((await bound('single', name, { memory: 16_384 })).devices).not.toContainEqual([mine]);
    const joins = await refused('single', 'joins', { on: ['single', mine] });
    expect(joins).toContain('1 held alone by another pod');
    const full = await refused('single', 'no-room', { says: { 'device-policy': 'mutex' } });
    expect(full).toContain('2 in use by others, and a device alone is wanted');
  });

  it('exclusive shares with nobody, not even within its pod', async () => {
    const ask = { containers: 2, says: { 'device-policy': 'exclusive' } };
    const { devices } = await bound('single', 'alone', ask);
    expect(devices[0]).not.toEqual(devices[1]);
    const third = await bound('single', 'other');
    expect(devices).not.toContainEqual(third.devices[0]);
  });

  it('topology gives four the best connected set, and one the device that is missed least', async () => {
    const says = { 'device-policy': 'topology' };
    const quad = await bound('mesh', 'four', { count: 4, memory: 0, says });
    expect([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]).toContainEqual(quad.devices[0]);
    expect((await bound('pairs', 'one', { memory: 0, says })).devices).toEqual([[4]]);
    await bound('pairs', 'holder', { memory: 0, on: ['pairs', 1] });
    expect((await bound('pairs', 'two', { count: 2, memory: 0, says })).devices).toEqual([[2, 3]]);
  });

  it('priority keeps high ones apart and puts a low one beside', async () => {
    await bound('single', 'high-1', { priority: 0, memory: 32_768, on: ['single', 1] });
    await bound('single', 'low-1', { priority: 1, on: ['single', 2] });
    const says = { 'device-policy': 'priority,binpack' };
    // Not on 1, where a high one is; of the two without, the fuller.
    expect((await bound('single', 'high-2', { priority: 0, says })).devices).toEqual([[2]]);
    expect((await bound('single', 'low-2', { priority: 1, says })).devices).toEqual([[1]]);
  });

  it('is a list of which the first counts most', async () => {
    await bound('apart', 'holder', { count: 2, on: ['apart', 0, 1] });
    const two = (says: string) => ({ count: 2, memory: 1024, says: { 'device-policy': says } });
    expect((await bound('apart', 'near-first', two('numa,spread'))).devices).toEqual([[0, 1]]);
    expect((await bound('apart', 'empty-first', two('spread,numa'))).devices).toEqual([[2, 3]]);
  });
});

describe('the NUMA wish of a pod', () => {
  it('required has all devices of a container on one node, and waits where that cannot be', async () => {
    const says = { numa: 'required' };
    await bound('sockets', 'holder', { memory: 0, on: ['sockets', 0] });
    expect((await bound('sockets', 'two', { count: 2, says })).devices).toEqual([[2, 3]]);
    const three = await refused('sockets', 'three', { count: 3, says });
    expect(three).toContain('too few devices on one NUMA node: 3 wanted, at most 2 fit');
  });

  it('preferred takes one node where it can, and several where it cannot', async () => {
    const says = { numa: 'preferred' };
    await bound('sockets', 'fuller', { memory: 16_384, on: ['sockets', 0] });
    await bound('sockets', 'full', { memory: 8192, on: ['sockets', 2] });
    const { devices } = await bound('sockets', 'two', { count: 2, says });
    expect(devices).toEqual([[0, 1]]);
    expect((await bound('sockets', 'three', { count: 3, says })).devices[0]).toHaveLength(3);
  });
});

describe('a policy written wrongly by a pod that came past the webhook', () => {
  it('is refused with the sentence of admission', async () => {
    const message = await refused('single', 'wrong', { says: { 'device-policy': 'mutex,exclusive' } });
    expect(message).toContain(
      'metadata.annotations["kerf.dev/device-policy"] is "mutex,exclusive": want mutex or exclusive, since they contradict each other',
    );
  });
});
