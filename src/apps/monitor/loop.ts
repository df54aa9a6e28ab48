// SPDX-License-Identifier: Apache-2.0
// Work that a part does again and again. It never overlaps itself; a fault is logged when it begins and when it is
// over, and ends nothing.
import type { Logger } from 'pino';
import type { Clock } from '../../adapters/clock.js';

export interface LoopOptions {
  readonly name: string;
  /** From the end of one turn to the beginning of the next. */
  readonly pauseMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly turn: () => Promise<void> | void;
}

export interface Loop {
  /** Turns that failed, since the start. */
  readonly faults: number;
  /** Why the last turn failed; empty where it did not. */
  readonly problem: string;
  /** After the turn that is under way. */
  stop(): Promise<void>;
}

export function startLoop(options: LoopOptions): Loop {
  return new PacedLoop(options);
}

class PacedLoop implements Loop {
  faults = 0;
  problem = '';
  private isStopped = false;
  private cancel: () => void = () => undefined;
  private turning: Promise<void>;

  constructor(private readonly options: LoopOptions) {
    this.turning = this.turn();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancel();
    await this.turning;
  }

  private async turn(): Promise<void> {
    const { turn, clock, pauseMs } = this.options;
    try {
      await turn();
      this.told('');
    } catch (fault) {
      this.faults += 1;
      this.told(fault instanceof Error ? fault.message : String(fault));
    }
    if (this.isStopped) return;
    this.cancel = clock.after(pauseMs, () => {
      this.turning = this.turn();
    });
  }

  private told(problem: string): void {
    const { log, name } = this.options;
    if (problem !== '' && this.problem === '') log.warn({ loop: name, problem }, 'loop fails');
    if (problem === '' && this.problem !== '') log.info({ loop: name }, 'loop works again');
    this.problem = problem;
  }
}
