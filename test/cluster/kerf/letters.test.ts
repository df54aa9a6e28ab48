// SPDX-License-Identifier: Apache-2.0
// Nobody but Kerf writes Kerf's letters: every door of a real API server, tried by an admin, a tenant and Kerf's own
// accounts, with the policies and permissions of the rendered chart.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, type Output, userKubeconfig } from '../index.js';
import { accountKubeconfig } from './accounts.js';
import { downCluster, kubectlAs, OPT_OUT, upWebhookCluster } from './webhook-cluster.js';

const NAME = 'letters';
const LETTER =
  '{"v":1,"containers":[{"name":"a","slices":[{"device":"GPU-1","memoryMiB":1,"corePercent":1}]}]}';
const FORGED = LETTER.replace('"memoryMiB":1', '"memoryMiB":40000');
const MINE =
  'metadata.annotations["kerf.dev/placement"] is written by system:serviceaccount:kerf-system:kerf-scheduler alone';

let cluster: Cluster;
let scheduler: string;
let tenant: string;
/** Kubeconfig of the agent of n1. */
let agent: string;

beforeAll(async () => {
  cluster = await upWebhookCluster(NAME);
  scheduler = await accountKubeconfig(cluster, 'kerf-scheduler');
  tenant = (await userKubeconfig(cluster, 'mallory')).inside;
  await admin(['create', 'namespace', 'team']);
  // More than any tenant has: what stops it must be the policy, not a missing permission.
  const every = ['--verb=*', '--resource=pods,pods/status,pods/resize,pods/binding'];
  await admin(['create', 'role', 'mallory', '-n', 'team', ...every]);
  await admin(['create', 'rolebinding', 'mallory', '-n', 'team', '--role=mallory', '--user=mallory']);
  for (const name of ['n1', 'n2']) await create({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
  agent = await accountKubeconfig(cluster, 'kerf-device-plugin', 'n1');
  const answer = await cluster.api.call({
    method: 'GET',
    path: '/api/v1/namespaces/team/serviceaccounts/default',
  });
  if (answer.status !== 200) await admin(['create', 'serviceaccount', 'default', '-n', 'team']);
}, 600_000);
afterAll(() => downCluster(NAME), 60_000);

const admin = (args: readonly string[], input?: string): Promise<Output> =>
  cluster.kubectl(args, input === undefined ? {} : { input });
const create = (object: object): Promise<Output> => admin(['create', '-f', '-'], JSON.stringify(object));

interface Wish {
  readonly name: string;
  readonly annotations?: Record<string, string>;
  readonly labels?: Record<string, string>;
}

const podOf = (metadata: Wish, schedulerName = 'kerf-scheduler'): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'team', ...metadata },
  spec: {
    schedulerName,
    automountServiceAccountToken: false,
    containers: [{ name: 'a', image: 'none', resources: { limits: { cpu: '1' } } }],
  },
});

const bindingOf = (name: string, annotations?: Record<string, string>): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, namespace: 'team', ...(annotations === undefined ? {} : { annotations }) },
    target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
  });

const bind = (kubeconfig: string, name: string, annotations?: Record<string, string>): Promise<Output> => {
  const path = `/api/v1/namespaces/team/pods/${name}/binding`;
  return kubectlAs(
    { cluster, kubeconfig },
    ['create', '--raw', path, '-f', '-'],
    bindingOf(name, annotations),
  );
};

async function annotationsOf(path: string): Promise<Record<string, string>> {
  const { body } = await cluster.api.call({ method: 'GET', path: `/api/v1/${path}` });
  return (body.metadata.annotations ?? {}) as Record<string, string>;
}

function refused({ code, stderr }: Output, sentence: string): void {
  expect(code).not.toBe(0);
  expect(stderr).toContain(sentence);
}

describe('a placement', () => {
  beforeAll(async () => {
    await create(podOf({ name: 'placed' }));
    await create(podOf({ name: 'waiting' }));
    const answer = await bind(scheduler, 'placed', { 'kerf.dev/placement': LETTER });
    expect(answer.code, answer.stderr).toBe(0);
  });

  it('is written by the scheduler in the Binding, with the node, in one write', async () => {
    expect(await annotationsOf('namespaces/team/pods/placed')).toEqual({ 'kerf.dev/placement': LETTER });
  });

  it('of a tenant is stripped at creation', async () => {
    const made = await create(podOf({ name: 'forger', annotations: { 'kerf.dev/placement': FORGED } }));
    expect(made.stderr).toContain('yours was taken out');
    expect(await annotationsOf('namespaces/team/pods/forger')).toEqual({});
  });

  it('at creation past the webhook is refused', async () => {
    const annotations = { 'kerf.dev/placement': FORGED };
    // For another scheduler: for ours another policy speaks first, or as well.
    refused(await create(podOf({ name: 'sly', annotations, labels: OPT_OUT }, 'default-scheduler')), MINE);
  });

  const ON_PODS: readonly (readonly [string, readonly string[]])[] = [
    ['annotate --overwrite', ['annotate', '--overwrite', 'pod', 'placed', `kerf.dev/placement=${FORGED}`]],
    ['annotate to nothing', ['annotate', '--overwrite', 'pod', 'placed', 'kerf.dev/placement=']],
    ['taking it away', ['annotate', 'pod', 'placed', 'kerf.dev/placement-']],
    ['annotate on a waiting pod', ['annotate', 'pod', 'waiting', `kerf.dev/placement=${FORGED}`]],
    ['an empty letter on a waiting pod', ['annotate', 'pod', 'waiting', 'kerf.dev/placement=']],
    [
      'a patch of the status',
      ['patch', 'pod', 'placed', '--subresource=status', '--type=merge', '-p', patchOf(FORGED)],
    ],
  ];

  it.each(ON_PODS)('%s is refused, for a cluster admin and for a tenant', async (_name, args) => {
    refused(await admin([...args, '-n', 'team']), MINE);
    refused(await kubectlAs({ cluster, kubeconfig: tenant }, [...args, '-n', 'team']), MINE);
  });

  // These two keep the stored metadata or are refused; either way the letter stays.
  it.each([
    ['ephemeralcontainers', { ephemeralContainers: [{ name: 'debug', image: 'none' }] }],
    ['resize', {}],
  ])('is not changed through pods/%s', async (subresource, spec) => {
    const path = '/api/v1/namespaces/team/pods/placed';
    const { body } = await cluster.api.call({ method: 'GET', path });
    body.metadata.annotations['kerf.dev/placement'] = FORGED;
    Object.assign(body.spec, spec);
    const answer = await cluster.api.call({ method: 'PUT', path: `${path}/${subresource}`, body });
    expect([200, 403], JSON.stringify(answer.body)).toContain(answer.status);
    expect(await annotationsOf('namespaces/team/pods/placed')).toEqual({ 'kerf.dev/placement': LETTER });
  });

  it('in a Binding of a cluster admin is refused, by either address', async () => {
    const annotations = { 'kerf.dev/placement': FORGED };
    refused(await bind(cluster.insideKubeconfigPath, 'waiting', annotations), MINE);
    const old = ['create', '--raw', '/api/v1/namespaces/team/bindings', '-f', '-'];
    refused(await admin(old, bindingOf('waiting', annotations)), MINE);
    expect(await annotationsOf('namespaces/team/pods/waiting')).toEqual({});
  });

  it('survives whatever else changes on the pod', async () => {
    expect((await admin(['annotate', 'pod', 'placed', '-n', 'team', 'note=mine'])).code).toBe(0);
    expect((await admin(['label', 'pod', 'placed', '-n', 'team', 'a=b'])).code).toBe(0);
    expect((await annotationsOf('namespaces/team/pods/placed'))['kerf.dev/placement']).toBe(LETTER);
  });
});

function patchOf(letter: string): string {
  return JSON.stringify({ metadata: { annotations: { 'kerf.dev/placement': letter } } });
}

describe('the scheduler’s account', () => {
  it.each([
    ['write pods', ['annotate', 'pod', 'waiting', '-n', 'team', 'a=b']],
    ['write nodes', ['annotate', 'node', 'n1', 'a=b']],
    ['make pods', ['auth', 'can-i', 'create', 'pods', '-n', 'team']],
    ['delete nodes', ['auth', 'can-i', 'delete', 'nodes']],
    ['read secrets', ['get', 'secrets', '-n', 'team']],
  ])('may not %s', async (_name, args) => {
    expect((await kubectlAs({ cluster, kubeconfig: scheduler }, args)).code).not.toBe(0);
  });

  it.each([
    ['list pods', ['get', 'pods', '-A']],
    ['list nodes', ['get', 'nodes']],
    ['write Events', ['auth', 'can-i', 'create', 'events', '-n', 'team']],
    ['hold its lease', ['auth', 'can-i', 'update', 'leases/kerf-scheduler', '-n', 'kerf-system']],
  ])('may %s', async (_name, args) => {
    const answer = await kubectlAs({ cluster, kubeconfig: scheduler }, args);
    expect(answer.code, answer.stderr + answer.stdout).toBe(0);
  });
});

describe('an inventory', () => {
  const INVENTORY = 'kerf.dev/inventory-nvidia={"v":1,"devices":[]}';
  const OTHER = 'kerf.dev/inventory-nvidia={"v":1,"devices":[1]}';
  const as = (args: readonly string[]) => kubectlAs({ cluster, kubeconfig: agent }, args);

  it('is written by the node’s own agent', async () => {
    const answer = await as(['annotate', 'node', 'n1', INVENTORY]);
    expect(answer.code, answer.stderr).toBe(0);
    expect(await annotationsOf('nodes/n1')).toHaveProperty('kerf.dev/inventory-nvidia');
  });

  it('of another node is none of the agent’s business', async () => {
    // Two policies say so, and either may be asked first.
    refused(await as(['annotate', 'node', 'n2', INVENTORY]), 'bound to');
  });

  it('is not written with a token that is bound to no node', async () => {
    const loose = await accountKubeconfig(cluster, 'kerf-device-plugin');
    refused(
      await kubectlAs({ cluster, kubeconfig: loose }, ['annotate', '--overwrite', 'node', 'n1', OTHER]),
      'bound',
    );
  });

  it.each([
    ['written', ['annotate', '--overwrite', 'node', 'n1', OTHER]],
    ['taken away', ['annotate', 'node', 'n1', 'kerf.dev/inventory-nvidia-']],
    ['invented for another vendor', ['annotate', 'node', 'n1', 'kerf.dev/inventory-other={}']],
    [
      'written through the status',
      [
        'patch',
        'node',
        'n1',
        '--subresource=status',
        '--type=merge',
        '-p',
        '{"metadata":{"annotations":{"kerf.dev/inventory-nvidia":"{}"}}}',
      ],
    ],
  ])('is not %s by a cluster admin', async (_name, args) => {
    refused(await admin(args), 'is written by the agent of that node alone');
  });

  it('is not born with the node', async () => {
    const metadata = { name: 'n3', annotations: { 'kerf.dev/inventory-nvidia': '{}' } };
    refused(
      await create({ apiVersion: 'v1', kind: 'Node', metadata }),
      'is written by the agent of that node alone',
    );
  });

  it.each([
    ['labels', ['label', 'node', 'n1', 'a=b']],
    ['taints', ['patch', 'node', 'n1', '--type=merge', '-p', '{"spec":{"unschedulable":true}}']],
    ['other annotations', ['annotate', 'node', 'n1', 'kerf.dev/cordon=all']],
    ['finalizers', ['patch', 'node', 'n1', '--type=merge', '-p', '{"metadata":{"finalizers":["a.b/c"]}}']],
  ])('is all that the agent may change: not %s', async (_name, args) => {
    refused(await as(args), 'an agent changes kerf.dev/inventory-* annotations of its node and nothing else');
  });

  it('is all that the agent may change: nor finalizers that are there', async () => {
    const patch = (finalizers: string): string[] => {
      const body = `{"metadata":{"finalizers":${finalizers}}}`;
      return ['patch', 'node', 'n1', '--type=merge', '-p', body];
    };
    const made = await admin(patch('["a.b/c","a.b/d"]'));
    expect(made.code, made.stderr).toBe(0);
    refused(await as(patch('["a.b/c"]')), 'an agent changes kerf.dev/inventory-* annotations of its node');
    expect((await admin(patch('null'))).code).toBe(0);
  });

  it('leaves the cordon and all else to admins', async () => {
    for (const args of [
      ['annotate', 'node', 'n1', 'kerf.dev/cordon=all'],
      ['label', 'node', 'n1', 'gpu=on'],
    ])
      expect((await admin(args)).code).toBe(0);
  });
});
