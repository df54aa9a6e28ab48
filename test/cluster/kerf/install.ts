// SPDX-License-Identifier: Apache-2.0
// Puts Kerf on a running cluster: objects from the chart, programs as processes with the tokens of the chart's
// service accounts. A permission that the chart forgets is missing here too.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster, ClusterNode } from '../cluster.js';
import { servingCertificate } from '../identities.js';
import { until } from '../pids.js';
import { findProgram, removeIn, spawnIn, tail } from '../programs.js';
import { accountKubeconfig } from './accounts.js';
import { ARTEFACTS, ensureBuilt } from './artefacts.js';
import { applyChart, type ChartObject, renderChart, resourceNamesOf, schedulerConfigOf } from './chart.js';
import { FAKE_DIR, layFakeGpus } from './fake-gpus.js';
import { EXTENDER_PORT, monitorPort, pluginPort, WEBHOOK_PORT } from './ports.js';

export interface KerfOptions {
  /** Chart values beside those a cluster of processes needs. */
  readonly values?: Readonly<Record<string, string>>;
  /** Slices a device may carry. Default 10. */
  readonly splits?: number;
  /** node → how its fake accelerators are linked, a row of native/fake/links: `{n1: 'DGX-1V'}`. */
  readonly links?: Readonly<Record<string, string>>;
  /** First pause of a device in quarantine. Default 60. */
  readonly quarantineSeconds?: number;
  readonly onProgress?: (step: string) => void;
}

/** In the cluster's conf folder. */
export const RESOURCE_NAMES = 'resource-names.yaml';

export const PROGRAMS = {
  extender: 'kerf-scheduler',
  kubeScheduler: 'kerf-kube-scheduler',
  plugin: (node: string): string => `kerf-device-plugin-${node}`,
  monitor: (node: string): string => `kerf-monitor-${node}`,
} as const;

/** Answers when every node with accelerators offers its slots. Installing twice starts the programs anew. */
export async function installKerf(cluster: Cluster, options: KerfOptions = {}): Promise<void> {
  const say = options.onProgress ?? (() => undefined);
  await ensureBuilt(say);
  await installScheduler(cluster, options);
  const nodes = cluster.nodes.filter((node) => node.gpus.length > 0);
  await Promise.all(nodes.map((node) => startNode(cluster, node, options)));
  say(`started the scheduler and the agents of ${nodes.map((node) => node.name).join(', ') || 'no node'}`);
  await Promise.all(nodes.map((node) => awaitSlots(cluster, node.name)));
  say('every node offers its slots');
}

/** The chart's objects, webhook, extender and a stock kube-scheduler: all that a cluster without nodes needs. */
export async function installScheduler(cluster: Cluster, options: KerfOptions = {}): Promise<void> {
  const say = options.onProgress ?? (() => undefined);
  say('applying the chart');
  const objects = await renderChart(cluster, options.values);
  await startScheduler(cluster, objects, say);
  await applyChart(cluster, objects);
}

async function startScheduler(
  cluster: Cluster,
  objects: readonly ChartObject[],
  say: (step: string) => void,
): Promise<void> {
  const access = objects.filter(({ kind }) =>
    /^(Namespace|ServiceAccount|(Cluster)?Role(Binding)?)$/.test(kind),
  );
  await applyChart(cluster, access);
  const kubeconfig = await accountKubeconfig(cluster, 'kerf-scheduler');
  const config = join(cluster.stateDir, 'conf', 'kerf-kube-scheduler.yaml');
  const names = join(cluster.stateDir, 'conf', RESOURCE_NAMES);
  writeFileSync(config, schedulerConfigOf(objects));
  writeFileSync(names, resourceNamesOf(objects));
  await removeIn(cluster, PROGRAMS.extender);
  await removeIn(cluster, PROGRAMS.kubeScheduler);
  await spawnIn(cluster, { name: PROGRAMS.extender, argv: await extenderArgv(cluster, kubeconfig) });
  await awaitAnswer(cluster, PROGRAMS.extender, `http://127.0.0.1:${EXTENDER_PORT}/readyz`);
  say('the extender and the webhook answer');
  await spawnIn(cluster, {
    name: PROGRAMS.kubeScheduler,
    argv: [
      'kube-scheduler',
      `--config=${config}`,
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--secure-port=0',
      '--leader-elect=false',
    ],
  });
}

async function extenderArgv(cluster: Cluster, kubeconfig: string): Promise<string[]> {
  const served = await servingCertificate(cluster, 'kerf-webhook', {
    ips: ['127.0.0.1'],
    dns: ['localhost'],
  });
  const cert = join(cluster.stateDir, 'conf', 'webhook.crt');
  const key = join(cluster.stateDir, 'conf', 'webhook.key');
  writeFileSync(cert, served.certPem);
  writeFileSync(key, served.keyPem, { mode: 0o600 });
  return [
    ...[process.execPath, ARTEFACTS.scheduler, '--kubeconfig', kubeconfig],
    ...['--resource-names', join(cluster.stateDir, 'conf', RESOURCE_NAMES)],
    ...['--extender-listen', `127.0.0.1:${EXTENDER_PORT}`],
    ...['--webhook-listen', `127.0.0.1:${WEBHOOK_PORT}`, '--tls-cert', cert, '--tls-key', key],
  ];
}

async function startNode(cluster: Cluster, node: ClusterNode, options: KerfOptions): Promise<void> {
  const { splits = 10, quarantineSeconds = 60, links } = options;
  await layFakeGpus(cluster, node, links?.[node.name]);
  const plugin = PROGRAMS.plugin(node.name);
  const monitor = PROGRAMS.monitor(node.name);
  await removeIn(cluster, plugin);
  await removeIn(cluster, monitor);
  const agent = await accountKubeconfig(cluster, 'kerf-device-plugin', node.name);
  const looker = await accountKubeconfig(cluster, 'kerf-monitor', node.name);
  const env = { KERF_FAKE_DIR: FAKE_DIR };
  const pluginUrl = `http://127.0.0.1:${pluginPort(node.name)}`;
  await spawnIn(cluster, {
    name: plugin,
    node: node.name,
    env,
    argv: [
      ...[process.execPath, ARTEFACTS.devicePlugin, '--node-name', node.name, '--kubeconfig', agent],
      ...['--library-dir', ARTEFACTS.libraries, '--nvml-library', ARTEFACTS.fakeNvml],
      ...['--device-dir', `${FAKE_DIR}/dev`, '--quarantine-seconds', String(quarantineSeconds)],
      ...['--splits', String(splits), '--metrics-listen', `127.0.0.1:${pluginPort(node.name)}`],
    ],
  });
  await spawnIn(cluster, {
    name: monitor,
    node: node.name,
    env,
    argv: [
      ...[process.execPath, ARTEFACTS.monitor, '--node-name', node.name, '--plugin-url', pluginUrl],
      ...['--nvml-library', ARTEFACTS.fakeNvml, '--listen', `127.0.0.1:${monitorPort(node.name)}`],
      ...['--kubeconfig', looker],
    ],
  });
}

/** GET from inside the cluster's network namespace; undefined while nobody answers well. */
export async function getInside(cluster: Cluster, url: string): Promise<string | undefined> {
  const fetchIt =
    'fetch(process.argv[1]).then(async(r)=>{const t=await r.text();process.stdout.write(t,()=>process.exit(r.ok?0:1))},()=>process.exit(1))';
  const answer = await cluster.execInside([process.execPath, '-e', fetchIt, url]);
  return answer.code === 0 ? answer.stdout : undefined;
}

async function awaitAnswer(cluster: Cluster, program: string, url: string): Promise<void> {
  if (await until(async () => (await getInside(cluster, url)) !== undefined, 30_000, 200)) return;
  throw new Error(`${program} does not answer at ${url}: ${logOf(cluster, program)}`);
}

async function awaitSlots(cluster: Cluster, node: string): Promise<void> {
  const offersSlots = async (): Promise<boolean> => {
    const answer = await cluster.api.call({ method: 'GET', path: `/api/v1/nodes/${node}` });
    const isAnnounced = answer.body?.metadata?.annotations?.['kerf.dev/inventory-nvidia'] !== undefined;
    return isAnnounced && Number(answer.body?.status?.allocatable?.['nvidia.com/gpu'] ?? 0) > 0;
  };
  if (await until(offersSlots, 60_000, 200)) return;
  throw new Error(`node ${node} offers no slots: ${logOf(cluster, PROGRAMS.plugin(node))}`);
}

function logOf(cluster: Cluster, program: string): string {
  const found = findProgram(cluster, program);
  return found ? `${tail(found.logFile)} (${found.logFile})` : 'it was never started';
}
