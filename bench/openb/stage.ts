// SPDX-License-Identifier: Apache-2.0
// The trace's nodes as objects of a real API server, with Kerf's extender and a stock kube-scheduler beside them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { createKubeClient, type KubeClient } from '../../src/adapters/kubernetes/client.js';
import { loadCredentials } from '../../src/adapters/kubernetes/credentials.js';
import type { Trace } from '../../src/apps/cli/trace-files.js';
import type { OpenbNode } from '../../src/wire/openb.js';
import {
  type Cluster,
  findProgram,
  makeApiOnlyNodes,
  openRelay,
  removeIn,
  spawnIn,
  until,
  upCluster,
} from '../../test/cluster/index.js';
import { accountKubeconfig } from '../../test/cluster/kerf/accounts.js';
import { ROOT } from '../../test/cluster/kerf/artefacts.js';
import { applyChart, renderChart } from '../../test/cluster/kerf/chart.js';
import { EXTENDER_PORT } from '../../test/cluster/kerf/ports.js';
import { bundle } from '../throughput/stage.js';
import { allocatableOf, annotationsOf, NAMESPACE, nodeName } from './objects.js';

export const CLUSTER = 'bench-openb';
const EXTENDER = 'openb-extender';
const SCHEDULER = 'openb-kube-scheduler';
const START_MS = 120_000;

export type Say = (step: string) => void;

export interface Stage {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly kubeconfig: string;
  readonly kerf: string;
  readonly readyUrl: string;
}

export async function openStage({ nodes }: Trace, say: Say): Promise<Stage> {
  const cluster = await upCluster({ name: CLUSTER, apiOnly: true, controllers: false, onProgress: say });
  const objects = await renderChart(cluster);
  const access = objects.filter(({ kind }) => /^(ServiceAccount|(Cluster)?Role(Binding)?)$/.test(kind));
  await applyChart(cluster, access);
  await makeNamespace(cluster);
  say(`making ${nodes.length} nodes`);
  await makeApiOnlyNodes(cluster, {
    count: nodes.length,
    name: nodeName,
    annotations: (at) => annotationsOf(nodes[at] as OpenbNode, at),
    allocatable: (at) => allocatableOf(nodes[at] as OpenbNode),
  });
  const port = await openRelay(cluster, 'openb-relay', `127.0.0.1:${EXTENDER_PORT}`);
  const credentials = loadCredentials(cluster.kubeconfigPath);
  return {
    cluster,
    client: createKubeClient({ credentials, agent: 'kerf-bench' }),
    kubeconfig: await accountKubeconfig(cluster, 'kerf-scheduler'),
    kerf: await bundle('src/apps/scheduler.ts', cluster.stateDir),
    readyUrl: `http://127.0.0.1:${port}/readyz`,
  };
}

/** With the account that a controller would make: pods are refused without it. */
async function makeNamespace({ api }: Cluster): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  for (const [path, body] of [
    ['/api/v1/namespaces', namespace],
    [`/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, account],
  ] as const) {
    const made = await api.call({ method: 'POST', path, body });
    if (made.status !== 201) throw new Error(`${path} refused: ${JSON.stringify(made.body)}`);
  }
}

/** `percentage`: of the nodes that kube-scheduler looks at for a pod; 0: by its own formula. */
export async function startSchedulers(stage: Stage, percentage: number): Promise<void> {
  const { cluster, kubeconfig, kerf, readyUrl } = stage;
  const policies = ['--node-policy', 'fragmentation', '--device-policy', 'fragmentation'];
  const listen = ['--extender-listen', `127.0.0.1:${EXTENDER_PORT}`, '--log-level', 'warn'];
  const argv = [process.execPath, kerf, '--kubeconfig', kubeconfig, ...listen, ...policies];
  await spawnIn(cluster, { name: EXTENDER, env: { NODE_ENV: 'production' }, argv });
  const isReady = (): Promise<boolean> => fetch(readyUrl).then(wasGood, () => false);
  if (!(await until(isReady, START_MS, 50))) throw new Error('the extender is not ready');
  const config = join(cluster.stateDir, 'conf', 'openb-kube-scheduler.json');
  const scheduler = join(cluster.stateDir, 'conf', 'scheduler.conf');
  writeFileSync(config, JSON.stringify(configurationOf(scheduler, percentage)));
  await spawnIn(cluster, {
    name: SCHEDULER,
    argv: ['kube-scheduler', `--config=${config}`, '--secure-port=0'],
  });
}

async function wasGood(answer: Response): Promise<boolean> {
  await answer.text();
  return answer.ok;
}

/** That which we ship, with the client's rate unleashed. */
function configurationOf(kubeconfig: string, percentage: number): object {
  const text = readFileSync(join(ROOT, 'scheduler-config', 'kube-scheduler.yaml'), 'utf8');
  return {
    ...(parse(text) as object),
    clientConnection: { kubeconfig, qps: 5000, burst: 10_000 },
    leaderElection: { leaderElect: false },
    percentageOfNodesToScore: percentage,
  };
}

export async function stopSchedulers({ cluster }: Stage): Promise<void> {
  for (const name of [SCHEDULER, EXTENDER])
    if (findProgram(cluster, name) !== undefined) await removeIn(cluster, name);
}
