// SPDX-License-Identifier: Apache-2.0
// Journeys that end at the binding, on a real API server and kube-scheduler: pods of HAMi on Kerf's nodes, devices that
// are cordoned, a waiting pod that is helped by what explain says, and who may read the scheduler's pages.
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeInventory } from '../../src/wire/inventory.js';
import { CORDON, inventoryOf, PLACEMENT } from '../../src/wire/names.js';
import { decodePlacement } from '../../src/wire/placement.js';
import { aDevice } from '../builders/core.js';
import {
  type Cluster,
  downCluster,
  isWrite,
  openRelay,
  readAudit,
  serviceAccountKubeconfig,
  serviceAccountToken,
  until,
} from './index.js';
import { ROOT } from './kerf/artefacts.js';
import {
  authorityOf,
  callAllInside,
  callInside,
  EXTENDER,
  podOf,
  Pods,
  upPlacingCluster,
} from './kerf/placing-cluster.js';
import { WEBHOOK_PORT } from './kerf/ports.js';
import { run } from './shell.js';

const NAME = 'journeys-test';
let cluster: Cluster;
const pods = new Pods(() => cluster);

/** Two nodes of two devices of 40 GiB: GPU-0-0 … GPU-1-1. */
beforeAll(async () => {
  const devices = (node: number) => [0, 1].map((index) => aDevice({ id: `GPU-${node}-${index}`, index }));
  cluster = await upPlacingCluster(NAME, {
    count: 2,
    annotations: (index) => ({ [inventoryOf('nvidia')]: encodeInventory(devices(index)) }),
    allocatable: { 'nvidia.com/gpu': '20' },
  });
}, 300_000);
afterAll(() => downCluster(NAME), 60_000);
afterEach(() => pods.remove(''));

const part = (memory: number) => ({ 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': `${memory}` });
const on = (...ids: readonly string[]) => ({ 'kerf.dev/device-uuid': ids.join(',') });
const isPlaced = (name: string, patienceMs = 20_000) => until(() => pods.areBound(name, 1), patienceMs, 50);

async function devicesOf(name: string): Promise<readonly string[]> {
  const placement = decodePlacement((await pods.read(name)).metadata.annotations?.[PLACEMENT] ?? '');
  if (!placement.ok) throw new Error(placement.error);
  return placement.value.containers.flatMap(({ slices }) => slices.map(({ deviceId }) => deviceId));
}

/** What explain says of a waiting pod's node, once the scheduler knows the pod. */
async function explainedOn(name: string, node: string) {
  await until(async () => (await pods.explained(name)) !== undefined, 10_000, 50);
  const { nodes } = await pods.explained(name);
  return nodes.find((each: { node: string }) => each.node === node);
}

/** As HAMi's scheduler leaves it: bound, with its letter. */
function hamiPod(name: string, letter: string, node = 'node-0001'): object {
  const containers = [{ name: 'main', image: 'none', resources: { limits: { 'nvidia.com/gpu': '1' } } }];
  const annotations = { 'hami.io/vgpu-devices-allocated': letter, 'hami.io/bind-phase': 'success' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations },
    spec: { schedulerName: 'hami-scheduler', nodeName: node, containers },
  };
}

describe('pods that HAMi placed on a node of ours', () => {
  it('are placed around, and their room is free again when they go', async () => {
    await pods.create(
      hamiPod('hami-part', 'GPU-0-0,NVIDIA,30000,30:;'),
      hamiPod('hami-whole', 'GPU-0-1,NVIDIA,1000,100:;'),
    );
    const ours = on('GPU-0-0', 'GPU-0-1');
    await pods.create(...[0, 1, 2].map((index) => podOf(`beside-${index}`, part(5000), ours)));
    expect(await until(() => pods.areBound('beside-', 2), 20_000, 50)).toBe(true);
    const placed = (await pods.readAll('beside-')).filter(({ spec }) => spec.nodeName !== undefined);
    for (const { metadata } of placed) expect(await devicesOf(metadata.name)).toEqual(['GPU-0-0']);
    const [waiting] = (await pods.readAll('beside-')).filter(({ spec }) => spec.nodeName === undefined);
    const { devices } = await explainedOn(waiting?.metadata.name ?? '', 'node-0001');
    expect(devices.map(({ kind }: { kind: string }) => kind)).toEqual(['MemoryShort', 'HeldExclusively']);
    await pods.remove('hami-whole');
    expect(await until(() => pods.areBound('beside-', 3), 30_000, 50)).toBe(true);
    expect(await devicesOf(waiting?.metadata.name ?? '')).toEqual(['GPU-0-1']);
  });

  it('whose letter nobody can read hold the whole node, which is told once', async () => {
    await pods.create(hamiPod('hami-odd', 'garbage', 'node-0002'));
    await pods.create(podOf('careful', part(1000), on('GPU-1-0')));
    expect(await explainedOn('careful', 'node-0002')).toMatchObject({
      kind: 'HeldByUnreadablePlacement',
      by: 'default/hami-odd',
    });
    const path = '/apis/events.k8s.io/v1/namespaces/default/events';
    const notes = async () => {
      const { body } = await cluster.api.call({ method: 'GET', path });
      const events = body.items as { reason: string; note: string; regarding: { name: string } }[];
      return events
        .filter(({ reason, regarding }) => reason === 'PlacementUnreadable' && regarding.name === 'hami-odd')
        .map(({ note }) => note);
    };
    const note = `HAMi's letter about nvidia: container 0 has "garbage": want uuid,word,MiB,percent`;
    expect(await until(async () => (await notes()).length > 0, 10_000, 100)).toBe(true);
    expect(await notes()).toEqual([note]);
    await pods.remove('hami-odd');
    expect(await isPlaced('careful', 30_000)).toBe(true);
  });
});

describe('a cordon', () => {
  let extender: string;
  // From here, for a second is short where each question starts a program inside.
  beforeAll(async () => {
    const port = await openRelay(cluster, 'relay-extender', EXTENDER.replace('http://', ''));
    extender = `http://127.0.0.1:${port}`;
  });

  const cordon = async (value: string | null): Promise<void> => {
    const body = { metadata: { annotations: { [CORDON]: value } } };
    await cluster.api.call({ method: 'PATCH', path: '/api/v1/nodes/node-0001', body });
  };
  /** The extender's answer to `filter` about node-0001: empty when it offers it, else why not. */
  const filtered = async (...ids: readonly string[]): Promise<string> => {
    const body = JSON.stringify({ Pod: podOf('asked', part(1000), on(...ids)), NodeNames: ['node-0001'] });
    const answer = await fetch(`${extender}/filter`, { method: 'POST', body });
    const { FailedNodes, FailedAndUnresolvableNodes } = (await answer.json()) as Record<string, object>;
    const failed: Record<string, string> = { ...FailedNodes, ...FailedAndUnresolvableNodes };
    return failed['node-0001'] ?? '';
  };
  const withinASecond = (check: () => Promise<boolean>) => until(check, 1_000, 20);

  it('of one device, of all, and its end are in the next answer of filter, within a second', async () => {
    expect(await filtered('GPU-0-0')).toBe('');
    await cordon('GPU-0-0');
    expect(await withinASecond(async () => (await filtered('GPU-0-0')).includes('cordoned'))).toBe(true);
    expect(await filtered('GPU-0-0', 'GPU-0-1')).toBe('');
    await cordon('all');
    expect(await withinASecond(async () => (await filtered('GPU-0-1')).includes('cordoned'))).toBe(true);
    await cordon(null);
    expect(await withinASecond(async () => (await filtered('GPU-0-0')) === '')).toBe(true);
    expect(await filtered('GPU-0-1')).toBe('');
  });
});

describe('a pod that waits', () => {
  const amountIn = (text: string): number => {
    const [, amount, unit] = /memory ≤ (\d+) (MiB|GiB)/.exec(text) ?? [];
    return Number(amount) * (unit === 'GiB' ? 1024 : 1);
  };

  it('runs with the smallest change that explain tells, and not with a MiB more', async () => {
    await pods.create(...[0, 1, 2, 3].map((index) => podOf(`fill-${index}`, part(30_000 + index))));
    expect(await until(() => pods.areBound('fill-', 4), 20_000, 50)).toBe(true);
    await pods.create(podOf('large', part(20_000)));
    const changes = async (): Promise<readonly { kind: string; text: string; by?: string }[]> =>
      (await pods.explained('large'))?.changes ?? [];
    expect(await until(async () => (await changes()).length === 2, 10_000, 50)).toBe(true);
    const [memory, end] = await changes();
    expect([memory?.kind, end]).toEqual([
      'memory',
      expect.objectContaining({ kind: 'end', by: 'default/fill-0' }),
    ]);
    const most = amountIn(memory?.text ?? '');
    expect(most).toBe(10_960);
    await pods.create(podOf('more', part(most + 1)), podOf('helped', part(most)));
    expect(await isPlaced('helped')).toBe(true);
    expect(await pods.areBound('more', 0)).toBe(true);
    await pods.remove('fill-0');
    expect(await isPlaced('large', 30_000)).toBe(true);
  });
});

describe('the pages on the webhook’s port', () => {
  const SECRET = 'hush-hush';
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    for (const name of ['reader', 'scraper', 'stranger']) {
      const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } };
      await cluster.api.call({ method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts', body });
      tokens.set(name, await serviceAccountToken(cluster, 'default', name));
    }
    for (const [name, role] of [
      ['reader', 'kerf-explain-reader'],
      ['scraper', 'kerf-metrics-reader'],
    ]) {
      const subject = `--serviceaccount=default:${name}`;
      const { code } = await cluster.kubectl([
        'create',
        'clusterrolebinding',
        `${name}-reads`,
        `--clusterrole=${role}`,
        subject,
      ]);
      expect(code).toBe(0);
    }
  });

  const wish = (path: string, token?: string, method = 'GET') => ({
    url: `https://127.0.0.1:${WEBHOOK_PORT}${path}`,
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${tokens.get(token) ?? token}` },
  });
  const ask = (...of: Parameters<typeof wish>) => callInside(cluster, wish(...of));

  it('are shown by the rules of the API server alone', async () => {
    await pods.create(podOf('shown', part(1000)));
    expect(await isPlaced('shown')).toBe(true);
    const paths = ['/v1/explain/default/shown', '/v1/snapshot', '/v1/decisions', '/metrics'];
    const callers = ['reader', 'scraper', 'stranger', 'made.up.token', undefined];
    const wishes = callers.flatMap((token) => paths.map((path) => wish(path, token)));
    const statuses = (await callAllInside(cluster, wishes)).map(({ status }) => status);
    const table = callers.map((token, row) => [token, ...statuses.slice(row * 4, row * 4 + 4)]);
    expect(table).toEqual([
      ['reader', 200, 200, 200, 403],
      ['scraper', 403, 403, 403, 200],
      ['stranger', 403, 403, 403, 403],
      ['made.up.token', 401, 401, 401, 401],
      [undefined, 401, 401, 401, 401],
    ]);
    const { text } = await ask('/v1/snapshot', 'stranger');
    expect(JSON.parse(text).error).toBe(
      'user "system:serviceaccount:default:stranger" may not get /v1/snapshot: want a ClusterRole with this nonResourceURL',
    );
  });

  it('are read by kerf explain with the token of its kubeconfig', async () => {
    await pods.create(podOf('shown', part(1000)));
    expect(await isPlaced('shown')).toBe(true);
    const port = await openRelay(cluster, 'relay-webhook', `127.0.0.1:${WEBHOOK_PORT}`);
    const { outside } = await serviceAccountKubeconfig(cluster, 'default', 'reader');
    const tsx = join(ROOT, 'node_modules', '.bin', 'tsx');
    const argv = [tsx, join(ROOT, 'src', 'apps', 'cli', 'main.ts'), 'explain', 'default/shown'];
    const env = { NODE_EXTRA_CA_CERTS: authorityOf(cluster), KUBECONFIG: outside };
    const told = await run([...argv, '--scheduler', `https://127.0.0.1:${port}`], { env });
    expect(`${told.code} ${told.stderr}`).toBe('0 ');
    expect(told.stdout).toContain('default/shown: placed on node');
  });

  it('are not the extender’s verbs, for nobody', async () => {
    const verbs = ['filter', 'prioritize', 'bind'].map((verb) => wish(`/${verb}`, 'reader', 'POST'));
    const answers = await callAllInside(cluster, verbs);
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
    expect((await ask('/filter')).status).toBe(401);
  });

  it('lose a reader whose right is taken away', async () => {
    expect((await ask('/v1/snapshot', 'reader')).status).toBe(200);
    await cluster.kubectl(['delete', 'clusterrolebinding', 'reader-reads']);
    expect(await until(async () => (await ask('/v1/snapshot', 'reader')).status === 403, 15_000, 500)).toBe(
      true,
    );
  });

  it('say nothing of a tenant’s environment, labels or other annotations', async () => {
    const pod = podOf('tenant', part(1000), { 'team/note': SECRET }) as {
      spec: { containers: object[] };
      metadata: object;
    };
    const env = [{ name: 'PASSWORD', value: SECRET }];
    pod.spec.containers = pod.spec.containers.map((container) => ({ ...container, env, command: [SECRET] }));
    pod.metadata = { ...pod.metadata, labels: { tenant: SECRET } };
    await pods.create(pod);
    expect(await isPlaced('tenant')).toBe(true);
    for (const path of ['/v1/snapshot', '/v1/explain/default/tenant', '/v1/decisions?pod=default/tenant']) {
      const { text } = await callInside(cluster, { url: `${EXTENDER}${path}` });
      expect(text).toContain('default/tenant');
      expect(text).not.toContain(SECRET);
    }
  });

  it('are asked about by an agent of their own, and nothing is written for them', async () => {
    await ask('/metrics', 'scraper');
    const seen = await readAudit(cluster, { userAgent: 'kerf-scheduler-reviews' });
    const resources = new Set(seen.filter(isWrite).map(({ resource }) => resource));
    expect([...resources].toSorted()).toEqual(['subjectaccessreviews', 'tokenreviews']);
  });
});
