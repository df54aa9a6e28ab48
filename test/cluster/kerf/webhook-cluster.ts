// SPDX-License-Identifier: Apache-2.0
// An API server without nodes, with all that the chart says of access, letters and the webhook, and the real scheduler
// program as the webhook: for tests of what is refused before anything runs.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import {
  type Cluster,
  downCluster,
  ensureHelm,
  type Output,
  servingCertificate,
  spawnIn,
  until,
  upCluster,
} from '../index.js';
import { accountKubeconfig } from './accounts.js';
import { applyChart, renderChart } from './chart.js';
import { WEBHOOK_PORT } from './ports.js';

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const WEBHOOK = 'kerf-webhook';

/** Answers when the API server asks the webhook. */
export async function upWebhookCluster(name: string): Promise<Cluster> {
  await ensureHelm(() => undefined);
  const cluster = await upCluster({ name, apiOnly: true });
  const objects = await renderChart(cluster);
  await applyChart(
    cluster,
    objects.filter(({ kind }) => kind === 'ServiceAccount' || /Role/.test(kind)),
  );
  await startWebhook(cluster);
  await applyChart(cluster, objects);
  const isGuarded = async (): Promise<boolean> => (await tryForgery(cluster)) && (await tryNonsense(cluster));
  if (!(await until(isGuarded, 30_000, 200))) throw new Error('the API server does not ask the webhook');
  return cluster;
}

export { downCluster };

async function startWebhook(cluster: Cluster): Promise<void> {
  const outfile = join(cluster.stateDir, 'scheduler.mjs');
  const js = "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);";
  await build({
    entryPoints: [join(ROOT, 'src', 'apps', 'scheduler.ts')],
    ...{ outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20.19', logLevel: 'warning' },
    banner: { js },
  });
  const served = await servingCertificate(cluster, WEBHOOK, { ips: ['127.0.0.1'] });
  const [cert, key] = ['crt', 'key'].map((end) => join(cluster.stateDir, 'conf', `webhook.${end}`)) as [
    string,
    string,
  ];
  writeFileSync(cert, served.certPem);
  writeFileSync(key, served.keyPem, { mode: 0o600 });
  const kubeconfig = await accountKubeconfig(cluster, 'kerf-scheduler');
  await spawnIn(cluster, {
    name: WEBHOOK,
    argv: [
      ...[process.execPath, outfile, '--kubeconfig', kubeconfig, '--extender-listen', '127.0.0.1:9480'],
      ...['--webhook-listen', `127.0.0.1:${WEBHOOK_PORT}`, '--tls-cert', cert, '--tls-key', key],
    ],
  });
}

/** True once the placement policy is in force: the API server compiles policies some time after they are written. */
async function tryForgery(cluster: Cluster): Promise<boolean> {
  const metadata = { name: 'forgery', annotations: { 'kerf.dev/placement': '{}' }, labels: OPT_OUT };
  return (await dryRun(cluster, { metadata, spec: { containers: [{ name: 'a', image: 'none' }] } })).includes(
    'kerf-placement',
  );
}

async function tryNonsense(cluster: Cluster): Promise<boolean> {
  const containers = [{ name: 'a', image: 'none', resources: { limits: { 'nvidia.com/gpu': '-1' } } }];
  return (await dryRun(cluster, { metadata: { name: 'nonsense' }, spec: { containers } })).includes(
    'pods.kerf.dev',
  );
}

async function dryRun(cluster: Cluster, pod: object): Promise<string> {
  const path = '/api/v1/namespaces/default/pods?dryRun=All';
  const answer = await cluster.api.call({
    method: 'POST',
    path,
    body: { apiVersion: 'v1', kind: 'Pod', ...pod },
  });
  return JSON.stringify(answer.body);
}

export const OPT_OUT = { 'kerf.dev/webhook': 'ignore' };
export const WEBHOOK_PROGRAM = WEBHOOK;

export interface As {
  readonly cluster: Cluster;
  /** As programs inside the cluster have it. */
  readonly kubeconfig: string;
}

/** kubectl inside the cluster as whoever the kubeconfig is. */
export function kubectlAs(as: As, args: readonly string[], input?: string): Promise<Output> {
  const { cluster, kubeconfig } = as;
  const argv = [
    join(cluster.binDir, 'kubectl'),
    `--kubeconfig=${kubeconfig}`,
    `--cache-dir=${cluster.stateDir}/kubectl`,
  ];
  return cluster.execInside([...argv, ...args], input === undefined ? {} : { input });
}
