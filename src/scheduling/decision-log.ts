// SPDX-License-Identifier: Apache-2.0
// What was decided lately, and on what. A ring: the newest push out the oldest, so it never grows.
import type { Decision } from '../wire/decisions.js';

export const DECISIONS_KEPT = 1000;

export class DecisionLog {
  private readonly ring: Decision[] = [];
  private next = 0;

  constructor(private readonly most = DECISIONS_KEPT) {}

  record(decision: Decision): void {
    this.ring[this.next] = decision;
    this.next = (this.next + 1) % this.most;
  }

  /** Oldest first; of one pod (namespace/name) where one is named. */
  all(pod?: string): readonly Decision[] {
    const inOrder = [...this.ring.slice(this.next), ...this.ring.slice(0, this.next)];
    return pod === undefined ? inOrder : inOrder.filter((decision) => decision.pod === pod);
  }
}
