// SPDX-License-Identifier: Apache-2.0
// Room 2: which of these nodes can hold the pod? Only reads.
import { curableOn } from '../core/cure.js';
import type { NodeView } from '../core/node.js';
import { canPlace, place } from '../core/place.js';
import type { PlacingRules } from '../core/policies.js';
import { type PreparedPod, preparePod } from '../core/prepared.js';
import type { Curable, NodeRefusal } from '../core/refusal.js';
import { textOf } from '../core/refusals.js';
import { asksForDevices, type PodRequest } from '../core/request.js';
import type { Result } from '../core/result.js';
import { likeNode } from '../core/score.js';
import type { Snapshot } from '../core/snapshot.js';
import type { FilterAnswer } from '../wire/extender.js';

/** What a question is asked of. */
export interface Scene {
  readonly snapshot: Snapshot;
  readonly defaults: PlacingRules;
}

/**
 * How many nodes filter names at most. kube-scheduler runs its own scorers over every node named: with eight of
 * 420 it binds 304 pods a second instead of 204 (reference: baselines §2, rows C and D), and still chooses among
 * equals. Nodes left out stand in neither map of failures: kube-scheduler takes them as not offered.
 */
export const SHORT_LIST = 8;

/** The best nodes by policy; when there are none, for each node why not. */
export function filter(
  request: Result<PodRequest, string>,
  names: readonly string[],
  scene: Scene,
): { readonly answer: FilterAnswer; readonly refusals: ReadonlyMap<string, NodeRefusal> } {
  if (!request.ok) {
    const refusal = { kind: 'BadRequest' as const, sentence: request.error };
    return refuseAll(names, () => ({ refusal, curable: 'never' }));
  }
  if (!asksForDevices(request.value))
    return { answer: { nodeNames: names, curable: {}, incurable: {} }, refusals: NONE };
  const prepared = preparePod(request.value, scene.defaults);
  const best = new ShortList();
  for (const name of names) {
    const node = scene.snapshot.node(name);
    if (node !== undefined && canPlace(prepared, node)) best.offer(name, likeNode(prepared, node));
  }
  if (best.size > 0)
    return { answer: { nodeNames: best.names(), curable: {}, incurable: {} }, refusals: NONE };
  return refuseAll(names, (name) => {
    const node = scene.snapshot.node(name);
    const refusal = refusalOf(prepared, node);
    return { refusal, curable: curableOn(refusal, prepared, node) };
  });
}

const NONE: ReadonlyMap<string, NodeRefusal> = new Map();

/** Why the node cannot hold the pod, once canPlace has said so. */
export function refusalOf(prepared: PreparedPod, node: NodeView | undefined): NodeRefusal {
  if (node === undefined) return { kind: 'UnknownNode' };
  const answer = place(prepared.request, node, prepared.rules);
  if (answer.ok) throw new Error(`bug: node ${node.name} was refused and yet takes the pod`);
  return answer.error;
}

interface Refused {
  readonly refusal: NodeRefusal;
  readonly curable: Curable;
}

function refuseAll(names: readonly string[], refuse: (name: string) => Refused) {
  const curable: Record<string, string> = {};
  const incurable: Record<string, string> = {};
  const refusals = new Map<string, NodeRefusal>();
  for (const name of names) {
    const refused = refuse(name);
    refusals.set(name, refused.refusal);
    const map = refused.curable === 'never' ? incurable : curable;
    map[name] = textOf(refused.refusal);
  }
  return { answer: { nodeNames: [], curable, incurable }, refusals };
}

/** The best few, best first; of equals those offered first (kube-scheduler begins at another node each time). */
class ShortList {
  private readonly entries: { readonly name: string; readonly like: number }[] = [];

  get size(): number {
    return this.entries.length;
  }

  offer(name: string, like: number): void {
    const { entries } = this;
    const last = entries[entries.length - 1];
    if (entries.length === SHORT_LIST && last !== undefined && like <= last.like) return;
    let at = entries.length;
    while (at > 0 && (entries[at - 1]?.like ?? 0) < like) at -= 1;
    entries.splice(at, 0, { name, like });
    if (entries.length > SHORT_LIST) entries.pop();
  }

  names(): readonly string[] {
    return this.entries.map(({ name }) => name);
  }
}
