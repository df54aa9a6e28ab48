// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Fake accelerators a node is meant to have; the cluster only remembers them, the fake libraries read them. */
export interface GpuRow {
  readonly model: string;
  readonly count: number;
}

export interface ClusterOptions {
  /** Lower-case letters, digits and dashes, at most 20. Default `default`. */
  readonly name?: string;
  /** Real nodes n1…nN, each in its own namespaces. Default 1, at most 9. */
  readonly nodes?: number;
  /** etcd and API server (and, unless refused, controllers), no nodes. Works without root too. */
  readonly apiOnly?: boolean;
  /** kube-controller-manager. Default true: pods need the default service account it makes. */
  readonly controllers?: boolean;
  /** The default kube-scheduler. Default: true with nodes, false with apiOnly. */
  readonly scheduler?: boolean;
  /** In namespaces of its own. Default: wherever this user may make them; nodes cannot do without. */
  readonly isolated?: boolean;
  /** node → fake GPUs, e.g. `{n1: [{model: 'A100-40G', count: 2}]}`. */
  readonly gpus?: Readonly<Record<string, readonly GpuRow[]>>;
  /** node → labels it registers with. */
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Nodes whose container runtime reads no CDI folder (containerd ≥ 2.4 has no other way to be without CDI). */
  readonly cdiOff?: readonly string[];
  /** Files put into the image `kerf-workload:test`: path on this machine → path in the image. */
  readonly workloadFiles?: Readonly<Record<string, string>>;
  /** Told each step, in words. */
  readonly onProgress?: (step: string) => void;
}

/** All defaults filled in: what is written to the state folder. */
export interface ClusterShape {
  readonly name: string;
  readonly nodes: number;
  readonly apiOnly: boolean;
  readonly controllers: boolean;
  readonly scheduler: boolean;
  readonly isolated: boolean;
  readonly gpus: Readonly<Record<string, readonly GpuRow[]>>;
  readonly labels: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly cdiOff: readonly string[];
}

/** A request that cannot be met; its message is one sentence that says what would be right. */
export class UsageError extends Error {}

const NAME = /^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$/;
const MAX_NODES = 9;
const ROWS_DIR = fileURLToPath(new URL('../../native/fake/rows', import.meta.url));

export function nodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index + 1}`);
}

export function checkName(name: string): string {
  if (!NAME.test(name))
    throw new UsageError(`name '${name}' is not usable: 1 to 20 of a-z, 0-9 and inner dashes are.`);
  return name;
}

function checkNodeCount(count: number): number {
  if (!Number.isInteger(count) || count < 1 || count > MAX_NODES)
    throw new UsageError(`nodes '${count}' is not usable: a whole number from 1 to ${MAX_NODES} is.`);
  return count;
}

const DEFAULTS = {
  ...{ name: 'default', nodes: 1, apiOnly: false, controllers: true },
  ...{ gpus: {}, labels: {}, cdiOff: [] },
} satisfies ClusterOptions;

/** `canIsolate`: whether this user may make namespaces. */
export function shapeOf(options: ClusterOptions, canIsolate: boolean): ClusterShape {
  const { name, nodes, apiOnly, controllers, gpus, labels, cdiOff } = { ...DEFAULTS, ...options };
  const shape: ClusterShape = {
    ...{ apiOnly, controllers, gpus, labels, cdiOff },
    name: checkName(name),
    nodes: apiOnly ? 0 : checkNodeCount(nodes),
    scheduler: options.scheduler ?? !apiOnly,
    isolated: (options.isolated ?? true) && canIsolate,
  };
  checkNodesNamed(shape);
  if (!apiOnly && !shape.isolated)
    throw new UsageError(
      'a cluster with nodes needs root and the right to make namespaces: without, use --api-only.',
    );
  return shape;
}

function checkNodesNamed(shape: ClusterShape): void {
  const known = nodeNames(shape.nodes);
  for (const node of [...Object.keys(shape.gpus), ...Object.keys(shape.labels), ...shape.cdiOff]) {
    if (!known.includes(node))
      throw new UsageError(
        `node '${node}' is not in this cluster: it has ${known.join(', ') || 'no nodes'}.`,
      );
  }
}

/** `n1=A100-40G*2+T4-16G,n2=H200-141G*1` → rows by node. */
export function parseGpus(text: string): Record<string, GpuRow[]> {
  const rows: Record<string, GpuRow[]> = {};
  for (const part of text.split(',')) {
    const match = /^(n\d+)=(.+)$/.exec(part.trim());
    if (!match?.[1] || !match[2]) throw gpuError(part);
    rows[match[1]] = [...(rows[match[1]] ?? []), ...match[2].split('+').map(parseGpuRow)];
  }
  return rows;
}

function parseGpuRow(text: string): GpuRow {
  const match = /^([A-Za-z0-9-]+)(?:\*([1-9]\d?))?$/.exec(text);
  if (!match?.[1]) throw gpuError(text);
  const known = knownModels();
  if (!known.includes(match[1].toUpperCase()))
    throw new UsageError(`gpus model '${match[1]}' is not known: ${known.join(', ')} are.`);
  return { model: match[1], count: Number(match[2] ?? 1) };
}

/** One file each: `a100-40g.row` is A100-40G. */
function knownModels(): string[] {
  return readdirSync(ROWS_DIR)
    .filter((file) => file.endsWith('.row'))
    .map((file) => file.slice(0, -'.row'.length).toUpperCase())
    .sort();
}

function gpuError(text: string): UsageError {
  return new UsageError(`gpus '${text}' is not understood: 'n1=A100-40G*2,n2=H200-141G*1' would be.`);
}

/** `n1:gpu=on` repeated → labels by node. */
export function parseLabels(texts: readonly string[]): Record<string, Record<string, string>> {
  const labels: Record<string, Record<string, string>> = {};
  for (const text of texts) {
    const match = /^(n\d+):([^=]+)=(.*)$/.exec(text);
    if (!match?.[1] || !match[2])
      throw new UsageError(`label '${text}' is not understood: 'n1:gpu=on' would be.`);
    labels[match[1]] = { ...labels[match[1]], [match[2]]: match[3] ?? '' };
  }
  return labels;
}
