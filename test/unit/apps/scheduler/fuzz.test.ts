// SPDX-License-Identifier: Apache-2.0
// Hostile bodies against the verbs and the webhook as the scheduler serves them: no crash, no fault, an answer of the
// right shape, no placement that nobody asked for or that does not fit, and the next good question is answered.
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/adapters/clock.js';
import { SchedulerRegistry } from '../../../../src/adapters/exposition/scheduler-registry.js';
import { extenderListener } from '../../../../src/adapters/http/extender-routes.js';
import { pageRoutes, probeRoutes } from '../../../../src/adapters/http/scheduler-routes.js';
import { createApp, type Listening, listen } from '../../../../src/adapters/http/server.js';
import { webhookRoutes } from '../../../../src/adapters/http/webhook.js';
import { admit } from '../../../../src/admission/admit.js';
import { joinExtender } from '../../../../src/apps/scheduler/extender.js';
import { Ledger } from '../../../../src/core/ledger.js';
import { DEFAULT_RULES } from '../../../../src/core/policies.js';
import { NO_POLICY, rulingsOf } from '../../../../src/core/policy-document.js';
import { createBind } from '../../../../src/scheduling/bind.js';
import { DecisionLog } from '../../../../src/scheduling/decision-log.js';
import { explain } from '../../../../src/scheduling/explain.js';
import { PodMirror } from '../../../../src/scheduling/pod-mirror.js';
import type { BindingWrite } from '../../../../src/scheduling/ports.js';
import { VENDORS } from '../../../../src/vendors/index.js';
import { encodeDecision } from '../../../../src/wire/decisions.js';
import { decodePlacement } from '../../../../src/wire/placement.js';
import { readPodView } from '../../../../src/wire/pod-view.js';
import { encodeSnapshot } from '../../../../src/wire/snapshot.js';
import { admissionContext } from '../../../builders/admission.js';
import { someFacts } from '../../../builders/core.js';
import { wrong, wrongText } from '../../../builders/odd.js';

const RUNS = process.env.KERF_LONG === '1' ? 20_000 : 150;
const NODES = ['n1', 'n2'];

const POD = {
  metadata: {
    ...{ name: 'p1', namespace: 'default', uid: 'u1', resourceVersion: '7', generateName: 'p' },
    labels: { app: 'x' },
    annotations: {
      'kerf.dev/node-policy': 'binpack',
      'kerf.dev/device-policy': 'mutex,binpack',
      'kerf.dev/device-type': 'A100,H100',
      'kerf.dev/device-uuid-not': 'GPU-7',
      'kerf.dev/numa': 'preferred',
    },
  },
  spec: {
    schedulerName: 'kerf-scheduler',
    initContainers: [
      {
        name: 'i',
        restartPolicy: 'Always',
        resources: { limits: { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '1k' } },
      },
    ],
    containers: [
      {
        name: 'a',
        env: [{ name: 'X', value: 'y' }],
        resources: {
          limits: {
            cpu: '1',
            'nvidia.com/gpu': '1',
            'nvidia.com/gpu-mem': '4096',
            'nvidia.com/gpu-cores': '30',
          },
          requests: { cpu: '500m', 'nvidia.com/gpu': '1' },
        },
      },
      { name: 'b', resources: { limits: { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem-percentage': '20' } } },
    ],
    affinity: { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }] } },
  },
  status: { phase: 'Pending' },
};
const ARGS = { Pod: POD, Nodes: null, NodeNames: NODES };
const BIND = { PodName: 'p1', PodNamespace: 'default', PodUID: 'u1', Node: 'n1' };

let ledger: Ledger;
let pods: PodMirror;
let writes: BindingWrite[];
let faults: string[];
let served: Listening;
let webhook: Listening;

/** As apps/scheduler/build joins them, without a cluster behind. */
beforeAll(async () => {
  faults = [];
  const log = pino({ level: 'error' }, { write: (line: string) => void faults.push(line) });
  const state = () => ({ ledger, pods });
  const scene = { snapshot: live(), defaults: DEFAULT_RULES };
  const stage = { snapshot: scene.snapshot, rulingFor: rulingsOf(NO_POLICY, DEFAULT_RULES) };
  const decisions = new DecisionLog();
  const verbs = joinExtender({
    ...{ stage, decisions, log, vendors: VENDORS, clock: systemClock, metrics: new SchedulerRegistry() },
    ledger: {
      get openings() {
        return ledger.openings;
      },
    },
    pods: { get: (uid: string) => pods.get(uid) } as PodMirror,
    bind: (ask) => bindOf(ask),
    watches: { isReady: () => true, synced: Promise.resolve(), measure: () => {}, stop: () => {} },
  });
  const pages = pageRoutes({
    metrics: async () => ({ contentType: 'text/plain', body: '' }),
    explain(namespace, name) {
      const pod = state().pods.named(namespace, name);
      return pod === undefined ? null : explain(pod, ledger.holding(pod.uid), scene);
    },
    snapshot: () => encodeSnapshot(scene, ledger.allHoldings()),
    decisions: (pod) => decisions.all(pod).map(encodeDecision),
  });
  const others = createApp({ routers: [probeRoutes(() => true), pages] });
  served = await listen(extenderListener(verbs, others), { host: '127.0.0.1', port: 0 });
  const routes = webhookRoutes({
    admit: (pod) => admit(pod, admissionContext()),
    onFault: (fault) => faults.push(String(fault)),
  });
  webhook = await listen(createApp({ routers: [routes] }), { host: '127.0.0.1', port: 0 });
});

afterAll(() => Promise.all([served.close(0), webhook.close(0)]));

beforeEach(fresh);

function fresh(): void {
  ledger = new Ledger();
  for (const name of NODES) ledger.setNode(someFacts({ name }));
  pods = new PodMirror();
  writes = [];
  faults.length = 0;
}

/** Each run has a ledger of its own behind one server. */
function live() {
  return {
    get revision() {
      return ledger.revision;
    },
    node: (name: string) => ledger.node(name),
    allNodes: () => ledger.allNodes(),
    get rows() {
      return ledger.rows;
    },
  };
}

type BindOptions = Parameters<typeof createBind>[0];

function bindOf(ask: Parameters<ReturnType<typeof createBind>>[0]) {
  const bindings: BindOptions['bindings'] = {
    async write(write) {
      writes.push(write);
      return { kind: 'written' };
    },
  };
  const reader = { readPod: async () => readPodView(POD, VENDORS) };
  const options = {
    ledger,
    pods,
    reader,
    bindings,
    rulesFor: () => DEFAULT_RULES,
    assumeMs: 60_000,
    now: () => 0,
  };
  return createBind(options)(ask);
}

async function post(
  path: string,
  body: string | Uint8Array,
  headers = {},
): Promise<{ status: number; text: string }> {
  const port = path === '/mutate' ? webhook.port : served.port;
  const all = { 'content-type': 'application/json', ...headers };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    body: body as string,
    headers: all,
  });
  return { status: answer.status, text: await answer.text() };
}

function expectSound(): void {
  expect(faults).toEqual([]);
  for (const { devices, slots, slotsUsed } of [...ledger.allNodes()].flatMap(({ vendors }) => [
    ...vendors.values(),
  ])) {
    expect(slotsUsed).toBeLessThanOrEqual(slots);
    for (const { device, hold } of devices) {
      expect(Number.isSafeInteger(hold.memory) && hold.memory <= device.memory).toBe(true);
      expect(Number.isSafeInteger(hold.cores) && hold.cores <= device.cores).toBe(true);
    }
  }
  for (const { placement, node } of writes) {
    expect(NODES).toContain(node);
    if (placement !== null) expect(decodePlacement(placement).ok).toBe(true);
  }
}

function expectFilterAnswer(text: string): void {
  const answer = JSON.parse(text) as { NodeNames?: unknown; Error: unknown };
  expect(typeof answer.Error).toBe('string');
  if (answer.Error === '') expect(Array.isArray(answer.NodeNames)).toBe(true);
}

describe('the extender', () => {
  const bodies = (good: object) =>
    fc.oneof({ weight: 6, arbitrary: wrongText(good) }, fc.json(), fc.string());

  it('answers any body of filter, and names only nodes that take the pod', async () => {
    await fc.assert(
      fc.asyncProperty(bodies(ARGS), async (body) => {
        const { status, text } = await post('/filter', body);
        expect(status).toBe(200);
        expectFilterAnswer(text);
        expectSound();
      }),
      { numRuns: RUNS },
    );
  });

  it('answers any body of prioritize with a list of whole scores', async () => {
    await fc.assert(
      fc.asyncProperty(bodies(ARGS), async (body) => {
        const { status, text } = await post('/prioritize', body);
        expect(status).toBe(200);
        const scores = JSON.parse(text) as { Host: string; Score: number }[];
        for (const { Host, Score } of scores) {
          expect(typeof Host).toBe('string');
          expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).toContain(Score);
        }
        expectSound();
      }),
      { numRuns: RUNS },
    );
  });

  it('answers any body of bind, whatever pod the watch shows, and gives nothing that is not there', async () => {
    await fc.assert(
      fc.asyncProperty(bodies(BIND), fc.array(wrong(POD), { maxLength: 3 }), async (body, shown) => {
        fresh();
        for (const pod of shown) pods.set(readPodView(pod, VENDORS));
        for (const each of [body, JSON.stringify(BIND)]) {
          const { status, text } = await post('/bind', each);
          expect(status).toBe(200);
          expect(JSON.parse(text)).toEqual({ Error: expect.any(String) });
        }
        expectSound();
      }),
      { numRuns: RUNS },
    );
  });
});

describe('a body out of all proportion', () => {
  const MIB = 2 ** 20;
  const legal = {
    ...ARGS,
    Pod: { ...POD, metadata: { ...POD.metadata, managedFields: [{ x: 'y'.repeat(MIB) }] } },
    NodeNames: [...NODES, ...Array.from({ length: 5_000 }, (_, at) => `${'n'.repeat(240)}-${at}`)],
  };

  it('is read where kube-scheduler may send it: 5 000 long names and a pod of 1 MiB', async () => {
    const { text } = await post('/filter', JSON.stringify(legal));
    expect(JSON.parse(text)).toMatchObject({ Error: '', NodeNames: expect.arrayContaining(['n1']) });
    expectSound();
  });

  it.each([
    [
      '30 MB of names',
      JSON.stringify({ ...ARGS, NodeNames: Array(1_000_000).fill('a-node-with-a-long-name-12') }),
    ],
    [
      '30 MB of whole nodes',
      JSON.stringify({
        ...ARGS,
        NodeNames: null,
        Nodes: { items: Array(3_000).fill({ x: 'y'.repeat(10_000) }) },
      }),
    ],
    [
      '30 MB in one annotation',
      JSON.stringify({ ...ARGS, Pod: { metadata: { annotations: { a: 'x'.repeat(30 * MIB) } } } }),
    ],
    ['30 MB of brackets', '['.repeat(30 * MIB)],
    ['30 MB, nested and closed', `{"Pod":${'['.repeat(15 * MIB)}${']'.repeat(15 * MIB)}}`],
    ['30 MB, cut short', JSON.stringify({ ...ARGS, Pod: { x: 'y'.repeat(30 * MIB) } }).slice(0, -10)],
    ['30 MB of small objects', `{"Pod":{"spec":[${'{},'.repeat(10 * MIB)}{}]}}`],
    ['40 MB', 'x'.repeat(40 * MIB)],
  ])('is answered with a sentence, and the next one as ever: %s', async (_title, body) => {
    for (const verb of ['/filter', '/bind']) {
      const { status, text } = await post(verb, body);
      expect(status).toBe(200);
      expect((JSON.parse(text) as { Error: string }).Error).toMatch(/\S+ \S+ \S+/);
    }
    expect(JSON.parse((await post('/prioritize', body)).text)).toEqual([]);
    const { text } = await post('/filter', JSON.stringify(ARGS));
    expect(JSON.parse(text)).toMatchObject({ Error: '', NodeNames: NODES });
    expectSound();
  });

  it.each([
    ['nested deeper than a stack', { Pod: { ...POD, spec: 'DEEP' }, NodeNames: NODES }],
    ['of 200 000 names of one node', { Pod: POD, NodeNames: Array(200_000).fill('n1') }],
    [
      'of names that are properties of every object',
      { Pod: POD, NodeNames: ['__proto__', 'constructor', 'toString'] },
    ],
    ['of names with NUL and half characters', { Pod: POD, NodeNames: ['\u0000', '\ud800', 'n1\u0000'] }],
  ])('is answered: %s', async (_title, body) => {
    const text = textOf(body);
    for (const verb of ['/filter', '/prioritize']) expect((await post(verb, text)).status).toBe(200);
    expectSound();
  });
});

/** JSON.stringify has no stack for what is deep. */
function textOf(body: object): string {
  const deep = `${'[{"a":'.repeat(50_000)}1${'}]'.repeat(50_000)}`;
  return JSON.stringify(body).replace('"DEEP"', deep);
}

describe('whatever the headers say', () => {
  it.each([
    ['no type', { 'content-type': '' }],
    ['another type', { 'content-type': 'application/x-protobuf' }],
    ['another alphabet', { 'content-type': 'application/json; charset=utf-16' }],
    ['a packing that it has not', { 'content-encoding': 'gzip' }],
    ['a packing that nobody knows', { 'content-encoding': 'quantum' }],
  ])('the verbs read the bytes: %s', async (_title, headers) => {
    const { status, text } = await post('/filter', JSON.stringify(ARGS), headers);
    expect([status, JSON.parse(text)]).toEqual([200, expect.objectContaining({ NodeNames: NODES })]);
  });

  it.each([
    ['GET', '/filter'],
    ['PUT', '/bind'],
    ['POST', '/filter/'],
    ['POST', '/FILTER'],
    ['POST', '/filter?x=1'],
    ['POST', '/v1/snapshot'],
    ['GET', '/v1/explain/%00/%ff'],
    ['GET', '/v1/explain/__proto__/constructor'],
    ['GET', '/v1/decisions?pod=a/b&pod=c/d'],
    ['GET', `/v1/decisions?pod=${'a'.repeat(5_000)}/b`],
    ['DELETE', '/'],
  ])('%s %.40s is no crash', async (method, path) => {
    const answer = await fetch(`http://127.0.0.1:${served.port}${path}`, { method });
    expect(answer.status).toBeLessThan(500);
    expectSound();
  });
});

describe('the webhook', () => {
  const REVIEW = JSON.parse(
    readFileSync(new URL('../../../wire/golden/admission-v1-question.json', import.meta.url), 'utf8'),
  ) as { request: object };
  const reviews = [REVIEW, { ...REVIEW, request: { ...REVIEW.request, object: POD } }];

  it('answers any review with yes or no, and never with a fault', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(...reviews.map(wrongText), fc.json(), fc.string()), async (body) => {
        const { status, text } = await post('/mutate', body);
        expect(status).toBe(200);
        const { response } = JSON.parse(text) as { response: { allowed: boolean; patch?: string } };
        expect(typeof response.allowed).toBe('boolean');
        if (response.patch !== undefined) {
          expect(response.allowed).toBe(true);
          expect(Array.isArray(JSON.parse(Buffer.from(response.patch, 'base64').toString()))).toBe(true);
        }
        expect(faults).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it.each([
    ['7 MB of brackets', '['.repeat(7_000_000), {}],
    ['30 MB', JSON.stringify({ request: { object: 'x'.repeat(30_000_000) } }), {}],
    ['no type', JSON.stringify(REVIEW), { 'content-type': '' }],
    ['another type', JSON.stringify(REVIEW), { 'content-type': 'text/plain' }],
    ['a packing that it has not', JSON.stringify(REVIEW), { 'content-encoding': 'gzip' }],
    ['another alphabet', JSON.stringify(REVIEW), { 'content-type': 'application/json; charset=utf-99' }],
  ])('refuses with a sentence, and answers the next: %s', async (_title, body, headers) => {
    const { status, text } = await post('/mutate', body, headers);
    const { response } = JSON.parse(text) as { response: { allowed: boolean; status: { message: string } } };
    expect([status, response.allowed]).toEqual([200, false]);
    expect(response.status.message).toMatch(/\S+ \S+ \S+/);
    const next = JSON.parse((await post('/mutate', JSON.stringify(REVIEW))).text) as { response: object };
    expect(next.response).toMatchObject({ allowed: true });
  });
});
