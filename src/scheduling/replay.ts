// SPDX-License-Identifier: Apache-2.0
// A decision once more, from a letter instead of the watch: the same rooms asked in the same order.
import { Ledger } from '../core/ledger.js';
import { place } from '../core/place.js';
import type { Placement } from '../core/placement.js';
import { rulingsOf } from '../core/policy-document.js';
import type { PodView } from '../wire/pod-view.js';
import type { Recorded } from '../wire/snapshot-read.js';
import { type Explanation, explain } from './explain.js';
import { filter, type Scene } from './filter.js';
import { prioritize } from './prioritize.js';

export interface ReplayedNode {
  readonly node: string;
  /** 0..10, as prioritize answers. */
  readonly score: number;
  /** What bind would write. */
  readonly placement: Placement;
}

export interface Replay {
  readonly pod: string;
  readonly revision: number;
  /** The short list that filter names, best first. */
  readonly offered: readonly ReplayedNode[];
  /** Filter's two maps: node → sentence. Empty while some node is offered. */
  readonly curable: Readonly<Record<string, string>>;
  readonly incurable: Readonly<Record<string, string>>;
  /** Every node and device, and what would make it fit. */
  readonly explanation: Explanation;
}

/** The pod as if it were pending: what the letter says that it holds itself is left out. */
export function replay(pod: PodView, recorded: Recorded): Replay {
  const ledger = ledgerOf({ ...recorded, pods: recorded.pods.filter(({ uid }) => uid !== pod.uid) });
  const { rules } = rulingsOf(recorded.policy, recorded.defaults)(pod);
  const scene = { snapshot: ledger, defaults: rules };
  const names = recorded.nodes.map(({ name }) => name);
  const { answer } = filter(pod.request, names, scene);
  const pending = { ...pod, nodeName: '', isOver: false };
  const seen = { ...scene, holdings: () => ledger.allHoldings() };
  return {
    pod: `${pod.namespace}/${pod.name}`,
    revision: recorded.revision,
    offered: offeredOf(pod, answer.nodeNames, scene),
    curable: answer.curable,
    incurable: answer.incurable,
    explanation: { ...explain(pending, undefined, seen), revision: recorded.revision },
  };
}

function offeredOf({ request }: PodView, names: readonly string[], scene: Scene): readonly ReplayedNode[] {
  if (!request.ok) return [];
  const { value } = request;
  return prioritize(value, names, scene).flatMap(({ node, score }) => {
    const view = scene.snapshot.node(node);
    const placed = view === undefined ? null : place(value, view, scene.defaults);
    return placed?.ok === true ? [{ node, score, placement: placed.value }] : [];
  });
}

/** A ledger of its own, filled as the watch fills the scheduler's. */
export function ledgerOf({ nodes, pods, beside }: Pick<Recorded, 'nodes' | 'pods' | 'beside'>): Ledger {
  const ledger = new Ledger();
  for (const facts of nodes) ledger.setNode(facts);
  for (const sighting of pods) ledger.confirm(sighting);
  for (const [node, cpuMilli] of beside) ledger.stand(`beside ${node}`, { node, cpuMilli, isOfNode: false });
  return ledger;
}
