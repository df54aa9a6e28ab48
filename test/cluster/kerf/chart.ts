// SPDX-License-Identifier: Apache-2.0
// Everything the cluster is told about Kerf comes from the rendered chart; only the programs themselves run as
// processes here instead of pods, so workloads and their Services are left out.
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ensureHelm } from '../binaries.js';
import type { Cluster } from '../cluster.js';
import { run } from '../shell.js';
import { ROOT } from './artefacts.js';
import { WEBHOOK_PORT } from './ports.js';

export interface ChartObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
}

const RUN_AS_PODS = new Set(['Deployment', 'DaemonSet', 'Service', 'PodDisruptionBudget']);

export async function renderChart(
  cluster: Cluster,
  values: Readonly<Record<string, string>> = {},
): Promise<readonly ChartObject[]> {
  const all = {
    'webhook.url': `https://127.0.0.1:${WEBHOOK_PORT}/mutate`,
    'webhook.caBundle': Buffer.from(cluster.caPem).toString('base64'),
    // The scheduler's account, as install.ts writes it: with --config kube-scheduler ignores --kubeconfig.
    'scheduler.kubeScheduler.kubeconfig': join(cluster.stateDir, 'conf', 'kerf-scheduler.conf'),
    ...values,
  };
  const isText = (value: string): boolean => !/^(true|false)$/.test(value);
  const sets = Object.entries(all).flatMap(([key, value]) => [
    isText(value) ? '--set-string' : '--set',
    `${key}=${value}`,
  ]);
  const chart = join(ROOT, 'charts', 'kerf');
  const helm = await ensureHelm(() => undefined);
  const argv = [helm, 'template', 'kerf', chart, '-n', 'kerf-system', ...sets];
  const rendered = await run(argv);
  if (rendered.code !== 0) throw new Error(`helm template failed: ${rendered.stderr}`);
  return parseAllDocuments(rendered.stdout)
    .map((document) => document.toJS() as ChartObject | null)
    .filter((object): object is ChartObject => object !== null);
}

/** Applies what is no workload, namespace first. */
export async function applyChart(cluster: Cluster, objects: readonly ChartObject[]): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kerf-system' } };
  const items = [namespace, ...objects.filter(({ kind }) => !RUN_AS_PODS.has(kind) && kind !== 'Namespace')];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const applied = await cluster.kubectl(['apply', '-f', '-'], { input: list });
  if (applied.code !== 0) throw new Error(`kubectl apply of the chart failed: ${applied.stderr}`);
}

/** Which vendors are on and how their resources are called. */
export function resourceNamesOf(objects: readonly ChartObject[]): string {
  const found = objects.find(({ metadata }) => metadata.name === 'kerf-resource-names');
  const [text] = Object.values(found?.data ?? {});
  if (text === undefined) throw new Error('the chart holds no resource names');
  return text;
}

/** The KubeSchedulerConfiguration of the chart's ConfigMap. */
export function schedulerConfigOf(objects: readonly ChartObject[]): string {
  for (const { kind, data } of objects) {
    const texts = kind === 'ConfigMap' ? Object.values(data ?? {}) : [];
    const found = texts.find((text) => text.includes('kind: KubeSchedulerConfiguration'));
    if (found !== undefined) return found;
  }
  throw new Error('the chart holds no KubeSchedulerConfiguration');
}
