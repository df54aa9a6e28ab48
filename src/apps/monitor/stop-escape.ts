// SPDX-License-Identifier: Apache-2.0
// What is done about a finding, by the policy document: report, throttle or kill. Done again at each look while the
// finding stands; nothing is ever done to a process that is not of the pod concerned.
import type { Proc } from '../../adapters/processes/proc.js';
import type { Suspicion } from '../../observing/escape.js';
import type { StoppedCount } from '../../observing/escape-metrics.js';
import type { Clamps, LivePolicy } from './part.js';

export interface StopParts {
  readonly policy: LivePolicy;
  readonly proc: Pick<Proc, 'kill'>;
  readonly clamps: Clamps;
}

export class EscapeStopper {
  private readonly counts = new Map<string, StoppedCount>();
  /** Slots throttled by findings of the last look. */
  private throttled = new Set<string>();

  constructor(private readonly parts: StopParts) {}

  get stopped(): readonly StoppedCount[] {
    return [...this.counts.values()];
  }

  /** Answers what was done, for the sentence; by key. What was throttled and is found no more is let go. */
  act(standing: readonly Suspicion[]): ReadonlyMap<string, string> {
    const before = this.throttled;
    this.throttled = new Set();
    const done = new Map(standing.map((found) => [found.key, this.actOn(found, before)]));
    for (const slot of before) if (!this.throttled.has(slot)) this.parts.clamps.release(slot);
    return done;
  }

  private actOn(found: Suspicion, before: ReadonlySet<string>): string {
    const { pod, culprits, slot } = found;
    if (pod === null || culprits.length === 0) return '';
    const { onEscape } = this.parts.policy.rulingFor(pod.namespace);
    if (onEscape === 'kill') return this.kill(found);
    if (onEscape !== 'throttle' || slot === '') return '';
    if (!before.has(slot) && !this.throttled.has(slot)) {
      this.parts.clamps.clamp(slot, found.reason);
      this.count(pod.namespace, 'throttled', 1);
    }
    this.throttled.add(slot);
    return '; its slice is throttled by policy';
  }

  private kill({ pod, culprits }: Suspicion): string {
    if (pod === null) return '';
    const killed = culprits.filter(
      (holder) => holder.podUid === pod.uid && this.parts.proc.kill(holder.pid, holder),
    );
    if (killed.length === 0) return '';
    this.count(pod.namespace, 'killed', killed.length);
    return `; killed by policy: process ${killed.map(({ pid }) => pid).join(', ')}`;
  }

  private count(namespace: string, action: StoppedCount['action'], more: number): void {
    const key = `${namespace}/${action}`;
    const count = (this.counts.get(key)?.count ?? 0) + more;
    this.counts.set(key, { namespace, action, count });
  }
}
