// SPDX-License-Identifier: Apache-2.0
// Room 7 on the real cluster: what the monitor and the command say is what was granted and what is used.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GrantedNode } from '../../src/observing/granted.js';
import type { NodeState, SliceState } from '../../src/observing/state.js';
import type { Explanation } from '../../src/scheduling/explain.js';
import { until } from '../cluster/index.js';
import { ARTEFACTS } from '../cluster/kerf/artefacts.js';
import { getInside } from '../cluster/kerf/install.js';
import { EXTENDER_PORT, monitorPort } from '../cluster/kerf/ports.js';
import type { PodObject } from './support/api.js';
import { devicesOf, endJourney, type Journey, startJourney } from './support/journey.js';
import { BUSYBOX_IMAGE, container, pod } from './support/manifests.js';

const MONITOR = `http://127.0.0.1:${monitorPort('n1')}`;

describe('a pod that uses a part of its slice', () => {
  let journey: Journey;
  let device = '';

  const kerf = async <T>(...args: readonly string[]): Promise<T> => {
    const kubeconfig = ['--kubeconfig', journey.cluster.insideKubeconfigPath];
    const ran = await journey.cluster.execInside([
      process.execPath,
      ARTEFACTS.cli,
      ...args,
      '--json',
      ...kubeconfig,
    ]);
    if (ran.code !== 0) throw new Error(`kerf ${args.join(' ')}: exit ${ran.code} ${ran.stderr}`);
    return JSON.parse(ran.stdout) as T;
  };

  const ownSlice = async (): Promise<SliceState | undefined> => {
    const { nodes } = await kerf<{ nodes: readonly NodeState[] }>('top', '--monitor', `n1=${MONITOR}`);
    return nodes[0]?.slices.find((slice) => slice.namespace === journey.namespace);
  };

  beforeAll(async () => {
    journey = await startJourney('observing');
    const spec = { nodeSelector: { 'kubernetes.io/hostname': 'n1' } };
    const command = ['kerf-workload', 'alloc', '1000', '--hold', '600'];
    const made = pod('p', [container({ mem: 4096, cores: 30 }, { command })], {
      namespace: journey.namespace,
      spec,
    });
    await journey.api.createAll([made]);
    const pods = await journey.api.running(journey.namespace, 1);
    device = devicesOf(pods[0] as PodObject)[0] as string;
    const isSeen = async (): Promise<boolean> => {
      const slice = await ownSlice();
      return (slice?.usedMiB ?? 0) >= 1000 && slice?.enforcement !== 'pending';
    };
    await until(isSeen, 20_000, 500);
  });
  afterAll(() => endJourney(journey));

  it('is shown by kerf top with what it was granted and what it uses', async () => {
    const slice = await ownSlice();
    expect(slice).toMatchObject({ pod: 'p', container: 'main', device, memoryMiB: 4096, corePercent: 30 });
    expect(slice?.usedMiB).toBeGreaterThanOrEqual(1000);
    expect(slice?.usedMiB).toBeLessThan(1600);
    expect(slice).toMatchObject({ enforcement: 'enforced', problem: '' });
  });

  it('is counted in the metrics of its device and of its slice', async () => {
    const text = (await getInside(journey.cluster, `${MONITOR}/metrics`)) ?? '';
    const labels = `node="n1",device="${device}",namespace="${journey.namespace}",pod="p",container="main"`;
    expect(text).toContain(`kerf_slice_memory_granted_bytes{${labels}} ${4096 * 1024 * 1024}\n`);
    const onDevice = new RegExp(
      `^kerf_device_memory_used_bytes\\{[^}]*device="${device}"[^}]*\\} (\\d+)$`,
      'm',
    );
    expect(Number(onDevice.exec(text)?.[1])).toBeGreaterThanOrEqual(1000 * 1024 * 1024);
  });

  it('is granted on its device by kerf devices', async () => {
    const nodes = await kerf<readonly GrantedNode[]>('devices');
    const seen = nodes.flatMap(({ devices }) => devices).find(({ id }) => id === device);
    expect(seen?.grantedMiB).toBeGreaterThanOrEqual(4096);
    expect(seen?.slices).toBeGreaterThanOrEqual(1);
    expect(nodes.map(({ problems }) => problems)).toEqual([[], []]);
  });

  it('is told as placed by kerf explain', async () => {
    const scheduler = ['--scheduler', `http://127.0.0.1:${EXTENDER_PORT}`, '-n', journey.namespace];
    const explanation = await kerf<Explanation>('explain', 'p', ...scheduler);
    expect(explanation).toMatchObject({ state: 'placed', node: 'n1', containers: [{ name: 'main' }] });
  });
});

// Here our programs run as processes; in a cluster they are pods. These stand where those would, labelled alike,
// and answer what the real ones answer: what is proven is the way through the API server to a pod that listens on its loopback only.
describe('kerf asks pods of Kerf through the API server', () => {
  const namespace = 'kerf-system';
  const said = {
    usage: { v: 1, node: 'n1', problems: [], devices: [], slices: [] },
    explain: { pod: 'default/p', uid: 'u', revision: 1, state: 'pending', text: 'no node can hold it' },
  };
  let journey: Journey;

  const kerf = (...args: readonly string[]) => {
    const kubeconfig = ['--kubeconfig', journey.cluster.insideKubeconfigPath];
    return journey.cluster.execInside([process.execPath, ARTEFACTS.cli, ...args, ...kubeconfig]);
  };

  const standIn = (component: 'monitor' | 'scheduler', path: string, answer: object): object => {
    const port = { monitor: 9401, scheduler: 9480 }[component];
    const file = `/tmp/www${path}`;
    const serve = `mkdir -p $(dirname ${file}) && echo '${JSON.stringify(answer)}' > ${file} && httpd -f -p 127.0.0.1:${port} -h /tmp/www`;
    const labels = { 'app.kubernetes.io/name': 'kerf', 'app.kubernetes.io/component': component };
    const main = container(null, { image: BUSYBOX_IMAGE, command: ['sh', '-c', serve] });
    return pod(`stand-in-${component}`, [main], { namespace, labels });
  };

  beforeAll(async () => {
    journey = await startJourney('proxy');
    const standIns = [
      standIn('monitor', '/v1/usage', said.usage),
      standIn('scheduler', '/v1/explain/default/p', said.explain),
    ];
    await journey.api.createAll(standIns);
    const answers = async (): Promise<boolean> => (await kerf('top', '--once')).code === 0;
    await until(answers, 30_000, 500);
  });
  afterAll(async () => {
    const names = ['stand-in-monitor', 'stand-in-scheduler'];
    await journey.cluster.kubectl(['delete', 'pod', '-n', namespace, ...names, '--now']);
    await endJourney(journey);
  });

  it('top finds the monitors', async () => {
    const ran = await kerf('top', '--json');
    expect(JSON.parse(ran.stdout)).toEqual({ nodes: [said.usage], silent: [] });
  });

  it('explain finds the scheduler', async () => {
    const ran = await kerf('explain', 'p', '-n', 'default');
    expect(ran).toMatchObject({ code: 0, stdout: 'default/p: pending, no node can hold it\n' });
  });

  it('explain of a pod that is not there is refused, by the real scheduler', async () => {
    const scheduler = `http://127.0.0.1:${EXTENDER_PORT}`;
    const ran = await kerf('explain', 'default/nobody', '--scheduler', scheduler);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('there is no pod default/nobody');
  });
});
