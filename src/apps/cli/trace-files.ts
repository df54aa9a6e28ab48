// SPDX-License-Identifier: Apache-2.0
// A trace from its files: nodes in the order equals are preferred, pods, and who comes when.
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { Device } from '../../core/device.js';
import type { Result } from '../../core/result.js';
import { VENDORS } from '../../vendors/index.js';
import {
  type OpenbNode,
  type OpenbPod,
  readOpenbNodes,
  readOpenbOrder,
  readOpenbPods,
} from '../../wire/openb.js';
import { objectsOf, readPackingNodes, readPackingPods } from '../../wire/packing-objects.js';
import { Misused } from './io.js';

export interface TraceFiles {
  readonly nodes: string;
  readonly pods: string;
  /** Without one: pods and nodes as they stand in their files. */
  readonly order?: string | undefined;
}

export interface Trace {
  readonly workload: string;
  readonly seed: number;
  readonly nodes: readonly OpenbNode[];
  readonly pods: readonly OpenbPod[];
  readonly order: readonly number[];
}

export function readTrace(files: TraceFiles): Trace {
  const { nodes, devices } = readNodes(files.nodes);
  const pods = readPods(files.pods, devices);
  const workload = workloadName(files.pods);
  if (files.order === undefined) return { workload, seed: 0, nodes, pods, order: [...pods.keys()] };
  const lists = { pods: pods.length, nodes: nodes.length };
  const { nodeRank, ...letter } = readLetter(files.order, (text) => readOpenbOrder(text, lists));
  const ranked: OpenbNode[] = [];
  nodes.forEach((node, row) => {
    ranked[nodeRank[row] ?? row] = node;
  });
  return { ...letter, workload: letter.workload === '' ? workload : letter.workload, nodes: ranked, pods };
}

const isYaml = (path: string): boolean => /\.(ya?ml|json)$/.test(path);

function readNodes(path: string): {
  readonly nodes: readonly OpenbNode[];
  readonly devices: readonly Device[];
} {
  if (!isYaml(path)) return { nodes: readLetter(path, readOpenbNodes), devices: [] };
  return readPackingNodes(readObjects(path, 'Node'), VENDORS);
}

function readPods(path: string, devices: readonly Device[]): readonly OpenbPod[] {
  if (!isYaml(path)) return readLetter(path, readOpenbPods);
  const pods = readPackingPods(readObjects(path, 'Pod'), devices, VENDORS);
  if (!pods.ok) throw new Misused(`${path}: ${pods.error}`);
  return pods.value;
}

function readObjects(path: string, kind: 'Node' | 'Pod'): readonly unknown[] {
  const documents = parseAllDocuments(readText(path));
  // The parser's message names line and column; what follows draws the place.
  for (const { errors } of documents)
    if (errors[0] !== undefined)
      throw new Misused(`${path}: ${errors[0].message.split('\n')[0]?.replace(/:$/, '')}`);
  const objects = objectsOf(
    documents.map((document) => document.toJS() as unknown),
    kind,
  );
  if (objects.length === 0) throw new Misused(`${path} holds no ${kind}: want at least one`);
  return objects;
}

/** `openb_pod_list_default.csv` is `default`. */
function workloadName(path: string): string {
  const file = path.split('/').at(-1) ?? path;
  return file.replace(/\.[^.]*$/, '').replace(/^openb_pod_list_/, '');
}

function readLetter<T>(path: string, read: (text: string) => Result<T, string>): T {
  const letter = read(readText(path));
  if (!letter.ok) throw new Misused(`${path}: ${letter.error}`);
  return letter.value;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (fault) {
    throw new Misused(`cannot read ${path}: ${fault instanceof Error ? fault.message : String(fault)}`);
  }
}
