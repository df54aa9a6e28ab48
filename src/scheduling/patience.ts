// SPDX-License-Identifier: Apache-2.0
// kube-scheduler and we watch the same API server, each on a connection of its own. When a pod ends, it may wake a
// waiting pod and ask us before we have heard of the end; refused then, and with no further event in a quiet
// cluster, the pod would wait for five minutes. So before all nodes are refused, we wait a moment for news.

/** How long to wait for news: the two watches are rarely this far apart. */
export const NEWS_MS = 25;
/** The scheduling loop is serial: no more than one such wait within this time, which is 5 % of it at worst. */
export const REST_MS = 500;

export interface PatienceOptions {
  readonly now: () => number;
  /** Resolves after `ms`. */
  readonly pause: (ms: number) => Promise<void>;
  /** Changes with whatever we hear. */
  readonly revision: () => number;
}

/** Answers `awaitNews`: true when something was heard since `seen`, and asking again is worth it. */
export function createPatience(options: PatienceOptions): (seen: number) => Promise<boolean> {
  let restedAt = Number.NEGATIVE_INFINITY;
  return async (seen) => {
    if (options.revision() !== seen) return true;
    if (options.now() - restedAt < REST_MS) return false;
    restedAt = options.now();
    for (let waited = 0; waited < NEWS_MS && options.revision() === seen; waited += STEP_MS)
      await options.pause(STEP_MS);
    return options.revision() !== seen;
  };
}

const STEP_MS = 5;

/** Pods whose last no is remembered; the oldest is forgotten first. */
const MOST_REMEMBERED = 10_000;

/**
 * A moment may be too short on a busy machine. kube-scheduler asks again about a pod it was refused only when some
 * event woke the pod; if we have heard of no new room since that no, the event may be one that we have yet to hear
 * (what we bound meanwhile is no news: binding wakes nobody, and a busy scheduler binds all the time). Such a
 * no is doubted once: answered as an error, the pod comes back after its backoff (1 to 10 s), where a refusal would
 * let it lie until the next event or for five minutes (kube-scheduler 1.36, podMaxInUnschedulablePodsDuration).
 */
export class Doubts {
  private readonly lastNo = new Map<string, { readonly openings: number; readonly isDoubted: boolean }>();

  /** Of a pod (by UID) about to be refused on all nodes, with Ledger.openings: true when the no is to be doubted. */
  doubt(uid: string, openings: number): boolean {
    const last = this.lastNo.get(uid);
    const isDoubted = last !== undefined && last.openings === openings && !last.isDoubted;
    this.lastNo.delete(uid);
    this.lastNo.set(uid, { openings, isDoubted });
    for (const oldest of this.lastNo.keys()) {
      if (this.lastNo.size <= MOST_REMEMBERED) break;
      this.lastNo.delete(oldest);
    }
    return isDoubted;
  }
}
