// SPDX-License-Identifier: Apache-2.0
// Pods and nodes read from a real API server in both of its forms: the letters that rooms 2 and 3 see are the same.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from '../../src/adapters/kubernetes/client.js';
import { loadCredentials } from '../../src/adapters/kubernetes/credentials.js';
import { formOf } from '../../src/adapters/kubernetes/forms.js';
import { PROTOBUF_OR_JSON, type Shape } from '../../src/adapters/kubernetes/protobuf.js';
import { NODE, POD } from '../../src/adapters/kubernetes/shapes.js';
import { VENDORS } from '../../src/vendors/index.js';
import { inventoryOf, PLACEMENT } from '../../src/wire/names.js';
import { encodeInventory } from '../../src/wire/inventory.js';
import { readNodeFacts } from '../../src/wire/node-view.js';
import { readPodView } from '../../src/wire/pod-view.js';
import { aDevice } from '../builders/core.js';
import { type Cluster, downCluster, makeApiOnlyNodes, upCluster } from './index.js';

const NAME = 'protobuf-test';
const PODS = '/api/v1/namespaces/default/pods';

let cluster: Cluster;
let client: KubeClient;

const part = { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '8192', cpu: '500m' };
const asking = (name: string, more: object = {}) => ({
  ...{ name, image: 'registry.example/work:v1', env: [{ name: 'A', value: 'ä€𐍈' }] },
  resources: { limits: part },
  ...more,
});

/** One pod of each kind of thing that a letter reads. */
const ALL: readonly object[] = [
  { metadata: { name: 'plain' }, spec: { containers: [asking('main')] } },
  {
    metadata: {
      name: 'inits',
      labels: { app: 'training', team: 'a' },
      annotations: { 'kerf.dev/node-policy': 'spread', note: 'ä€𐍈\n"', empty: '' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'u' }],
      finalizers: ['test.kerf.dev/stays'],
    },
    spec: {
      schedulerName: 'kerf-scheduler',
      initContainers: [asking('first'), asking('beside', { restartPolicy: 'Always' })],
      containers: [asking('main'), { name: 'small', image: 'registry.example/work:v1' }],
    },
  },
  {
    metadata: { name: 'bound', annotations: { [PLACEMENT]: '{"v":1,"containers":[]}' } },
    spec: { nodeName: 'node-0001', containers: [asking('main')] },
  },
  {
    metadata: { name: 'amount-of-the-pod' },
    spec: { resources: { requests: { cpu: '2' } }, containers: [asking('main', { resources: {} })] },
  },
];

const STARTED = {
  phase: 'Running',
  initContainerStatuses: ['first', 'beside'].map((name) => ({
    ...{ name, image: '', imageID: '', ready: true, restartCount: 1 },
    state: { running: { startedAt: '2026-11-21T12:00:00Z' } },
    lastState: { terminated: { exitCode: 1 } },
  })),
};

beforeAll(async () => {
  cluster = await upCluster({ name: NAME, apiOnly: true });
  const devices = encodeInventory([aDevice({ id: 'GPU-0' }), aDevice({ id: 'GPU-1', index: 1 })]);
  await makeApiOnlyNodes(cluster, {
    count: 2,
    annotations: () => ({ [inventoryOf('nvidia')]: devices, 'kerf.dev/cordon': 'GPU-1' }),
    allocatable: { 'nvidia.com/gpu': '20' },
  });
  client = createKubeClient({ credentials: loadCredentials(cluster.kubeconfigPath), agent: 'kerf-test' });
  for (const body of ALL) {
    const made = await cluster.api.call({ method: 'POST', path: PODS, body });
    if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  }
  await cluster.api.call({ method: 'PATCH', path: `${PODS}/inits/status`, body: { status: STARTED } });
  await cluster.api.call({ method: 'DELETE', path: `${PODS}/inits?gracePeriodSeconds=0` });
}, 300_000);

afterAll(async () => {
  await client?.close();
  await downCluster(NAME);
}, 60_000);

const POD_FORM = { path: '/api/v1/pods', shape: POD, project: (raw: unknown) => readPodView(raw, VENDORS) };
const NODE_FORM = {
  path: '/api/v1/nodes',
  shape: NODE,
  project: (raw: unknown) => readNodeFacts(raw, VENDORS),
};

interface Kind {
  readonly path: string;
  readonly shape: Shape;
  readonly project: (raw: unknown) => unknown;
}

describe('what a real API server sends in protobuf', () => {
  it.each([
    ['pods', POD_FORM, 4],
    ['nodes', NODE_FORM, 2],
  ])('reads as its JSON does: a list of %s', async (_what, kind: Kind, count) => {
    const [json, protobuf] = await Promise.all([
      listIn(kind, 'application/json'),
      listIn(kind, PROTOBUF_OR_JSON),
    ]);
    expect(json.contentType).toBe('application/json');
    expect(protobuf.contentType).toBe('application/vnd.kubernetes.protobuf');
    expect(protobuf.items).toHaveLength(count);
    expect(protobuf.items).toEqual(json.items);
  });

  it.each([
    ['pods', POD_FORM, 4],
    ['nodes', NODE_FORM, 2],
  ])('reads as its JSON does: a watch of %s', async (_what, kind: Kind, count) => {
    const json = await watchIn(kind, 'application/json', count);
    expect(await watchIn(kind, PROTOBUF_OR_JSON, count)).toEqual(json);
    expect(json.filter(({ type }) => type === 'ADDED')).toHaveLength(count);
  });
});

async function listIn({ path, shape, project }: Kind, accept: string) {
  const { contentType, body } = await client.bytes({ method: 'GET', path, accept });
  return { contentType, items: formOf(contentType, shape).page(body).items.map(project) };
}

async function watchIn({ path, shape, project }: Kind, accept: string, count: number) {
  const query = { watch: '1', resourceVersion: '0' };
  const stop = new AbortController();
  const { contentType, chunks } = await client.stream({
    method: 'GET',
    path,
    query,
    accept,
    signal: stop.signal,
  });
  const events: { type: string | undefined; item: unknown }[] = [];
  try {
    for await (const { type, object } of formOf(contentType, shape).events(chunks)) {
      events.push({ type, item: project(object) });
      if (events.length === count) return events;
    }
  } finally {
    stop.abort();
  }
  return events;
}
