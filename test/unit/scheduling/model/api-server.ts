// SPDX-License-Identifier: Apache-2.0
// The truth of a random history: what an API server would have, and the events its watches would tell.
import type { NodeFacts } from '../../../../src/core/node.js';
import type { BindingOutcome, BindingWrite } from '../../../../src/scheduling/ports.js';
import { VENDORS } from '../../../../src/vendors/index.js';
import { readNodeFacts } from '../../../../src/wire/node-view.js';
import { type PodView, readPodView } from '../../../../src/wire/pod-view.js';
import { type Shape, SHAPES } from './shapes.js';

/** A pod as it is now; replaced whole when it changes. */
export interface TruePod {
  readonly uid: string;
  readonly name: string;
  readonly shape: Shape;
  readonly node: string;
  readonly letter: string | null;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  readonly isTerminating: boolean;
  readonly isStarted: boolean;
  /** Bound by us, with this letter; null where somebody else bound it, or nobody. */
  readonly given: string | null;
  /** As the watch shows it. */
  readonly view: PodView;
}

export interface TrueNode {
  readonly name: string;
  readonly devices: readonly string[];
  readonly splits: number;
  readonly slots: number;
  readonly cordon: string;
  readonly isSick: boolean;
  readonly isBroken: boolean;
  readonly facts: NodeFacts;
}

export interface Event<T> {
  readonly type: 'UPSERT' | 'DELETED';
  readonly item: T;
  readonly at: number;
}

/** What devices there are in the world; a node has some of them. */
export const MEMORY_OF: Readonly<Record<string, number>> = {
  'GPU-a0': 16_384,
  'GPU-a1': 16_384,
  'GPU-a2': 40_960,
  'GPU-b0': 40_960,
  'GPU-b1': 16_384,
  'AMD-a0': 32_000,
  'AMD-b0': 32_000,
};

/** Devices a node may come (back) with: its own, fewer, more, others. */
export const FLEETS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  n0: [
    ['GPU-a0', 'GPU-a1'],
    ['GPU-a0'],
    ['GPU-a1', 'AMD-a0'],
    ['GPU-a0', 'GPU-a1', 'GPU-a2'],
    ['GPU-a2'],
    [],
  ],
  n1: [['GPU-b0', 'AMD-b0'], ['GPU-b0'], ['GPU-b1'], ['AMD-b0'], ['GPU-b0', 'GPU-b1', 'AMD-b0']],
};

export class ApiServer {
  readonly pods = new Map<string, TruePod>();
  readonly nodes = new Map<string, TrueNode>();
  readonly podEvents: Event<TruePod>[] = [];
  readonly nodeEvents: Event<TrueNode>[] = [];
  now = 1_000_000;
  /** How many bindings were done. */
  bound = 0;
  private born = 0;

  create(name: string, shape: number): void {
    this.remove(name);
    this.born += 1;
    const base = { uid: `${name}-${this.born}`, name, shape: SHAPES[shape % SHAPES.length] as Shape };
    const fresh = { node: '', letter: null, given: null, isTerminating: false, isStarted: false };
    this.setPod({ ...base, ...fresh, phase: 'Pending' });
  }

  change(name: string, what: Partial<TruePod>): void {
    const pod = this.pods.get(name);
    if (pod !== undefined) this.setPod({ ...pod, ...what });
  }

  remove(name: string): void {
    const pod = this.pods.get(name);
    if (pod === undefined) return;
    this.pods.delete(name);
    this.podEvents.push({ type: 'DELETED', item: pod, at: this.now });
  }

  /** The binding subresource. */
  bind({ uid, name, node, placement }: BindingWrite): BindingOutcome {
    const pod = this.pods.get(name);
    if (pod === undefined) return { kind: 'refused', isConflict: false, sentence: 'not found' };
    if (pod.uid !== uid || pod.node !== '' || pod.isTerminating)
      return { kind: 'refused', isConflict: true, sentence: 'conflict' };
    this.bound += 1;
    this.setPod({ ...pod, node, letter: placement ?? pod.letter, given: placement });
    return { kind: 'written' };
  }

  setNode(node: Omit<TrueNode, 'facts'>): void {
    const whole = { ...node, facts: readNodeFacts(nodeObject(node), VENDORS) };
    this.nodes.set(node.name, whole);
    this.nodeEvents.push({ type: 'UPSERT', item: whole, at: this.now });
  }

  removeNode(name: string): void {
    const node = this.nodes.get(name);
    if (node === undefined) return;
    this.nodes.delete(name);
    this.nodeEvents.push({ type: 'DELETED', item: node, at: this.now });
  }

  private setPod(pod: Omit<TruePod, 'view'>): void {
    const whole = { ...pod, view: readPodView(podObject(pod), VENDORS) };
    this.pods.set(pod.name, whole);
    this.podEvents.push({ type: 'UPSERT', item: whole, at: this.now });
  }
}

export function podObject(pod: Omit<TruePod, 'view'>): object {
  const { uid, name, shape, node, letter, phase, isTerminating, isStarted } = pod;
  const state = isStarted ? { running: {} } : { waiting: {} };
  const inits = (shape.spec.initContainers ?? []) as readonly { readonly name: string }[];
  return {
    metadata: {
      ...{ uid, name, namespace: 'd' },
      ...(isTerminating ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
      annotations: letter === null ? {} : { 'kerf.dev/placement': letter },
    },
    spec: { ...shape.spec, ...(node === '' ? {} : { nodeName: node }) },
    status: { phase, initContainerStatuses: inits.map((init) => ({ name: init.name, state })) },
  };
}

const MODELS: Readonly<Record<string, string>> = { GPU: 'NVIDIA L4', AMD: 'AMD Instinct MI210' };

export function nodeObject(node: Omit<TrueNode, 'facts'>): object {
  const { name, devices, splits, slots, cordon, isSick, isBroken } = node;
  const letterOf = (prefix: string): string => {
    const rows = devices
      .filter((id) => id.startsWith(prefix))
      .map((id, index) => ({
        ...{ id, index, model: MODELS[prefix], memoryMiB: MEMORY_OF[id], corePercent: 100, splits },
        ...{ healthy: !isSick || index > 0, reason: '' },
      }));
    return isBroken && prefix === 'GPU' ? '{"v":' : JSON.stringify({ v: 1, devices: rows });
  };
  return {
    metadata: {
      name,
      annotations: {
        'kerf.dev/inventory-nvidia': letterOf('GPU'),
        'kerf.dev/inventory-amd': letterOf('AMD'),
        ...(cordon === '' ? {} : { 'kerf.dev/cordon': cordon }),
      },
    },
    status: { allocatable: { cpu: '8', 'nvidia.com/gpu': String(slots), 'amd.com/gpu': '4' } },
  };
}
