// SPDX-License-Identifier: Apache-2.0
// From an XID to the pod's `allocatedResourcesStatus`, on the real cluster: fake accelerators, real kubelet and API
// server. Counted from before the fault is made, so the tool that makes it is in the figure; looked at each 10 ms.
import type { Cluster } from '../../test/cluster/index.js';
import { ARTEFACTS } from '../../test/cluster/kerf/artefacts.js';
import { FAKE_DIR } from '../../test/cluster/kerf/fake-gpus.js';
import type { Api } from '../../test/e2e/support/api.js';
import { devicesOf } from '../../test/e2e/support/journey.js';
import { container, pod } from '../../test/e2e/support/manifests.js';
import { waitFor } from '../../test/e2e/support/wait.js';
import type { Row } from '../report.js';
import { median } from '../walk/statistics.js';
import type { Size } from './size.js';

const NAMESPACE = 'xid';
const BAR_MS = 1000;
const OFTEN = { everyMs: 10, timeoutMs: 60_000 };

export async function xidRows(cluster: Cluster, api: Api, { repeats }: Size): Promise<readonly Row[]> {
  const times = await measure(cluster, api, repeats);
  const row = { bench: 'node', unit: 'ms', bar: `≤ ${BAR_MS}` };
  const middle = median(times);
  const most = Math.max(...times);
  return [
    { ...row, metric: 'XID to Unhealthy in the pod, median', value: middle, holds: middle <= BAR_MS },
    {
      ...row,
      metric: `XID to Unhealthy in the pod, slowest of ${times.length}`,
      value: most,
      holds: most <= BAR_MS,
    },
  ];
}

async function measure(cluster: Cluster, api: Api, rounds: number): Promise<readonly number[]> {
  await api.makeNamespace(NAMESPACE);
  await api.createAll([pod('p', [container({ mem: 1000 })], { namespace: NAMESPACE })]);
  await api.running(NAMESPACE, 1);
  const [device = ''] = devicesOf(await api.pod(NAMESPACE, 'p'));
  const turns = async (health: string): Promise<unknown> =>
    waitFor(`health ${health}`, async () => (await healthOf(api)) === health, OFTEN);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await turns('Healthy');
    const start = performance.now();
    await fake(cluster, 'fault', device, '79');
    await turns('Unhealthy');
    times.push(performance.now() - start);
    await fake(cluster, 'heal', device);
  }
  return times;
}

async function fake(cluster: Cluster, verb: string, ...words: readonly string[]): Promise<void> {
  const ran = await cluster.exec('n1', [ARTEFACTS.fakeGpus, verb, FAKE_DIR, ...words]);
  if (ran.code !== 0) throw new Error(`kerf-fake-gpus ${verb}: ${ran.stderr}`);
}

async function healthOf(api: Api): Promise<string | undefined> {
  const [status] = (await api.pod(NAMESPACE, 'p')).status.containerStatuses ?? [];
  return status?.allocatedResourcesStatus?.flatMap(({ resources }) => resources ?? [])[0]?.health;
}
