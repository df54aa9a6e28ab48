// SPDX-License-Identifier: Apache-2.0
// Room 2: which of these nodes can hold the pod? Only reads.
import { Likes, UNFIT } from '../core/likes.js';
import type { PlacingRules } from '../core/policies.js';
import { preparePod } from '../core/prepared.js';
import { type Reason, reasonOf, Reasons } from '../core/reasons.js';
import { asksForDevices, type PodRequest } from '../core/request.js';
import type { Result } from '../core/result.js';
import { NOWHERE } from '../core/rows.js';
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

export interface Filtered {
  readonly answer: FilterAnswer;
  /** Of each node in turn, where none can hold the pod. */
  readonly refusals: readonly Reason[];
}

/** The best nodes by policy; when there are none, for each node why not. */
export function filter(
  request: Result<PodRequest, string>,
  names: readonly string[],
  scene: Scene,
): Filtered {
  if (!request.ok) {
    const reason = reasonOf({ kind: 'BadRequest', sentence: request.error });
    return refuseAll(names, () => reason);
  }
  if (!asksForDevices(request.value)) return offer(names);
  const pod = preparePod(request.value, scene.defaults);
  const likes = new Likes(pod, scene.snapshot);
  const best = new ShortList();
  const { rows } = scene.snapshot;
  const ordinals = names.map((name) => rows.ordinal(name));
  for (let at = 0; at < ordinals.length; at++) {
    const ordinal = ordinals[at] as number;
    if (ordinal !== NOWHERE && likes.isAbove(ordinal, best.floor))
      best.take(names[at] as string, likes.at(ordinal));
  }
  if (best.size > 0) return offer(best.names());
  const reasons = new Reasons(pod, scene.snapshot);
  return refuseAll(names, (at) => reasons.at(ordinals[at] as number));
}

const offer = (nodeNames: readonly string[]): Filtered => ({
  answer: { nodeNames, curable: {}, incurable: {} },
  refusals: [],
});

function refuseAll(names: readonly string[], refuse: (at: number) => Reason): Filtered {
  const curable: Record<string, string> = {};
  const incurable: Record<string, string> = {};
  const refusals = names.map((name, at) => {
    const reason = refuse(at);
    const map = reason.curable === 'never' ? incurable : curable;
    map[name] = reason.text;
    return reason;
  });
  return { answer: { nodeNames: [], curable, incurable }, refusals };
}

/** The best few, best first; of equals those offered first (kube-scheduler begins at another node each time). */
class ShortList {
  /** What the next one has to be liked better than: one number. */
  readonly floor = new Float64Array(1).fill(UNFIT);
  private readonly entries: { readonly name: string; readonly like: number }[] = [];

  get size(): number {
    return this.entries.length;
  }

  take(name: string, like: number): void {
    const { entries } = this;
    let at = entries.length;
    while (at > 0 && (entries[at - 1]?.like ?? 0) < like) at -= 1;
    entries.splice(at, 0, { name, like });
    if (entries.length > SHORT_LIST) entries.pop();
    if (entries.length === SHORT_LIST) this.floor[0] = entries[SHORT_LIST - 1]?.like ?? UNFIT;
  }

  names(): readonly string[] {
    return this.entries.map(({ name }) => name);
  }
}
