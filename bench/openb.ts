// SPDX-License-Identifier: Apache-2.0
// Kerf's packing policy against the published one on the openb trace, arrivals and churn.
// The trace is read from ../shared/traces/openb, or from the folder that KERF_OPENB names; the project does not carry it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Trace } from '../src/apps/cli/trace-files.js';
import { type ChurnPlan, type Run, simulate } from '../src/apps/cli/simulation.js';
import type { PackingPolicyName } from '../src/core/packing/policies.js';
import { churnRows, exactRow, workloadRows } from './openb/rows.js';
import { FOLDER, traceOf } from './openb/trace.js';
import type { Row } from './report.js';

export const about =
  'packing on the openb trace: allocation and failed pods per policy and workload (about 3 minutes)';

const ORDERS = /^(.+)_(\d+)_1\.3\.json$/;
const POLICIES: readonly PackingPolicyName[] = ['best-fit', 'fgd', 'fragmentation'];
const CHURN: ChurnPlan = { load: 1.2, from: 4, to: 9 };
const CHURN_SEEDS = [1, 2, 3, 4, 5];

export async function run(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const runs = new Map<string, Run[]>();
  for (const [workload, seeds] of ordersFound()) {
    const found = seeds.flatMap((seed) => runsOf(traceOf(workload, seed), POLICIES, null));
    runs.set(workload, found);
    rows.push(...workloadRows(workload, found));
  }
  const trace = traceOf('default', 42);
  const churned = CHURN_SEEDS.flatMap((seed) => runsOf({ ...trace, seed }, POLICIES, CHURN));
  return [...exactRow(runs.get('default') ?? []), ...rows, ...churnRows(churned)];
}

/** Every workload and seed with an order, so that others laid beside them are measured too. */
function ordersFound(): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const file of readdirSync(join(FOLDER, 'orders')).sort()) {
    const [, workload, seed] = ORDERS.exec(file) ?? [];
    if (workload !== undefined) found.set(workload, [...(found.get(workload) ?? []), Number(seed)]);
  }
  return found;
}

function runsOf(
  trace: Trace,
  policies: readonly PackingPolicyName[],
  churn: ChurnPlan | null,
): readonly Run[] {
  return policies.map((policy) => {
    const { run: done } = simulate({ trace, policy, churn });
    console.error(JSON.stringify(done));
    return done;
  });
}
