// SPDX-License-Identifier: Apache-2.0
// What the live cluster has asked for so far: every pod counted once. The counts and nothing else.
import type { Asked } from './asked.js';
import type { AskedRow } from './look.js';

/** More kinds of pods than any cluster asks in earnest: beyond, the rarest are forgotten. */
const MOST_ROWS = 1024;
/** Counts are halved when so many pods are counted, so that a cluster that has changed is seen to have. */
const MOST_PODS = 1 << 17;

interface Row {
  readonly asked: Asked;
  count: number;
}

export class Demand {
  #rows = new Map<string, Row>();
  #pods = 0;

  count(asked: Asked): void {
    const key = JSON.stringify(asked);
    const row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, { asked, count: 1 });
    else row.count++;
    this.#pods++;
    if (this.#pods >= MOST_PODS || this.#rows.size > MOST_ROWS) this.#halve();
  }

  rows(): readonly AskedRow[] {
    return [...this.#rows.values()].map(({ asked, count }) => ({ asked, count }));
  }

  /** At least half of the room for rows is free afterwards. */
  #halve(): void {
    const kept = [...this.#rows].filter(([, row]) => row.count > 1).sort(([, a], [, b]) => b.count - a.count);
    this.#rows = new Map(kept.slice(0, MOST_ROWS / 2));
    this.#pods = 0;
    for (const row of this.#rows.values()) {
      row.count = Math.ceil(row.count / 2);
      this.#pods += row.count;
    }
  }
}
