// SPDX-License-Identifier: Apache-2.0
// What the scheduler's door counts of its verbs.
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { SchedulerRegistry } from '../../../../src/adapters/exposition/scheduler-registry.js';
import type { ExtenderPorts } from '../../../../src/adapters/http/extender-routes.js';
import { joinExtender } from '../../../../src/apps/scheduler/extender.js';
import { Ledger } from '../../../../src/core/ledger.js';
import { DEFAULT_RULES } from '../../../../src/core/policies.js';
import { type PolicyDocument, rulingsOf } from '../../../../src/core/policy-document.js';
import type { BindAnswer } from '../../../../src/scheduling/bind.js';
import { DecisionLog } from '../../../../src/scheduling/decision-log.js';
import { PodMirror } from '../../../../src/scheduling/pod-mirror.js';
import { VENDORS } from '../../../../src/vendors/index.js';
import { aDevice, aPlacement, aSighting, someFacts } from '../../../builders/core.js';
import { readPodView } from '../../../../src/wire/pod-view.js';
import { aBindAsk } from '../../../builders/scheduling.js';
import { FakeClock } from '../../../fakes/clock.js';

const POLICY: PolicyDocument = {
  version: 1,
  rules: [{ match: { labels: { tier: 'web' } }, node: 'spread', device: 'spread' }],
};

let decisions: DecisionLog;
let metrics: SchedulerRegistry;
let ports: ExtenderPorts;
let answers: BindAnswer[];
let ledger: Ledger;
let pods: PodMirror;

beforeEach(() => {
  metrics = new SchedulerRegistry();
  answers = [];
  decisions = new DecisionLog();
  ledger = new Ledger();
  pods = new PodMirror();
  ledger.setNode(someFacts());
  const clock = new FakeClock();
  ports = joinExtender({
    stage: { snapshot: ledger, rulingFor: rulingsOf(POLICY, DEFAULT_RULES) },
    ledger,
    pods,
    bind: async () => answers.shift() ?? { sentence: '' },
    watches: { synced: Promise.resolve(), isReady: () => true, measure: () => {}, stop: () => {} },
    vendors: VENDORS,
    // Whoever pauses goes on at once.
    clock: { now: () => clock.now(), after: (ms, job) => (clock.advance(ms), job(), () => {}) },
    metrics,
    decisions,
    log: pino({ level: 'silent' }),
  });
});

async function sampleOf(name: string): Promise<number> {
  const line = (await metrics.text()).body.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length));
}

describe('the door of the scheduler', () => {
  it('asks each pod’s own rules, and says in the decision who decided', async () => {
    ledger.setNode(someFacts({ name: 'n2' }));
    ledger.confirm(aSighting({ uid: 'x' }));
    const resources = { limits: { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '1024' } };
    const podOf = (labels: object, annotations: object) => ({
      metadata: { uid: 'u', namespace: 'a', name: 'p', labels, annotations },
      spec: { containers: [{ name: 'main', resources }] },
    });
    const web = podOf({ tier: 'web' }, { 'kerf.dev/device-policy': 'binpack' });
    const nodeNames = ['n1', 'n2'];
    expect(await ports.filter({ pod: podOf({}, {}), nodeNames })).toMatchObject({ nodeNames: ['n1'] });
    expect(await ports.filter({ pod: web, nodeNames })).toMatchObject({ nodeNames: ['n2'] });
    expect(ports.prioritize({ pod: web, nodeNames })).toEqual([
      { node: 'n1', score: 0 },
      { node: 'n2', score: 10 },
    ]);
    expect(decisions.all()).toMatchObject([
      { ruledBy: { node: 'options', device: 'options' } },
      { ruledBy: { node: 'rules[0]', device: 'pod' } },
    ]);
  });

  it('counts binds asked again, for each pod until it is bound', async () => {
    const refused = { sentence: 'no room', refusal: { kind: 'NoDevices' as const } };
    answers = [refused, refused, { sentence: '' }, { sentence: '' }];
    for (let asked = 0; asked < 3; asked++) await ports.bind(aBindAsk());
    await ports.bind(aBindAsk({ uid: 'u2' }));
    expect(await sampleOf('kerf_scheduler_bind_retries_total')).toBe(2);
    expect(await sampleOf('kerf_scheduler_refusals_total{verb="bind",kind="NoDevices"}')).toBe(2);
    await ports.bind(aBindAsk());
    expect(await sampleOf('kerf_scheduler_bind_retries_total')).toBe(2);
  });

  it('counts refused nodes by kind, and the time and outcome of each verb', async () => {
    const limits = { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '50000' };
    const pod = {
      metadata: { uid: 'u1', namespace: 'a', name: 'p' },
      spec: { containers: [{ name: 'main', resources: { limits } }] },
    };
    await ports.filter({ pod, nodeNames: ['n1', 'n2'] });
    expect(await sampleOf('kerf_scheduler_refusals_total{verb="filter",kind="NoDeviceFits"}')).toBe(1);
    expect(await sampleOf('kerf_scheduler_refusals_total{verb="filter",kind="UnknownNode"}')).toBe(1);
    ports.onAnswer('filter', 'refused', 2);
    expect(await sampleOf('kerf_scheduler_decisions_total{verb="filter",outcome="refused"}')).toBe(1);
    expect(await sampleOf('kerf_scheduler_verb_duration_seconds_bucket{le="0.0025",verb="filter"}')).toBe(1);
  });

  it('names the one node that is liked best, and the best eight to a pod that has preferences', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `n${at}`);
    for (const name of names) ledger.setNode(someFacts({ name, devices: [aDevice({ id: `GPU-${name}` })] }));
    const placement = aPlacement({ main: [['GPU-n7', 1024, 100]] });
    ledger.confirm(aSighting({ node: 'n7', claim: { kind: 'placed', placement } }));
    const plain = podOf({ 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '1024' });
    expect(await ports.filter({ pod: plain, nodeNames: names })).toMatchObject({ nodeNames: ['n7'] });
    const spread = [{ whenUnsatisfiable: 'ScheduleAnyway' }];
    const choosy = { ...plain, spec: { ...plain.spec, topologySpreadConstraints: spread } };
    const answer = await ports.filter({ pod: choosy, nodeNames: names });
    expect(answer).toMatchObject({ nodeNames: ['n7', 'n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6'] });
  });

  it('names all that are liked alike, eight at most', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `n${at}`);
    for (const name of names) ledger.setNode(someFacts({ name, devices: [aDevice({ id: `GPU-${name}` })] }));
    const pod = podOf({ 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '1024' });
    const answer = await ports.filter({ pod, nodeNames: names.slice(2) });
    expect(answer).toMatchObject({ nodeNames: names.slice(2, 10) });
  });

  it('takes a pod as the watch read it, unless its revision is another', async () => {
    const seen = podOf({ 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '50000' });
    pods.set(readPodView(seen, VENDORS));
    const smaller = podOf({ 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '1024' });
    expect(await ports.filter({ pod: smaller, nodeNames: ['n1'] })).toMatchObject({ nodeNames: [] });
    const later = { ...smaller, metadata: { ...smaller.metadata, resourceVersion: '8' } };
    expect(await ports.filter({ pod: later, nodeNames: ['n1'] })).toMatchObject({ nodeNames: ['n1'] });
  });
});

function podOf(limits: Readonly<Record<string, string>>) {
  return {
    metadata: { uid: 'u1', namespace: 'a', name: 'p', resourceVersion: '7' },
    spec: { containers: [{ name: 'main', resources: { limits } }] },
  };
}
