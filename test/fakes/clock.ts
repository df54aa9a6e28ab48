// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../../src/adapters/clock.js';

/** A clock that moves only when told. */
export class FakeClock implements Clock {
  private time: number;
  private jobs: { at: number; job: () => void }[] = [];

  constructor(start = 1_700_000_000_000) {
    this.time = start;
  }

  now(): number {
    return this.time;
  }

  after(ms: number, job: () => void): () => void {
    const entry = { at: this.time + ms, job };
    this.jobs.push(entry);
    return () => {
      this.jobs = this.jobs.filter((other) => other !== entry);
    };
  }

  /** How many jobs wait. */
  get waiting(): number {
    return this.jobs.length;
  }

  /** Moves on by `ms`, doing in order what falls due. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.jobs.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.jobs = this.jobs.filter((other) => other !== next);
      this.time = Math.max(this.time, next.at);
      next.job();
    }
    this.time = end;
  }
}
