// SPDX-License-Identifier: Apache-2.0
// From the watch into the ledger: what is bound is confirmed, what is over or gone is released.
import type { NodeFacts } from '../core/node.js';
import { overcommitted } from '../core/overcommit.js';
import type { Overcommit } from '../core/policy-document.js';
import type { PodView } from '../wire/pod-view.js';
import { holdsSomething, sightingOf } from '../wire/sighting.js';
import { type LearnOptions, learnOfArrival, learnOfDeparture } from './learn.js';
import type { TroubleSink } from './ports.js';

export interface FollowOptions extends LearnOptions {
  /** Where more may be given out than there is, as of now; absent: nowhere. */
  readonly overcommit?: () => readonly Overcommit[];
  readonly troubles: TroubleSink;
}

/** What a watch tells; the shape of a reflector's listener. */
export interface Follower<T> {
  onReplace(items: readonly T[]): void;
  onUpsert(item: T): void;
  onDelete(item: T): void;
}

export function followPods(options: FollowOptions): Follower<PodView> {
  const { ledger, pods } = options;
  return {
    onReplace(all) {
      for (const pod of all) learnOfArrival(options, pod);
      const there = new Set(all.filter(isThere).map(({ uid }) => uid));
      for (const { uid, state } of ledger.allHoldings())
        if (state === 'held' && !there.has(uid)) learnOfDeparture(options, uid);
      pods.replace(all);
      ledger.keepOnly(there);
      for (const pod of all) see(options, pod);
    },
    onUpsert(pod) {
      learnOfArrival(options, pod);
      pods.set(pod);
      see(options, pod);
    },
    onDelete(pod) {
      learnOfDeparture(options, pod.uid);
      pods.delete(pod);
      ledger.release(pod.uid);
    },
  };
}

/**
 * Every bound pod that asks or carries a placement is seen, whoever placed it, and goes on being seen when the
 * placement is taken off it; of all others what CPU they take. A pod all over holds nothing.
 */
function see(options: FollowOptions, pod: PodView): void {
  const { ledger, troubles } = options;
  if (pod.isOver) {
    learnOfDeparture(options, pod.uid);
    ledger.release(pod.uid);
  }
  if (!isThere(pod)) return;
  const known = ledger.holding(pod.uid);
  if (known === undefined && !holdsSomething(pod)) {
    ledger.stand(pod.uid, { node: pod.nodeName, cpuMilli: pod.cpuMilli, isOfNode: pod.isOfNode });
    return;
  }
  const before = known?.trouble ?? '';
  const { trouble } = ledger.confirm(sightingOf(pod));
  if (trouble === '' || trouble === before) return;
  const name = `${pod.namespace}/${pod.name}`;
  troubles.tell({
    kind: 'PlacementUnreadable',
    pod: name,
    uid: pod.uid,
    node: pod.nodeName,
    sentence: trouble,
  });
}

const isThere = (pod: PodView): boolean => pod.nodeName !== '' && !pod.isOver;

export interface NodeFollower extends Follower<NodeFacts> {
  /** The overcommit is another one: every node is seen by it. */
  reweigh(): void;
}

/** The ledger gets what may be given out; what the node itself says is kept here, to be read again by other rules. */
export function followNodes({ ledger, troubles, overcommit = () => [] }: FollowOptions): NodeFollower {
  const told = new Map<string, string>();
  const said = new Map<string, NodeFacts>();
  const weighed = (facts: NodeFacts): NodeFacts => overcommitted(facts, overcommit());
  const look = (facts: NodeFacts): void => {
    const sentence = [...facts.unreadable.values()].join('; ');
    const before = told.get(facts.name) ?? '';
    if (sentence === '') told.delete(facts.name);
    else told.set(facts.name, sentence);
    if (sentence !== '' && sentence !== before)
      troubles.tell({ kind: 'InventoryUnreadable', pod: '', uid: '', node: facts.name, sentence });
  };
  return {
    onReplace(all) {
      said.clear();
      for (const facts of all) said.set(facts.name, facts);
      ledger.replaceNodes(all.map(weighed));
      for (const facts of all) look(facts);
    },
    onUpsert(facts) {
      said.set(facts.name, facts);
      ledger.setNode(weighed(facts));
      look(facts);
    },
    onDelete(facts) {
      told.delete(facts.name);
      said.delete(facts.name);
      ledger.removeNode(facts.name);
    },
    reweigh() {
      for (const facts of said.values()) ledger.setNode(weighed(facts));
    },
  };
}
