// SPDX-License-Identifier: Apache-2.0
// Journey q: who gets past his slice is found from outside his container, told, and stopped where the policy says so;
// his neighbour on the device notices nothing.
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ARTEFACTS } from '../cluster/kerf/artefacts.js';
import { FAKE_DIR } from '../cluster/kerf/fake-gpus.js';
import { getInside } from '../cluster/kerf/install.js';
import { monitorPort } from '../cluster/kerf/ports.js';
import { devicesOf, endJourney, execIn, type Journey, startJourney } from './support/journey.js';
import { container, FOREVER, pod } from './support/manifests.js';
import { waitFor } from './support/wait.js';

const POLICY = '/api/v1/namespaces/kerf-system/configmaps/kerf-policy';
const METRICS = `http://127.0.0.1:${monitorPort('n1')}/metrics`;
/** Loaded before what the preload file names: the driver itself answers, and nobody counts. */
const PAST_THE_LIBRARY = 'LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libcuda.so.1';
/** Long enough to be found, and no journey waits for it in vain. */
const HOLD_S = 6;

const INVENTORY = 'kerf.dev/inventory-nvidia';

interface ConfigMap {
  readonly data: Readonly<Record<string, string>>;
}

describe('a tenant who gets past his slice', () => {
  let journey: Journey;
  let document = '';

  const escape = (mebibytes: number) =>
    journey.cluster.kubectl([
      ...['exec', '-n', journey.namespace, 'tenant', '--', 'sh', '-c'],
      `${PAST_THE_LIBRARY} exec kerf-workload alloc ${mebibytes} --hold ${HOLD_S}`,
    ]);

  const found = async (reason: string): Promise<number> => {
    const text = (await getInside(journey.cluster, METRICS)) ?? '';
    const own = text.split('\n').filter((line) => line.startsWith('kerf_escape_total{'));
    const line = own.find(
      (each) => each.includes(`namespace="${journey.namespace}"`) && each.includes(`reason="${reason}"`),
    );
    return Number(line?.split(' ').at(-1) ?? 0);
  };

  const eventOf = (reason: string, words: string) =>
    waitFor(`an event ${reason}`, async () => {
      const events = await journey.api.events(journey.namespace, 'tenant');
      return events.find((event) => event.reason === reason && event.message.includes(words));
    });

  const sayPolicy = (text: string) => journey.api.patch<ConfigMap>(POLICY, { data: { 'policy.yaml': text } });

  beforeAll(async () => {
    journey = await startJourney('q');
    document = (await journey.api.get<ConfigMap>(POLICY)).data['policy.yaml'] ?? '';
    const options = {
      namespace: journey.namespace,
      spec: { nodeSelector: { 'kubernetes.io/hostname': 'n1' } },
    };
    const holds = ['kerf-workload', 'alloc', '1000', '--hold', '3600'];
    await journey.api.createAll([
      pod('neighbour', [container({ mem: 4096, cores: 20 }, { command: holds })], options),
      pod('tenant', [container({ mem: 2048, cores: 20 }, { command: FOREVER })], options),
    ]);
    const pods = await journey.api.running(journey.namespace, 2);
    expect(new Set(pods.flatMap(devicesOf)).size).toBe(1);
  });
  afterAll(async () => {
    if (journey !== undefined) await sayPolicy(document);
    await endJourney(journey);
  });

  it('is told of on his pod, and goes on where the policy says no more', async () => {
    const escaped = escape(1500);
    await waitFor('a finding', async () => (await found('Drift')) === 1);
    const told = await eventOf('Drift', 'something allocates past the library');
    expect(told.message).toMatch(/the driver counts \d+ MiB for container main on GPU-/);
    const text = (await getInside(journey.cluster, METRICS)) ?? '';
    const drift = text
      .split('\n')
      .find((line) => line.startsWith('kerf_slice_drift_bytes{') && line.includes('pod="tenant"'));
    expect(Number(drift?.split(' ').at(-1))).toBeGreaterThan(1_400 * 1024 * 1024);
    expect((await escaped).stdout).toContain('"code":0');
  });

  it('is stopped where it does, and nobody else', async () => {
    await sayPolicy(
      `${document}\nnode:\n  - match: { namespaces: ["${journey.namespace}"] }\n    onEscape: kill\n`,
    );
    const escaped = await escape(1600);
    expect(escaped.code).toBe(137);
    await waitFor('the count', async () => {
      const text = (await getInside(journey.cluster, METRICS)) ?? '';
      return text.includes(`namespace="${journey.namespace}",action="killed"} 1`);
    });
    const pods = await journey.api.pods(journey.namespace);
    expect(pods.map(({ status }) => status.containerStatuses?.[0]?.restartCount)).toEqual([0, 0]);
    const told = JSON.parse(
      (await execIn(journey, { pod: 'neighbour' }, ['kerf-workload', 'info'])).trim().split('\n').at(-1) ??
        '',
    );
    expect(told.devices[0].nvml_used_bytes).toBeGreaterThanOrEqual(1_000 * 1024 * 1024);
  });

  it('is told of when he cuts his region', async () => {
    await execIn(journey, { pod: 'tenant' }, ['sh', '-c', ': > /usr/local/kerf/region']);
    const told = await eventOf('RegionUnreadable', 'the region of container main');
    expect(told.message).toContain('region has 0 bytes');
    expect(await found('RegionUnreadable')).toBe(1);
  });
});

describe('memory of a process outside Kerf', () => {
  let journey: Journey;
  let holding: Promise<unknown>;

  const inventory = async (): Promise<string> => {
    const node = await journey.api.get<{ metadata: { annotations: Record<string, string> } }>(
      '/api/v1/nodes/n2',
    );
    return node.metadata.annotations[INVENTORY] ?? '';
  };

  beforeAll(async () => {
    journey = await startJourney('q');
    const env = `KERF_FAKE_DIR=${FAKE_DIR} LD_LIBRARY_PATH=${dirname(ARTEFACTS.fakeNvml)}`;
    const script = `echo $$ > /run/outside.pid; ${env} exec ${ARTEFACTS.workload} alloc 100000 --hold 120`;
    holding = journey.cluster.exec('n2', ['sh', '-c', script]);
  });
  afterAll(() => endJourney(journey));

  it('is not given out while it is held, and is when it is free', async () => {
    await waitFor('an inventory without it', async () => (await inventory()).includes('"foreignMiB":'));
    expect(Number(/"foreignMiB":(\d+)/.exec(await inventory())?.[1])).toBeGreaterThanOrEqual(100_000);
    const spec = { nodeSelector: { 'kubernetes.io/hostname': 'n2' } };
    const large = pod('large', [container({ mem: 60_000 })], { namespace: journey.namespace, spec });
    await journey.api.createAll([large]);
    await waitFor('its refusal', async () => {
      const events = await journey.api.events(journey.namespace, 'large');
      return events.find(
        ({ reason, message }) => reason === 'FailedScheduling' && message.includes('memory'),
      );
    });
    await journey.cluster.exec('n2', ['sh', '-c', 'kill $(cat /run/outside.pid)']);
    await holding;
    await journey.api.running(journey.namespace, 1);
    expect(await inventory()).not.toContain('foreignMiB');
  });
});
