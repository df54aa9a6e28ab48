// SPDX-License-Identifier: Apache-2.0
// The policy document edited on a real API server: it holds for the next pod, a bad edit changes nothing and says so.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeInventory } from '../../src/wire/inventory.js';
import { inventoryOf, PLACEMENT, POLICY_CONFIGMAP, POLICY_KEY } from '../../src/wire/names.js';
import { decodePlacement } from '../../src/wire/placement.js';
import { aDevice } from '../builders/core.js';
import { type Cluster, downCluster, until } from './index.js';
import { callInside, EXTENDER, podOf, Pods, upPlacingCluster } from './kerf/placing-cluster.js';

const NAME = 'policy-test';
const NODES = ['a-full', 'b-empty', 'dev'] as const;
const CONFIGMAPS = '/api/v1/namespaces/kerf-system/configmaps';
const EVENTS = '/apis/events.k8s.io/v1/namespaces/kerf-system/events';
const SECONDS = 20_000;

let cluster: Cluster;
const pods = new Pods(() => cluster);

/** 40 GiB each; the one of the node dev only takes pods that name it. */
const letterOf = (node: string): string =>
  encodeInventory([aDevice({ id: `GPU-${node}`, model: node === 'dev' ? 'L4' : 'A100' })], null);

beforeAll(async () => {
  cluster = await upPlacingCluster(NAME, {
    count: NODES.length,
    name: (at) => NODES[at] ?? '',
    annotations: (at) => ({ [inventoryOf('nvidia')]: letterOf(NODES[at] ?? '') }),
    allocatable: { 'nvidia.com/gpu': '40' },
  });
  const label = { metadata: { labels: { 'kerf.dev/pool': 'dev' } } };
  await cluster.api.call({ method: 'PATCH', path: '/api/v1/nodes/dev', body: label });
}, 300_000);

afterAll(() => downCluster(NAME), 60_000);
afterEach(() => pods.remove(''));

/** Makes or edits the ConfigMap. */
async function write(text: string): Promise<void> {
  const metadata = { name: POLICY_CONFIGMAP };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [POLICY_KEY]: text } };
  const made = await cluster.api.call({ method: 'POST', path: CONFIGMAPS, body });
  if (made.status === 201) return;
  const path = `${CONFIGMAPS}/${POLICY_CONFIGMAP}`;
  const edited = await cluster.api.call({ method: 'PATCH', path, body });
  expect(edited.status, JSON.stringify(edited.body)).toBe(200);
}

const inForce = async (): Promise<unknown> => {
  const { text } = await callInside(cluster, { url: `${EXTENDER}/v1/snapshot` });
  return (JSON.parse(text) as { policy?: unknown }).policy;
};

/** Edited, and in force within a second. */
async function apply(document: object): Promise<void> {
  await write(JSON.stringify({ version: 1, ...document }));
  const applied = async () => JSON.stringify(await inForce()) === JSON.stringify({ version: 1, ...document });
  expect(await until(applied, 1_000, 10)).toBe(true);
}

const told = async (
  reason: string,
): Promise<readonly { note: string; type: string; regarding: object }[]> => {
  const { body } = await cluster.api.call({ method: 'GET', path: EVENTS });
  return body.items.filter((event: { reason: string }) => event.reason === reason);
};

const part = { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '4096' };
const ON_A100 = { 'kerf.dev/device-type': 'A100' };
const ON_DEV = { 'kerf.dev/device-type': 'L4' };

interface Wish {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly memory?: string;
}

/** Makes a pod and answers the node it was bound to. */
async function nodeOf(name: string, { annotations = ON_A100, labels = {}, memory = '4096' }: Wish = {}) {
  const made = podOf(name, { ...part, 'nvidia.com/gpu-mem': memory }, annotations) as { metadata: object };
  await pods.create({ ...made, metadata: { ...made.metadata, labels } });
  await until(() => pods.areBound(name, 1), SECONDS, 20);
  return (await pods.read(name)).spec.nodeName;
}

/** The first pod makes one node fuller: spread goes to the other, binpack to the same. */
async function twoNodes(wish: Wish = {}): Promise<'same' | 'other'> {
  const first = await nodeOf('first');
  const second = await nodeOf('second', wish);
  return first === second ? 'same' : 'other';
}

describe('the policy document', () => {
  it('places the next pod by the new document', async () => {
    await apply({ defaults: { node: 'spread' } });
    expect(await twoNodes()).toBe('other');
    await pods.remove('');
    await apply({ defaults: { node: 'binpack' } });
    expect(await twoNodes()).toBe('same');
    const applied = async () => (await told('PolicyApplied')).length >= 2;
    expect(await until(applied, 5_000, 50)).toBe(true);
  });

  it('rules by namespace and by label, and a pod’s own word stands before them', async () => {
    await apply({ rules: [{ match: { namespaces: ['def*'] }, node: 'spread' }] });
    expect(await twoNodes()).toBe('other');
    await pods.remove('');
    expect(await twoNodes({ annotations: { ...ON_A100, 'kerf.dev/node-policy': 'binpack' } })).toBe('same');
    await pods.remove('');
    await apply({ rules: [{ match: { labels: { tier: 'web' } }, node: 'spread' }] });
    expect(await twoNodes({ labels: { tier: 'batch' } })).toBe('same');
    await pods.remove('');
    expect(await twoNodes({ labels: { tier: 'web' } })).toBe('other');
    const { text } = await callInside(cluster, { url: `${EXTENDER}/v1/decisions?pod=default/second` });
    expect(text).toContain('"ruledBy":{"node":"rules[0]","device":"options"}');
  });

  it('that is bad changes nothing, and an Event names line and reason', async () => {
    await apply({ defaults: { node: 'spread' } });
    await write('version: 1\ndefaults:\n  node: best\n');
    const refused = async () => (await told('PolicyRefused')).length > 0;
    expect(await until(refused, 5_000, 20)).toBe(true);
    const [event] = await told('PolicyRefused');
    expect(event).toMatchObject({
      type: 'Warning',
      note: expect.stringContaining('line 3: defaults.node is "best": want binpack, spread'),
      regarding: { kind: 'ConfigMap', name: POLICY_CONFIGMAP, namespace: 'kerf-system' },
    });
    expect(await inForce()).toEqual({ version: 1, defaults: { node: 'spread' } });
    expect(await twoNodes()).toBe('other');
  });

  it('lets a second pod on by overcommit, and taken back leaves what is held', async () => {
    const large = { annotations: ON_DEV, memory: '30720' };
    await apply({ overcommit: [{ nodes: { 'kerf.dev/pool': 'dev' }, memory: 1.5 }] });
    expect([await nodeOf('one', large), await nodeOf('two', large)]).toEqual(['dev', 'dev']);
    const placement = decodePlacement((await pods.read('two')).metadata.annotations?.[PLACEMENT] ?? '');
    const of = { memory: 61_440, cores: 1000, splits: 10 };
    expect(placement).toMatchObject({ ok: true, value: { containers: [{ slices: [{ of }] }] } });
    await apply({ defaults: { node: 'binpack' } });
    await pods.create(podOf('three', part, ON_DEV));
    const waits = async () => (await pods.explained('three'))?.nodes?.[2]?.devices?.[0];
    expect(await until(async () => (await waits()) !== undefined, 5_000, 50)).toBe(true);
    expect(await waits()).toMatchObject({ kind: 'MemoryShort', freeMiB: 0 });
    expect(await pods.areBound('t', 1)).toBe(true);
    expect((await pods.explained('one')).state).toBe('placed');
  });
});
