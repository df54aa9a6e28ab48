// SPDX-License-Identifier: Apache-2.0
// Journey e: wrong requests at a real `kubectl apply`, judged by the real webhook of the rendered chart; and what the
// webhook writes into good ones, what it warns of, and whom it never sees.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PodObject } from '../../../src/wire/admission.js';
import { amounts, askingContainer, podAsking } from '../../builders/admission.js';
import { WRONG_PODS } from '../../builders/wrong-pods.js';
import type { Cluster, Output } from '../index.js';
import { startIn, stopIn, until } from '../index.js';
import { downCluster, OPT_OUT, upWebhookCluster, WEBHOOK_PROGRAM } from './webhook-cluster.js';

const NAME = 'refusals';
let cluster: Cluster;

beforeAll(async () => {
  cluster = await upWebhookCluster(NAME);
}, 600_000);
afterAll(() => downCluster(NAME), 60_000);

/** What the API server's own reader refuses before any webhook sees it. */
const NO_QUANTITY = new Set(['text']);

let made = 0;

/** The pod as a user's file has it: names, images, no requests where they repeat the limits. */
function manifest(pod: PodObject): { readonly name: string; readonly text: string } {
  made += 1;
  const name = `p${made}`;
  const dress = (containers: PodObject['spec']['containers'] | undefined) =>
    containers?.map((container, index) => ({
      ...container,
      name: `${container.name}${index}`,
      image: 'none',
    }));
  const initContainers = dress(pod.spec.initContainers)?.map((each) => ({ ...each, name: `i-${each.name}` }));
  const spec = {
    ...pod.spec,
    containers: dress(pod.spec.containers),
    ...(initContainers === undefined ? {} : { initContainers }),
  };
  return {
    name,
    text: JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { ...pod.metadata, name }, spec }),
  };
}

async function apply(pod: PodObject): Promise<Output & { readonly name: string }> {
  const { name, text } = manifest(pod);
  return { name, ...(await cluster.kubectl(['apply', '-f', '-'], { input: text })) };
}

async function read(name: string): Promise<PodObject> {
  return (await cluster.api.call({ method: 'GET', path: `/api/v1/namespaces/default/pods/${name}` }))
    .body as PodObject;
}

describe('a wrong request at kubectl apply', () => {
  it(`is one of at least 20`, () => expect(WRONG_PODS.length).toBeGreaterThanOrEqual(20));

  it.concurrent.each(WRONG_PODS)('%s is refused with a sentence that helps', async (name, pod, sentence) => {
    const { code, stderr } = await apply(pod);
    expect(code).not.toBe(0);
    expect(stderr).toContain(NO_QUANTITY.has(name) ? 'quantities must match' : sentence);
    if (!NO_QUANTITY.has(name))
      expect(stderr).toContain('admission webhook "pods.kerf.dev" denied the request: ');
  });
});

describe('a good request at kubectl apply', () => {
  it.each([
    [{ 'gpu-mem': '16Gi' }, { gpu: 1, 'gpu-mem': 16_384 }],
    [{ 'gpu-mem': '3000' }, { gpu: 1, 'gpu-mem': 3000 }],
    [
      { 'gpu-mem': '3000Mi', 'gpu-cores': 30 },
      { gpu: 1, 'gpu-mem': 3000, 'gpu-cores': 30 },
    ],
    [
      { gpumem: 3000, gpucores: 30, gpu: 2 },
      { gpu: 2, 'gpu-mem': 3000, 'gpu-cores': 30 },
    ],
    [{ 'gpumem-percentage': 25 }, { gpu: 1, 'gpu-mem-percentage': 25 }],
    [{ gpu: 1 }, { gpu: 1 }],
  ])('%j is stored as %j', async (written, stored) => {
    const { name, code, stderr } = await apply(
      podAsking([{ name: 'a', resources: { limits: amounts(written) } }]),
    );
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    const pod = await read(name);
    const { limits = {}, requests = {} } = pod.spec.containers[0]?.resources ?? {};
    const plain = (list: object) =>
      Object.fromEntries(Object.entries(list).map(([key, value]) => [key, toNumber(value)]));
    const want = plain(amounts(stored));
    expect([plain(limits), plain(requests)]).toEqual([want, want]);
    expect(pod.spec.schedulerName).toBe('kerf-scheduler');
  });

  it('is warned of where no present node could hold it', async () => {
    const { code, stderr } = await apply(podAsking([askingContainer({ 'gpu-mem': '900Gi' })]));
    expect(code).toBe(0);
    expect(stderr).toContain('Warning: no present node could hold this pod even when empty');
  });

  it('loses a placement it had no right to write, and is told', async () => {
    const annotations = { 'kerf.dev/placement': '{"v":1,"containers":[]}', mine: 'stays' };
    const { name, code, stderr } = await apply(podAsking([askingContainer({ gpu: 1 })], { annotations }));
    expect(code).toBe(0);
    expect(stderr).toContain(
      'Warning: metadata.annotations["kerf.dev/placement"] is written by the scheduler alone',
    );
    expect((await read(name)).metadata.annotations).not.toHaveProperty('kerf.dev/placement');
    expect((await read(name)).metadata.annotations).toHaveProperty('mine', 'stays');
  });
});

it.each(['kerf.dev/webhook', 'hami.io/webhook'])(
  'a pod kept away by %s is not for our scheduler: no way past the checks',
  async (label) => {
    const sly = podAsking([askingContainer({ gpu: 1 })], { labels: { [label]: 'ignore' } });
    const named = (schedulerName: string) => ({ ...sly, spec: { ...sly.spec, schedulerName } });
    const { code, stderr } = await apply(named('kerf-scheduler'));
    expect(code).not.toBe(0);
    expect(stderr).toContain('keeps its scheduler away too');
    expect((await apply(named('default-scheduler'))).code).toBe(0);
  },
);

/** `3k` is how the API server prints 3000. */
function toNumber(value: unknown): number {
  const text = String(value);
  return text.endsWith('k') ? Number(text.slice(0, -1)) * 1000 : Number(text);
}

describe('while the webhook is dead', () => {
  beforeAll(() => stopIn(cluster, WEBHOOK_PROGRAM, 'SIGKILL'));
  afterAll(async () => {
    await startIn(cluster, WEBHOOK_PROGRAM);
    const answers = async () => (await apply(podAsking([askingContainer({ gpu: 1 })]))).code === 0;
    expect(await until(answers, 30_000, 200)).toBe(true);
  });

  it('pods that ask for devices are not created', async () => {
    const { code, stderr } = await apply(podAsking([askingContainer({ gpu: 1 })]));
    expect(code).not.toBe(0);
    expect(stderr).toContain('failed calling webhook "pods.kerf.dev"');
  });

  it.each([
    ['ask for nothing of ours', podAsking([{ name: 'a', resources: { limits: { cpu: '1' } } }])],
    ['are opted out', podAsking([askingContainer({ gpu: 1 })], { labels: OPT_OUT })],
    [
      'are opted out in HAMi words',
      podAsking([askingContainer({ gpu: 1 })], { labels: { 'hami.io/webhook': 'ignore' } }),
    ],
  ])('pods that %s are', async (_name, pod) => {
    expect((await apply(pod)).code).toBe(0);
  });
});
