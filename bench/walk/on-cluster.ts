// SPDX-License-Identifier: Apache-2.0
// Figures of the real cluster: one node, eight fake A100-40G, Kerf from its chart.
import { downCluster, readAudit, upCluster, type Cluster } from '../../test/cluster/index.js';
import { WORKLOAD_FILES } from '../../test/cluster/kerf/artefacts.js';
import { installKerf } from '../../test/cluster/kerf/install.js';
import { Api } from '../../test/e2e/support/api.js';
import { pause } from '../../test/e2e/support/wait.js';
import type { Row } from '../report.js';
import { burstSeconds } from './burst.js';
import { median } from './statistics.js';

const NAME = 'bench-walk';
const POD_COUNT = 60;
const ROUNDS = Number(process.env.KERF_ROUNDS ?? 3);
const IDLE_SECONDS = Number(process.env.KERF_IDLE_SECONDS ?? 60);
const ASK = { mem: 1000, cores: 5 };

const say = (step: string): void => console.error(`walk: ${step}`);

export async function clusterRows(): Promise<readonly Row[]> {
  await downCluster(NAME);
  say('bringing up one node with eight fake GPUs');
  const cluster = await upCluster({
    name: NAME,
    gpus: { n1: [{ model: 'A100-40G', count: 8 }] },
    workloadFiles: WORKLOAD_FILES,
    onProgress: say,
  });
  try {
    await installKerf(cluster, { onProgress: say });
    return await measure(cluster);
  } finally {
    await downCluster(NAME);
  }
}

async function measure(cluster: Cluster): Promise<readonly Row[]> {
  const api = new Api(cluster.kubeconfigPath);
  const namespace = 'walk';
  await api.makeNamespace(namespace);
  const plainOne: number[] = [];
  const slicedOne: number[] = [];
  const plainMany: number[] = [];
  const slicedMany: number[] = [];
  let writes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    say(`round ${round + 1} of ${ROUNDS}: one pod, then ${POD_COUNT}, without and with slices`);
    plainOne.push(await burstSeconds(api, { namespace, count: 1, ask: null }));
    slicedOne.push(await burstSeconds(api, { namespace, count: 1, ask: ASK }));
    plainMany.push(await burstSeconds(api, { namespace, count: POD_COUNT, ask: null }));
    const since = new Date();
    slicedMany.push(await burstSeconds(api, { namespace, count: POD_COUNT, ask: ASK }));
    writes += await writesByKerf(cluster, since);
  }
  say(`${IDLE_SECONDS} s of rest`);
  const since = new Date();
  await pause(IDLE_SECONDS * 1000);
  const idle = await writesByKerf(cluster, since);
  await api.client.close();
  const ratios = slicedMany.map((seconds, round) => seconds / (plainMany[round] as number));
  return [
    figure('API writes per pod by Kerf', writes / (ROUNDS * POD_COUNT), { unit: '', most: 1 }),
    figure('API writes per idle node and hour by Kerf', (idle * 3600) / IDLE_SECONDS, { unit: '', most: 0 }),
    figure('one pod, create to Running, no slice', median(plainOne), { unit: 's' }),
    figure('one pod, create to Running, a slice', median(slicedOne), { unit: 's' }),
    figure(`${POD_COUNT} pods, create to all Running, no slice`, median(plainMany), { unit: 's' }),
    figure(`${POD_COUNT} pods, create to all Running, a slice each`, median(slicedMany), { unit: 's' }),
    figure(`${POD_COUNT} pods, slices against none, median of ${ROUNDS} pairs`, median(ratios), {
      unit: '×',
      most: 1.25,
    }),
  ];
}

/** All writes by our accounts but leases and what the stock kube-scheduler beside us writes by habit (its Events). */
async function writesByKerf(cluster: Cluster, since: Date): Promise<number> {
  const entries = await readAudit(cluster, { since, writesOnly: true, stage: 'ResponseComplete' });
  return entries.filter(
    ({ user, resource, userAgent }) =>
      user.startsWith('system:serviceaccount:kerf-system:') &&
      resource !== 'leases' &&
      !userAgent.startsWith('kube-scheduler/'),
  ).length;
}

function figure(metric: string, value: number, as: { readonly unit: string; readonly most?: number }): Row {
  const { unit, most } = as;
  const bar = most === undefined ? '' : `≤ ${most}`;
  return { bench: 'walk', metric, value, unit, bar, holds: most === undefined ? null : value <= most };
}
