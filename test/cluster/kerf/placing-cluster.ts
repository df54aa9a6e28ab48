// SPDX-License-Identifier: Apache-2.0
// A real API server, a real kube-scheduler with the real scheduler program as its extender, and nodes that are objects
// only: for journeys that end at the binding.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { SCHEDULER_NAME } from '../../../src/wire/names.js';
import {
  type ApiNodeOptions,
  type Cluster,
  makeApiOnlyNodes,
  servingCertificate,
  spawnIn,
  until,
  upCluster,
} from '../index.js';
import { accountKubeconfig } from './accounts.js';
import { ROOT } from './artefacts.js';
import { applyChart, renderChart, schedulerConfigOf } from './chart.js';
import { getInside } from './install.js';
import { EXTENDER_PORT, WEBHOOK_PORT } from './ports.js';

export const EXTENDER = `http://127.0.0.1:${EXTENDER_PORT}`;
export const EXTENDER_PROGRAM = 'extender';
export const SCHEDULER_USER = 'system:serviceaccount:kerf-system:kerf-scheduler';

/** Answers when the extender has seen the cluster. Its pages are behind the webhook's port too; nobody asks the webhook. */
export async function upPlacingCluster(name: string, nodes: ApiNodeOptions): Promise<Cluster> {
  const cluster = await upCluster({ name, apiOnly: true });
  await makeApiOnlyNodes(cluster, nodes);
  const objects = await renderChart(cluster);
  await applyChart(
    cluster,
    objects.filter(({ kind }) => /^(Namespace|ServiceAccount|(Cluster)?Role(Binding)?)$/.test(kind)),
  );
  const kubeconfig = await accountKubeconfig(cluster, 'kerf-scheduler');
  await startExtender(cluster, kubeconfig);
  const config = join(cluster.stateDir, 'conf', 'kerf-kube-scheduler.yaml');
  writeFileSync(config, schedulerConfigOf(objects));
  await spawnIn(cluster, {
    name: 'kerf-kube-scheduler',
    argv: [
      ...['kube-scheduler', `--config=${config}`, `--kubeconfig=${kubeconfig}`],
      ...[`--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`],
      ...['--secure-port=0', '--leader-elect=false'],
    ],
  });
  return cluster;
}

async function startExtender(cluster: Cluster, kubeconfig: string): Promise<void> {
  const outfile = join(cluster.stateDir, 'scheduler.mjs');
  const js = "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);";
  await build({
    entryPoints: [join(ROOT, 'src', 'apps', 'scheduler.ts')],
    ...{ outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20.19', logLevel: 'warning' },
    banner: { js },
  });
  const served = await servingCertificate(cluster, 'kerf-webhook', { ips: ['127.0.0.1'] });
  const [cert, key] = ['crt', 'key'].map((end) => join(cluster.stateDir, 'conf', `webhook.${end}`)) as [
    string,
    string,
  ];
  writeFileSync(cert, served.certPem);
  writeFileSync(key, served.keyPem, { mode: 0o600 });
  writeFileSync(authorityOf(cluster), cluster.caPem);
  await spawnIn(cluster, {
    name: EXTENDER_PROGRAM,
    argv: [
      ...[process.execPath, outfile, '--kubeconfig', kubeconfig, '--log-level', 'debug'],
      ...['--webhook-listen', `127.0.0.1:${WEBHOOK_PORT}`, '--tls-cert', cert, '--tls-key', key],
    ],
  });
  if (!(await until(() => isExtenderReady(cluster), 30_000, 100)))
    throw new Error(`the extender never saw the cluster: ${cluster.stateDir}`);
}

export const isExtenderReady = async (cluster: Cluster): Promise<boolean> =>
  (await getInside(cluster, `${EXTENDER}/readyz`)) !== undefined;

export interface PodJson {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly nodeName?: string };
}

export function podOf(name: string, limits: Readonly<Record<string, string>>, annotations = {}): object {
  const containers = [{ name: 'main', image: 'none', resources: { limits } }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations },
    spec: { schedulerName: SCHEDULER_NAME, containers },
  };
}

const PODS = '/api/v1/namespaces/default/pods';

/** Pods of the namespace `default`, as journeys handle them. */
export class Pods {
  constructor(private readonly cluster: () => Cluster) {}

  async create(...pods: readonly object[]): Promise<void> {
    const make = (body: object) => this.cluster().api.call({ method: 'POST', path: PODS, body });
    for (const { status, body } of await Promise.all(pods.map(make)))
      if (status !== 201) throw new Error(`a pod was not made: ${JSON.stringify(body)}`);
  }

  async read(name: string): Promise<PodJson> {
    return (await this.cluster().api.call({ method: 'GET', path: `${PODS}/${name}` })).body;
  }

  async readAll(prefix: string): Promise<PodJson[]> {
    const { body } = await this.cluster().api.call({ method: 'GET', path: PODS });
    return (body.items as PodJson[]).filter(({ metadata }) => metadata.name.startsWith(prefix));
  }

  async remove(prefix: string): Promise<void> {
    for (const { metadata } of await this.readAll(prefix)) {
      const path = `${PODS}/${metadata.name}?gracePeriodSeconds=0`;
      await this.cluster().api.call({ method: 'DELETE', path });
    }
  }

  async areBound(prefix: string, count: number): Promise<boolean> {
    return (await this.readAll(prefix)).filter(({ spec }) => spec.nodeName !== undefined).length === count;
  }

  /** What the scheduler says of it; undefined while it does not know it. */
  async explained(name: string) {
    const text = await getInside(this.cluster(), `${EXTENDER}/v1/explain/default/${name}`);
    return text === undefined ? undefined : JSON.parse(text);
  }
}

/** The cluster's authority, as a file for NODE_EXTRA_CA_CERTS. */
export const authorityOf = (cluster: Cluster): string => join(cluster.stateDir, 'conf', 'authority.crt');

export interface Call {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Called {
  readonly status: number;
  readonly text: string;
}

/** HTTP calls at once from inside the cluster's network, whatever the answers; the cluster's authority is trusted. */
export async function callAllInside(cluster: Cluster, calls: readonly Call[]): Promise<readonly Called[]> {
  const script =
    'const ask=async({url,...init})=>{const r=await fetch(url,init);return{status:r.status,text:await r.text()}};' +
    'Promise.all(JSON.parse(process.argv[1]).map(ask)).then((all)=>console.log(JSON.stringify(all)))';
  const node = ['env', `NODE_EXTRA_CA_CERTS=${authorityOf(cluster)}`, process.execPath];
  const { code, stdout, stderr } = await cluster.execInside([...node, '-e', script, JSON.stringify(calls)]);
  if (code !== 0) throw new Error(`${calls.map(({ url }) => url).join(', ')} cannot be asked: ${stderr}`);
  return JSON.parse(stdout) as Called[];
}

export async function callInside(cluster: Cluster, call: Call): Promise<Called> {
  return (await callAllInside(cluster, [call]))[0] as Called;
}
