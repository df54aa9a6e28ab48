// SPDX-License-Identifier: Apache-2.0
import { VERSIONS } from './binaries.js';
import type { Cluster } from './cluster.js';
import { isAlive } from './pids.js';
import { listPrograms } from './programs.js';

export interface Status {
  readonly name: string;
  readonly ready: boolean;
  readonly stateDir: string;
  readonly kubeconfig: string;
  readonly apiUrl: string;
  readonly apiUrlInside: string;
  readonly versions: typeof VERSIONS;
  readonly init: number | null;
  readonly nodes: readonly NodeStatus[];
  readonly programs: readonly ProgramStatus[];
}

interface NodeStatus {
  readonly name: string;
  readonly init: number;
  readonly address: string;
  readonly ready: boolean;
  readonly gpus: string;
}

interface ProgramStatus {
  readonly name: string;
  readonly node: string | null;
  readonly pid: number;
  readonly running: boolean;
  readonly log: string;
}

interface NodeObject {
  readonly metadata: { readonly name: string };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Names of the Ready nodes; undefined where the API server does not answer. */
async function readyNodes(cluster: Cluster): Promise<Set<string> | undefined> {
  try {
    const { body } = await cluster.api.call({ method: 'GET', path: '/api/v1/nodes' });
    const ready = (body.items as NodeObject[]).filter((node) =>
      node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    );
    return new Set(ready.map((node) => node.metadata.name));
  } catch {
    return undefined;
  }
}

export async function statusOf(cluster: Cluster): Promise<Status> {
  const ready = await readyNodes(cluster);
  const nodes = cluster.nodes.map((node) => ({
    name: node.name,
    init: node.pid,
    address: node.address,
    ready: ready?.has(node.name) ?? false,
    gpus: node.gpus.map(({ model, count }) => `${count} × ${model}`).join(', '),
  }));
  const programs = listPrograms(cluster).map((program) => ({
    name: program.name,
    node: program.node ?? null,
    pid: program.pid.pid,
    running: isAlive(program.pid),
    log: program.logFile,
  }));
  return {
    name: cluster.name,
    ready: ready !== undefined && nodes.every((node) => node.ready),
    stateDir: cluster.stateDir,
    kubeconfig: cluster.kubeconfigPath,
    apiUrl: cluster.apiUrl,
    apiUrlInside: cluster.apiUrlInside,
    versions: VERSIONS,
    init: cluster.init?.pid ?? null,
    nodes,
    programs,
  };
}

/** What to tell someone who asks for a cluster that does not run. */
export function notRunning(name: string, others: readonly string[]): string {
  const up = `npm run cluster -- up${name === 'default' ? '' : ` --name ${name}`}`;
  const hint = others.length === 0 ? up : others.map((other) => `--name ${other}`).join(', ');
  return `cluster '${name}' is not running${others.length === 0 ? '' : ', others are'}: ${hint}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function statusTable(status: Status): string {
  const versions = Object.entries(status.versions).map(([name, version]) => `${name} ${version}`);
  const head = [
    `cluster ${status.name}: ${status.ready ? 'ready' : 'NOT READY'} (${versions.join(', ')})`,
    `  API         ${status.apiUrl} (inside: ${status.apiUrlInside})`,
    `  kubeconfig  ${status.kubeconfig}`,
    `  state       ${status.stateDir}`,
  ];
  const nodes = status.nodes.map((node) => [
    node.name,
    node.ready ? 'Ready' : 'NotReady',
    node.address,
    String(node.init),
    node.gpus,
  ]);
  const programs = status.programs.map((each) => [
    each.name,
    each.running ? 'running' : 'ENDED',
    String(each.pid),
    each.log,
  ]);
  const parts = [head.join('\n')];
  if (nodes.length > 0) parts.push(table([['NODE', 'STATUS', 'ADDRESS', 'INIT', 'GPUS'], ...nodes]));
  parts.push(table([['PROGRAM', 'STATUS', 'PID', 'LOG'], ...programs]));
  return parts.join('\n\n');
}
