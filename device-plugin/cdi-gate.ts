// SPDX-License-Identifier: Apache-2.0
// Registered as long as the runtime resolves CDI names, and not a moment before. Looked at again now and then: a
// runtime restarted with CDI off would start containers without their limits.
import type { RuntimeTold } from '../src/adapters/cri/runtime.js';
import type { Clock } from '../src/adapters/clock.js';
import { judgeCdi } from '../src/adapters/cri/cdi.js';

export interface CdiGateParts {
  readonly ask: () => Promise<RuntimeTold>;
  readonly cdiFolder: string;
  /** The admin's word that CDI is on: nobody is asked. */
  readonly isAssumed: boolean;
  readonly clock: Clock;
  readonly open: () => void;
  readonly shut: () => Promise<void>;
  readonly onProblem: (problem: string) => void;
}

const LOOK_MS = 10_000;

export class CdiGate {
  /** Why the gate is shut; empty while it is open. */
  problem = 'the container runtime was not asked yet';
  private cancel: () => void = () => {};
  private isStopped = false;

  constructor(private readonly parts: CdiGateParts) {}

  async start(): Promise<void> {
    await this.look();
    if (this.isStopped || this.parts.isAssumed) return;
    this.cancel = this.parts.clock.after(LOOK_MS, () => void this.start());
  }

  stop(): void {
    this.isStopped = true;
    this.cancel();
  }

  private async look(): Promise<void> {
    const told = await this.judge();
    if (this.isStopped) return;
    const wasOpen = this.problem === '';
    // A runtime that is silent for a moment (it restarts) does not shut an open gate.
    if (told.isOn === null && wasOpen) return;
    if (told.problem !== '' && told.problem !== this.problem) this.parts.onProblem(told.problem);
    this.problem = told.problem;
    if (told.isOn === true && !wasOpen) this.parts.open();
    if (told.isOn === false && wasOpen) await this.parts.shut();
  }

  /** `isOn` is null when the runtime does not answer. */
  private async judge(): Promise<{ readonly isOn: boolean | null; readonly problem: string }> {
    if (this.parts.isAssumed) return { isOn: true, problem: '' };
    try {
      const verdict = judgeCdi(await this.parts.ask(), this.parts.cdiFolder);
      if (verdict.isOn) return { isOn: true, problem: '' };
      const problem = `CDI is off, containers would start unlimited: ${verdict.found}; ${verdict.remedy}`;
      return { isOn: false, problem };
    } catch (fault) {
      return { isOn: null, problem: fault instanceof Error ? fault.message : String(fault) };
    }
  }
}
