// SPDX-License-Identifier: Apache-2.0
// Debian's Prometheus inside the journeys' cluster: it scrapes the programs as they run there, each second, and judges
// the chart's rules by what it sees. Relayed out, so that a hundred questions are quick.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { prometheusBin, type Rule, type RuleFile } from '../../charts/promtool.js';
import { ROOT } from '../../charts/render.js';
import { type Cluster, openRelay, removeIn, spawnIn } from '../../cluster/index.js';
import { EXTENDER_PORT, monitorPort, pluginPort } from '../../cluster/kerf/ports.js';
import { waitFor } from './wait.js';

const ADDRESS = '127.0.0.1:9590';
const NAME = 'prometheus';

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface Alert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Prometheus {
  query(expr: string): Promise<readonly Series[]>;
  alerts(): Promise<readonly Alert[]>;
  stop(): Promise<void>;
}

/** The chart's own rules, as people get them. */
export function shippedRules(): readonly Rule[] {
  const text = readFileSync(join(ROOT, 'charts', 'kerf', 'alerts', 'kerf.yaml'), 'utf8');
  return (parse(text) as RuleFile).groups.flatMap(({ rules }) => rules);
}

/** The same, in a hurry: nothing is waited for, and what is looked back at is a minute. */
const hurried = (rule: Rule): Rule => ({
  ...rule,
  expr: rule.expr.replaceAll(/\[\d+m\]/g, '[1m]').replaceAll(/ offset \d+m\b/g, ' offset 1m'),
  for: '0s',
});

function configOf(cluster: Cluster): object {
  const nodes = cluster.nodes.filter(({ gpus }) => gpus.length > 0).map(({ name }) => name);
  const job = (name: string, portOf: (node: string) => number): object => ({
    job_name: name,
    honor_labels: true,
    static_configs: nodes.map((node) => ({ targets: [`127.0.0.1:${portOf(node)}`], labels: { node } })),
  });
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [
      job('kerf-monitor', monitorPort),
      job('kerf-device-plugin', pluginPort),
      { job_name: 'kerf-scheduler', static_configs: [{ targets: [`127.0.0.1:${EXTENDER_PORT}`] }] },
    ],
  };
}

export async function startPrometheus(cluster: Cluster): Promise<Prometheus> {
  const bin = await prometheusBin();
  const folder = join(cluster.stateDir, NAME);
  await removeIn(cluster, NAME);
  await removeIn(cluster, `relay-${NAME}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const rules = { groups: [{ name: 'kerf', rules: shippedRules().map(hurried) }] };
  writeFileSync(join(folder, 'rules.yaml'), stringify(rules));
  writeFileSync(join(folder, 'prometheus.yaml'), stringify(configOf(cluster)));
  const argv = [
    join(bin, 'prometheus'),
    `--config.file=${join(folder, 'prometheus.yaml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=${ADDRESS}`,
    '--log.level=warn',
  ];
  await spawnIn(cluster, { name: NAME, argv });
  const port = await openRelay(cluster, `relay-${NAME}`, ADDRESS);
  const url = `http://127.0.0.1:${port}`;
  await waitFor('Prometheus is ready', async () => (await fetch(`${url}/-/ready`)).ok);
  return {
    query: async (expr) => (await asked<{ result: readonly Series[] }>(url, 'query', expr)).result,
    alerts: async () => (await asked<{ alerts: readonly Alert[] }>(url, 'alerts')).alerts,
    async stop() {
      await removeIn(cluster, `relay-${NAME}`);
      await removeIn(cluster, NAME);
      if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function asked<T>(url: string, what: string, query = ''): Promise<T> {
  const answer = await fetch(`${url}/api/v1/${what}?query=${encodeURIComponent(query)}`);
  const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string };
  if (status !== 'success') throw new Error(`${query}: ${error}`);
  return data;
}
