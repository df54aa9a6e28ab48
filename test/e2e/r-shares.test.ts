// SPDX-License-Identifier: Apache-2.0
// Journey r: a low and a high pod on one device. The low one borrows what is idle, the high one takes it back; without
// the monitor each has its own share; memory that nobody was promised is lent and given back.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Busy, onsetMs } from '../native/compute-stage.js';
import { isRunning, signalIn, startIn } from '../cluster/index.js';
import { ARTEFACTS } from '../cluster/kerf/artefacts.js';
import { FAKE_DIR } from '../cluster/kerf/fake-gpus.js';
import { PROGRAMS } from '../cluster/kerf/install.js';
import { endJourney, execIn, type Journey, lastJson, placementOf, startJourney } from './support/journey.js';
import { container, pod } from './support/manifests.js';
import { pause, waitFor } from './support/wait.js';

const NODE = 'n2';
const SOFT = { 'kerf.dev/compute': 'soft' };
const POLICY = '/api/v1/namespaces/kerf-system/configmaps/kerf-policy';
const OUT_OF_MEMORY = 2;
const NS_PER_MS = 1e6;

interface ConfigMap {
  readonly data: Readonly<Record<string, string>>;
}

describe('slices that borrow', () => {
  const monitor = PROGRAMS.monitor(NODE);
  let journey: Journey;
  let policyBefore: ConfigMap['data'];
  let sinceNs = 0;

  /** What the fake device itself did: contexts that came since the journey began, the oldest first. */
  async function busy(): Promise<Busy> {
    const { stdout } = await journey.cluster.exec(NODE, [ARTEFACTS.fakeGpus, 'busy', FAKE_DIR, 'fine']);
    const told = JSON.parse(stdout) as Busy;
    const contexts = told.contexts
      .filter(({ joined_ns }) => joined_ns > sinceNs)
      .toSorted((a, b) => a.joined_ns - b.joined_ns);
    return { ...told, contexts };
  }

  /** Part of the device that the context had in the last `ms`. */
  function shareOf({ gpus, contexts }: Busy, index: number, ms: number): number {
    const until = (gpus[0]?.now_ns ?? 0) / NS_PER_MS - 20;
    const inside = contexts[index]?.buckets.filter(([at]) => at >= until - ms && at < until) ?? [];
    return inside.reduce((sum, [, ns]) => sum + ns, 0) / (ms * NS_PER_MS);
  }

  const awaitShare = (index: number, claim: (share: number) => boolean): Promise<number> =>
    waitFor(`a share for ${index}`, async () => {
      const share = shareOf(await busy(), index, 500);
      return claim(share) ? share : undefined;
    });

  const alloc = async (name: string, mib: number): Promise<number> => {
    const ran = await journey.cluster.kubectl([
      ...['exec', '-n', journey.namespace, name, '--'],
      ...['kerf-workload', 'alloc', String(mib)],
    ]);
    return lastJson<{ code: number }>(ran.stdout).code;
  };

  const launch = (seconds: number): string[] => [
    'kerf-workload',
    'launch',
    ...['--pattern', 'async', '--kernel-us', '1000', '--seconds', String(seconds)],
  ];

  beforeAll(async () => {
    journey = await startJourney('r');
    const { namespace, api } = journey;
    policyBefore = (await api.get<ConfigMap>(POLICY)).data;
    const rule = `  - match: { namespaces: [${namespace}] }\n    lendMemory: true\n`;
    await api.patch(POLICY, { data: { 'policy.yaml': `version: 1\nnode:\n${rule}` } });
    const spec = { nodeSelector: { 'kubernetes.io/hostname': NODE } };
    const lent = { ...SOFT, 'kerf.dev/memory-limit': '8Gi' };
    sinceNs = (await busy()).gpus[0]?.now_ns ?? 0;
    await api.createAll([
      pod('low', [container({ mem: 2048, cores: 20 }, { command: launch(600) })], {
        ...{ namespace, spec },
        annotations: lent,
      }),
      pod('high', [container({ mem: 2048, cores: 30, priority: 0 })], {
        ...{ namespace, spec },
        annotations: SOFT,
      }),
      pod('elastic', [container({ mem: 2048 })], {
        ...{ namespace, spec },
        annotations: { 'kerf.dev/memory-limit': '8Gi' },
      }),
    ]);
    await api.running(namespace, 3);
  });
  afterAll(async () => {
    if (!isRunning(journey.cluster, monitor)) await startIn(journey.cluster, monitor);
    await journey.api.patch(POLICY, { data: policyBefore });
    await endJourney(journey);
  });

  it('carry in their placement how they live with others', async () => {
    const slice = async (name: string) =>
      placementOf(await journey.api.pod(journey.namespace, name)).containers[0]?.slices[0];
    expect(await slice('low')).toMatchObject({ isSoft: true, isHigh: false, ceiling: 8192 });
    expect(await slice('high')).toMatchObject({ isSoft: true, isHigh: true });
  });

  it('have the device while nobody else wants it, and give it back to the high one', async () => {
    const alone = await awaitShare(0, (share) => share >= 0.85);
    await Promise.all([
      execIn(journey, { pod: 'high' }, launch(5)),
      pause(4_000).then(async () => {
        const seen = await busy();
        const [low, high] = [0, 1].map((index) => shareOf(seen, index, 1_000));
        const backMs = onsetMs(seen.contexts[1], 0.9 * 0.8);
        console.log(
          `shares: low alone ${alone.toFixed(2)}, beside high ${low?.toFixed(2)} to ${high?.toFixed(2)}; taken back in ${backMs.toFixed(0)} ms`,
        );
        expect(low).toBeGreaterThan(0.1);
        expect(low).toBeLessThan(0.35);
        expect(high).toBeGreaterThan(0.6);
      }),
    ]);
    expect(await awaitShare(0, (share) => share >= 0.85)).toBeGreaterThanOrEqual(0.85);
  });

  it('have their own share when the monitor was killed, and borrow again when it is back', async () => {
    signalIn(journey.cluster, monitor, 'SIGKILL');
    const alone = await awaitShare(0, (share) => share > 0.1 && share <= 0.3);
    console.log(`shares: low without a monitor ${alone.toFixed(2)} of 0.20`);
    await waitFor('the monitor is gone', async () => !isRunning(journey.cluster, monitor));
    await startIn(journey.cluster, monitor);
    expect(await awaitShare(0, (share) => share >= 0.85)).toBeGreaterThanOrEqual(0.85);
  });

  it('grow into memory that nobody was promised, until somebody is', async () => {
    await waitFor('memory is lent', async () => (await alloc('elastic', 5000)) === 0);
    const spec = { nodeSelector: { 'kubernetes.io/hostname': NODE } };
    const { namespace } = journey;
    await journey.api.createAll([pod('promised', [container({ mem: 136_000 })], { namespace, spec })]);
    await journey.api.running(namespace, 4);
    await waitFor('growth is refused', async () => (await alloc('elastic', 5000)) === OUT_OF_MEMORY);
    expect(await alloc('elastic', 1000)).toBe(0);
  });
});
