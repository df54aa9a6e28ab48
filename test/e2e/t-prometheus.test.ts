// SPDX-License-Identifier: Apache-2.0
// Journey t: a real Prometheus scrapes the programs as they run. Every panel and every rule has something to ask about,
// and what goes wrong on the cluster is what the alerts say.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dashboards } from '../../charts/dashboards/make.mjs';
import { questionsOf, watchedBy } from '../charts/questions.js';
import { startIn, stopIn } from '../cluster/index.js';
import { FAKE_DIR } from '../cluster/kerf/fake-gpus.js';
import { ARTEFACTS } from '../cluster/kerf/artefacts.js';
import { PROGRAMS } from '../cluster/kerf/install.js';
import { devicesOf, endJourney, execIn, type Journey, slotsOf, startJourney } from './support/journey.js';
import { BUSYBOX_IMAGE, container, FOREVER, pod } from './support/manifests.js';
import { type Alert, type Prometheus, shippedRules, startPrometheus } from './support/prometheus.js';
import { waitFor } from './support/wait.js';

const onNode = (node: string) => ({ nodeSelector: { 'kubernetes.io/hostname': node } });
const POLICY = '/api/v1/namespaces/kerf-system/configmaps/kerf-policy';

let journey: Journey;
let prometheus: Prometheus;

let device = '';

/** Of the device that `busy` has a slice of. */
const fake = async (verb: string, ...words: string[]): Promise<void> => {
  const argv = [ARTEFACTS.fakeGpus, verb, FAKE_DIR, device, ...words];
  const ran = await journey.cluster.exec('n1', argv);
  if (ran.code !== 0) throw new Error(`kerf-fake-gpus ${verb}: ${ran.stderr}`);
};

/** What is set wrong here and must be right again, whatever fails in between. */
const mending: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  journey = await startJourney('t');
  prometheus = await startPrometheus(journey.cluster);
  const { namespace } = journey;
  const busy = ['kerf-workload', 'alloc', '1000', '--hold', '600'];
  await journey.api.createAll([
    pod('busy', [container({ mem: 4096, cores: 30 }, { command: busy })], { namespace, spec: onNode('n1') }),
    pod('static', [container({ mem: 1024 }, { image: BUSYBOX_IMAGE, command: FOREVER })], {
      namespace,
      spec: onNode('n2'),
    }),
    pod('spoilt', [container({ mem: 2048 }, { command: ['kerf-workload', 'loop'] })], {
      namespace,
      spec: onNode('n2'),
    }),
  ]);
  await journey.api.running(namespace, 3);
  device = devicesOf(await journey.api.pod(namespace, 'busy'))[0] ?? '';
  await fake('fault', '13');
  // Larger than any device: filter has something to refuse.
  await journey.api.createAll([
    pod('vast', [container({ mem: 900_000 }, { command: FOREVER })], { namespace }),
  ]);
  await waitFor('the static pod is judged', async () =>
    (await prometheus.query('kerf_slice_info{enforcement="unenforced",pod="static"}')).at(0),
  );
  await waitFor('the fault is counted', async () => (await prometheus.query('kerf_device_xid_total')).at(0));
  const spoil = 'dd if=/dev/zero of=/usr/local/kerf/region bs=64 count=1 conv=notrunc 2>&1';
  await execIn(journey, { pod: 'spoilt' }, ['sh', '-c', spoil]);
  await waitFor('the escape is found', async () => (await prometheus.query('kerf_escape_total')).at(0));
  const isSeen = async () => (await prometheus.query('kerf_slice_memory_class_bytes > 0')).length > 0;
  await waitFor('the pod’s memory is in Prometheus', isSeen);
  await waitFor('a refusal is in Prometheus', async () =>
    (await prometheus.query('rate(kerf_scheduler_refusals_total[1m])')).some(({ value }) => value[1] !== ''),
  );
});

afterAll(async () => {
  for (const mend of mending.toReversed()) await mend().catch((fault: unknown) => console.error(fault));
  await prometheus?.stop();
  await endJourney(journey);
});

const unanswered = async (questions: readonly { readonly name: string; readonly expr: string }[]) => {
  const empty: string[] = [];
  for (const { name, expr } of questions)
    if ((await prometheus.query(expr)).length === 0) empty.push(`${name}: ${expr}`);
  return empty;
};

describe('what people look at', () => {
  it('every question of every panel is answered', async () => {
    const asked = questionsOf(dashboards()).map((each) => ({ ...each, name: `${each.board} ${each.panel}` }));
    expect(asked.length).toBeGreaterThan(60);
    expect(await unanswered(asked)).toEqual([]);
  });

  it('every rule looks at something that is there', async () => {
    const asked = shippedRules().map(({ alert, expr }) => ({ name: alert, expr: watchedBy(expr) }));
    expect(await unanswered(asked)).toEqual([]);
  });

  it('every program tells its build', async () => {
    const builds = await prometheus.query('sum by (program, revision) (kerf_build_info)');
    expect(builds.map(({ metric }) => metric.program).toSorted()).toEqual([
      'device-plugin',
      'monitor',
      'scheduler',
    ]);
    expect(new Set(builds.map(({ metric }) => metric.revision)).size).toBe(1);
  });
});

const firing = async (alert: string): Promise<readonly Alert[]> =>
  (await prometheus.alerts()).filter(({ labels, state }) => labels.alertname === alert && state === 'firing');

/** The alert once it is in force for what is meant; its words must have come out whole. */
const fires = async (alert: string, labels: Readonly<Record<string, string>>): Promise<Alert> => {
  const found = await waitFor(`${alert} fires`, async () =>
    (await firing(alert)).find((each) =>
      Object.entries(labels).every(([name, value]) => each.labels[name] === value),
    ),
  );
  expect(found.annotations.summary).not.toMatch(/<no value>|error/i);
  return found;
};

describe('what goes wrong', () => {
  it('nothing is said of a scheduler, a monitor or a device that is well', async () => {
    for (const alert of ['KerfSchedulerDown', 'KerfMonitorDown', 'KerfWatchStale', 'KerfDeviceUnhealthy'])
      expect([alert, await firing(alert)]).toEqual([alert, []]);
  });

  it('a container that no library holds', async () => {
    const labels = { namespace: journey.namespace, pod: 'static', node: 'n2' };
    await fires('KerfSliceUnenforced', labels);
  });

  it('a fault that a device tells of, which may be its tenant’s', async () => {
    await fires('KerfDeviceXid', { node: 'n1', device, xid: '13' });
  });

  it('a container that wants more than it has', async () => {
    await execIn(journey, { pod: 'busy' }, ['kerf-workload', 'fill']);
    const { annotations } = await fires('KerfSliceRefused', { namespace: journey.namespace, pod: 'busy' });
    expect(annotations.summary).toContain(`${journey.namespace}/busy (main)`);
  });

  it('a container that writes over its own counters', async () => {
    const labels = { namespace: journey.namespace, pod: 'spoilt' };
    await fires('KerfSliceUnreadable', labels);
    await fires('KerfEscape', labels);
  });

  it('a device that is broken', async () => {
    mending.push(() => fake('heal'));
    await fake('fault', '79');
    await fires('KerfDeviceUnhealthy', { node: 'n1', device });
  });

  it('a policy document that is wrong', async () => {
    const { data } = await journey.api.get<{ data: Record<string, string> }>(POLICY);
    mending.push(() => journey.api.patch(POLICY, { data }));
    await journey.api.patch(POLICY, { data: { 'policy.yaml': 'version: 7\n' } });
    await fires('KerfPolicyRefused', {});
  });

  it('a monitor and a device plugin that are gone', async () => {
    mending.push(() => waitFor('n2 tells its slots again', () => slotsOf(journey.cluster, 'n2')));
    for (const program of [PROGRAMS.monitor('n2'), PROGRAMS.plugin('n2')]) {
      mending.push(() => startIn(journey.cluster, program));
      await stopIn(journey.cluster, program);
    }
    const { annotations } = await fires('KerfDevicePluginDown', { node: 'n2' });
    expect(annotations.summary).toBe('The device plugin of n2 does not answer.');
    await fires('KerfMonitorDown', { node: 'n2' });
  });
});
