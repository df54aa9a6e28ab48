// SPDX-License-Identifier: Apache-2.0
// Journey u: the node's book of device time. What a pod was granted and used is found by its namespace and its workload;
// slices, unattributed and idle are the physical time, and the monitor's death at random instants takes nothing out of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UsageReport } from '../../src/core/usage-sum.js';
import { ARTEFACTS } from '../cluster/kerf/artefacts.js';
import { PROGRAMS } from '../cluster/kerf/install.js';
import { monitorPort } from '../cluster/kerf/ports.js';
import { crash, randomFrom } from './support/chaos.js';
import { endJourney, type Journey, startJourney } from './support/journey.js';
import { container, deployment } from './support/manifests.js';
import { pause, waitFor } from './support/wait.js';

const KILLS = process.env.KERF_LONG === '1' ? 30 : 4;
/** What a kill may lose, and what passes between the book's last look and ours. */
const LOST_SECONDS = 2;

interface Look {
  readonly atMs: number;
  readonly report: UsageReport;
}

describe('the book of a node', () => {
  let journey: Journey;

  const usage = async (...args: readonly string[]): Promise<Look> => {
    const monitor = `n1=http://127.0.0.1:${monitorPort('n1')}`;
    const argv = [process.execPath, ARTEFACTS.cli, 'usage', '--monitor', monitor, '--json', ...args];
    const atMs = Date.now();
    const ran = await journey.cluster.execInside(argv);
    if (ran.code !== 0) throw new Error(`kerf usage: exit ${ran.code} ${ran.stderr}`);
    return { atMs, report: JSON.parse(ran.stdout) as UsageReport };
  };
  const ownRow = ({ report }: Look) => report.rows.find(({ key }) => key.split('/')[0] === journey.namespace);

  beforeAll(async () => {
    journey = await startJourney('u');
    const { namespace } = journey;
    const spec = { nodeSelector: { 'kubernetes.io/hostname': 'n1' } };
    const command = ['kerf-workload', 'alloc', '1000', '--hold', '600'];
    const containers = [container({ mem: 4096, cores: 30 }, { command })];
    await journey.api.createAll([deployment('web', 1, { namespace, spec, containers })]);
    await journey.api.running(namespace, 1);
    await waitFor('a row of ours', async () => (ownRow(await usage())?.usedGiBSeconds ?? 0) > 2, {
      timeoutMs: 30_000,
    });
  });
  afterAll(() => endJourney(journey));

  it('tells what the namespace was granted, in the shares that it asked for', async () => {
    const row = ownRow(await usage());
    expect((row?.grantedGiBSeconds ?? 0) / (row?.grantedGpuSeconds ?? 1)).toBeCloseTo(4 / 0.3, 3);
    expect(row?.usedGiBSeconds).toBeLessThanOrEqual(row?.grantedGiBSeconds ?? 0);
  });

  it('tells the Deployment that made the pod', async () => {
    const { report } = await usage('--by', 'workload');
    expect(report.rows.map(({ key }) => key)).toContain(`${journey.namespace}/Deployment/web`);
  });

  it(`goes on where the monitor is killed ${KILLS} times`, async () => {
    const random = randomFrom(Date.now());
    const before = await usage();
    for (let kill = 0; kill < KILLS; kill += 1) {
      await pause(500 + random() * 1500);
      await crash(journey.cluster, PROGRAMS.monitor('n1'), 100);
    }
    const after = await waitFor('the monitor', () => usage());
    const passed = (after.atMs - before.atMs) / 1000;
    const { devices } = after.report.total;
    const counted = (after.report.total.physicalSeconds - before.report.total.physicalSeconds) / devices;
    expect(Math.abs(counted - passed)).toBeLessThan(LOST_SECONDS);
  });

  it('adds up to the physical time', async () => {
    const { total, rows } = (await usage()).report;
    const sum = total.usedSeconds + total.unattributedSeconds + total.idleSeconds;
    expect(Math.abs(sum - total.physicalSeconds) / total.physicalSeconds).toBeLessThan(0.001);
    const bySlices = rows.reduce((all, { usedGpuSeconds }) => all + usedGpuSeconds, 0);
    expect(Math.abs(bySlices - total.usedSeconds)).toBeLessThan(0.001 * total.physicalSeconds);
  });
});
