// SPDX-License-Identifier: Apache-2.0
// What all kinds of scheduler share: one control plane without kubelets, nodes that are objects only, one namespace.
import { join } from 'node:path';
import { build } from 'esbuild';
import { createKubeClient, type KubeClient } from '../../src/adapters/kubernetes/client.js';
import { loadCredentials } from '../../src/adapters/kubernetes/credentials.js';
import type { Device } from '../../src/core/device.js';
import { mib, milliCores } from '../../src/core/units.js';
import { encodeInventory } from '../../src/wire/inventory.js';
import { inventoryOf } from '../../src/wire/names.js';
import { type Cluster, makeApiOnlyNodes, openRelay, upCluster } from '../../test/cluster/index.js';
import { accountKubeconfig } from '../../test/cluster/kerf/accounts.js';
import { ROOT } from '../../test/cluster/kerf/artefacts.js';
import { applyChart, renderChart } from '../../test/cluster/kerf/chart.js';
import { EXTENDER_PORT } from '../../test/cluster/kerf/ports.js';
import { NAMESPACE } from './pods.js';

export const CLUSTER = 'bench-throughput';

export type Say = (step: string) => void;

export interface Stage {
  readonly cluster: Cluster;
  /** Of the bench itself, as admin; its requests stand in the audit log as `kerf-bench`. */
  readonly client: KubeClient;
  /** Of the chart's account kerf-scheduler: Kerf and the do-nothing extender both are it. */
  readonly kubeconfig: string;
  /** Files to run. */
  readonly kerf: string;
  readonly doNothing: string;
  /** Where either extender answers, for programs outside. */
  readonly extenderUrl: string;
}

/** No controllers: those of nodes and pods would write beside the schedulers, and nobody here needs them. */
export async function openStage(say: Say): Promise<Stage> {
  const cluster = await upCluster({ name: CLUSTER, apiOnly: true, controllers: false, onProgress: say });
  const objects = await renderChart(cluster);
  const access = objects.filter(({ kind }) =>
    /^(ServiceAccount|ClusterRole(Binding)?|Role(Binding)?)$/.test(kind),
  );
  await applyChart(cluster, access);
  await makeNamespace(cluster);
  const client = createKubeClient({
    credentials: loadCredentials(cluster.kubeconfigPath),
    agent: 'kerf-bench',
  });
  const port = await openRelay(cluster, 'extender-relay', `127.0.0.1:${EXTENDER_PORT}`);
  return {
    cluster,
    client,
    kubeconfig: await accountKubeconfig(cluster, 'kerf-scheduler'),
    kerf: await bundle('src/apps/scheduler.ts', cluster.stateDir),
    doNothing: await bundle('bench/throughput/do-nothing.ts', cluster.stateDir),
    extenderUrl: `http://127.0.0.1:${port}`,
  };
}

/** With the account that a controller would make: pods are refused without it. */
async function makeNamespace({ api }: Cluster): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`;
  for (const want of [
    { path: '/api/v1/namespaces', body: namespace },
    { path, body: account },
  ]) {
    const { status, body } = await api.call({ method: 'POST', ...want });
    if (status !== 201) throw new Error(`${want.path} refused: ${JSON.stringify(body)}`);
  }
}

/** As `npm run build:js` makes it. */
export async function bundle(door: string, into: string): Promise<string> {
  const outfile = join(into, `${door.replace(/\W+/g, '-')}.mjs`);
  const js = "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);";
  const form = { bundle: true, platform: 'node', format: 'esm', target: 'node20.19' } as const;
  await build({ entryPoints: [join(ROOT, door)], outfile, ...form, logLevel: 'warning', banner: { js } });
  return outfile;
}

const DEVICES = 8;
const SPLITS = 10;
/**
 * A bare kube-scheduler counts every resource a pod names: the nodes have enough of all. The kubelet would tell of
 * the first alone.
 */
const ROOM = {
  'nvidia.com/gpu': String(DEVICES * SPLITS),
  'nvidia.com/gpu-mem': '100M',
  'nvidia.com/gpu-cores': '100k',
};

/** Adds nodes `from` (0-based) up to `to`. */
export async function growTo(cluster: Cluster, from: number, to: number): Promise<void> {
  await makeApiOnlyNodes(cluster, {
    count: to - from,
    name: (index) => nodeName(from + index),
    annotations: (index) => ({ [inventoryOf('nvidia')]: inventory(from + index) }),
    allocatable: ROOM,
  });
}

export const nodeName = (node: number): string => `gpu-node-${String(node).padStart(4, '0')}`;

export function inventory(node: number): string {
  return encodeInventory(Array.from({ length: DEVICES }, (_, at) => deviceOf(node, at)));
}

/** As long as a driver's. */
export const deviceId = (node: number, at: number): string =>
  `GPU-${String(node).padStart(8, '0')}-0000-4000-8000-${String(at).padStart(12, '0')}`;

function deviceOf(node: number, index: number): Device {
  const size = { memory: mib(40_960), cores: milliCores(1000), splits: SPLITS };
  const health = { numa: index < 4 ? 0 : 1, isHealthy: true, reason: '' };
  return {
    id: deviceId(node, index),
    vendor: 'nvidia',
    index,
    model: 'NVIDIA A100-SXM4-40GB',
    ...size,
    ...health,
  };
}
