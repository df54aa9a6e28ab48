// SPDX-License-Identifier: Apache-2.0
// Where people outside the cluster's namespaces reach the Kerf in it: relays to the monitors and to the scheduler.
import type { Cluster } from '../cluster.js';
import { until } from '../pids.js';
import { removeIn } from '../programs.js';
import { openRelay } from '../relay.js';
import { getInside } from './install.js';
import { EXTENDER_PORT, monitorPort } from './ports.js';

export interface Reach {
  readonly kubeconfig: string;
  /** As `kerf top --monitor` takes them. */
  readonly monitors: readonly string[];
  readonly scheduler: string;
}

const PATIENCE_MS = 30_000;

export async function reachKerf(cluster: Cluster): Promise<Reach> {
  const monitors: string[] = [];
  for (const { name, gpus } of cluster.nodes) {
    if (gpus.length === 0) continue;
    await awaitWell(cluster, monitorPort(name));
    monitors.push(`${name}=${await relayed(cluster, `monitor-${name}`, monitorPort(name))}`);
  }
  return {
    kubeconfig: cluster.kubeconfigPath,
    monitors,
    scheduler: await relayed(cluster, 'scheduler', EXTENDER_PORT),
  };
}

/** `ok` alone: its driver and its device plugin answer too. A node whose programs start anew has its slots still. */
async function awaitWell(cluster: Cluster, port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/healthz`;
  let told: string | undefined;
  const isWell = async (): Promise<boolean> => {
    told = await getInside(cluster, url);
    return told?.trim() === 'ok';
  };
  if (!(await until(isWell, PATIENCE_MS, 300)))
    throw new Error(`the monitor at ${url} is not well: ${told ?? 'silent'}`);
}

async function relayed(cluster: Cluster, what: string, port: number): Promise<string> {
  const name = `relay-${what}`;
  await removeIn(cluster, name);
  return `http://127.0.0.1:${await openRelay(cluster, name, `127.0.0.1:${port}`)}`;
}

/** Lines for a shell: `eval "$(npm run -s cluster -- kerf)"`, and `kerf` works from outside. */
export function exportsOf(reach: Reach): string {
  return [
    `export KUBECONFIG=${reach.kubeconfig}`,
    `export KERF_MONITORS=${reach.monitors.join(',')}`,
    `export KERF_SCHEDULER=${reach.scheduler}`,
  ].join('\n');
}
