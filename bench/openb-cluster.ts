// SPDX-License-Identifier: Apache-2.0
// The openb trace through a real kube-scheduler with Kerf's extender, on as many nodes that are objects only: how far
// is it from what `simulate` says of the same policy, and why?
import { downCluster } from '../test/cluster/index.js';
import { simulate } from '../src/apps/cli/simulation.js';
import type { Trace } from '../src/apps/cli/trace-files.js';
import { POD_CLASSES } from '../src/core/packing/workload.js';
import { type Arrived, arriveAll } from './openb/arrivals.js';
import { runLive } from './openb/live.js';
import { CLUSTER, openStage, type Say, startSchedulers, stopSchedulers } from './openb/stage.js';
import { traceOf } from './openb/trace.js';
import type { Row } from './report.js';

export const about =
  'openb through a real kube-scheduler on 1 213 API-only nodes, beside simulate (about 8 minutes; KERF_OPENB_NODES=100|0|… of nodes looked at, in percent)';

const SEED = 42;
const STEP = 500;

const say: Say = (step) => console.error(`openb-cluster: ${step}`);

type Figures = Pick<Arrived, 'allocation' | 'failed' | 'seconds'>;

export async function run(): Promise<readonly Row[]> {
  const percentages = (process.env.KERF_OPENB_NODES ?? '100').split(',').map(Number);
  const trace = traceOf('default', SEED);
  const simulated = simulate({ trace, policy: 'fragmentation', churn: null }).run;
  say(`simulate: ${JSON.stringify(simulated)}`);
  const rows = rowsOf('simulate', simulated, null);
  for (const cpuOnly of ['packed', 'spread'] as const) {
    const live = await runLive(trace, cpuOnly);
    say(`in process, CPU-only pods ${cpuOnly}: ${JSON.stringify(live)}`);
    rows.push(...rowsOf(`live verbs in process, CPU-only pods ${cpuOnly}`, live, simulated));
  }
  for (const percentage of percentages) {
    const arrived = await onCluster(trace, percentage);
    say(`on the cluster, ${percentage} %: ${JSON.stringify(arrived)}`);
    rows.push(...rowsOf(`kube-scheduler, ${toldOf(percentage)}`, arrived, simulated));
  }
  return rows;
}

async function onCluster(trace: Trace, percentage: number): Promise<Arrived> {
  await downCluster(CLUSTER);
  try {
    const stage = await openStage(trace, say);
    await startSchedulers(stage, percentage);
    const arrived = await arriveAll(stage.client, trace, (done, allocation) => {
      if (done % STEP === 0)
        say(`${done} of ${trace.order.length} pods, ${(100 * allocation).toFixed(2)} % allocated`);
    });
    await stopSchedulers(stage);
    await stage.client.close();
    return arrived;
  } finally {
    await downCluster(CLUSTER);
  }
}

const toldOf = (percentage: number): string =>
  percentage === 0 ? 'its own sample of nodes' : `${percentage} % of the nodes looked at`;

function rowsOf(what: string, { allocation, failed, seconds }: Figures, beside: Figures | null): Row[] {
  const row = (metric: string, value: number, unit: string): Row => ({
    ...{ bench: 'openb-cluster', metric: `${what}: ${metric}`, value, unit, bar: '', holds: null },
  });
  const lost = POD_CLASSES.filter((name) => failed[name] > 0).map((name) =>
    row(`failed ${name} pods`, failed[name], 'pods'),
  );
  const gap =
    beside === null ? [] : [row('below simulate', 100 * (beside.allocation - allocation), 'points')];
  return [row('allocated', 100 * allocation, '%'), ...gap, ...lost, row('time', seconds, 's')];
}
