// SPDX-License-Identifier: Apache-2.0
import { ENFORCEMENT_OFF } from '../src/wire/slots.js';
import type { Clock } from '../src/adapters/clock.js';
import type { LibraryMode } from './allocate.js';
import { type Enforcement, judgeProcesses, processesOf } from './enforcement.js';
import type { Pods } from './pods.js';
import type { BoundSlot } from './slot.js';
import type { SlotStore } from './slots.js';

export interface EnforcementParts {
  readonly procFolder: string;
  /** False: nothing of ours is in the containers, and there is nothing to look for. */
  readonly isHeld: boolean;
  readonly libraryMode?: LibraryMode;
  readonly store: SlotStore;
  readonly pods: Pick<Pods, 'lastSeen'>;
  readonly clock: Clock;
  readonly onJudged: (slot: BoundSlot, enforcement: Enforcement) => void;
  readonly onFault: (fault: unknown) => void;
}

const LOOK_MS = 2_000;
/** Slots judged unenforced are looked at again: a script may only later start what loads the library. */
const AGAIN_MS = 15_000;
/** Looks that must agree: between clone and exec a process has the runtime's memory, not its own. */
const LOOKS = 3;

interface Verdict {
  readonly containerId: string;
  readonly enforcement: Enforcement;
  readonly agreed: number;
  readonly at: number;
}

/** Keeps what is known of each slot's container; in memory, for /proc always tells it again. */
export class EnforcementWatch {
  private readonly verdicts = new Map<string, Verdict>();
  private cancel: () => void = () => {};

  constructor(private readonly parts: EnforcementParts) {}

  start(): void {
    if (!this.parts.isHeld) return;
    const turn = async (): Promise<void> => {
      await this.look().catch((fault) => this.parts.onFault(fault));
      this.cancel = this.parts.clock.after(LOOK_MS, () => void turn());
    };
    void turn();
  }

  stop(): void {
    this.cancel();
  }

  of(slot: string): Enforcement {
    return this.parts.isHeld ? (this.verdicts.get(slot)?.enforcement ?? 'pending') : ENFORCEMENT_OFF;
  }

  /** The slot's container starts anew, or is gone. */
  forget(slot: string): void {
    this.verdicts.delete(slot);
  }

  async look(): Promise<void> {
    const running = this.parts.store.bound().flatMap((slot) => {
      const containerId = this.parts.pods.lastSeen(slot.owner.podUid)?.running.get(slot.owner.container);
      return containerId === undefined || !this.isDue(slot, containerId) ? [] : [{ slot, containerId }];
    });
    if (running.length === 0) return;
    const ids = new Set(running.map(({ containerId }) => containerId));
    const processes = await processesOf(this.parts.procFolder, ids);
    for (const { slot, containerId } of running) {
      const pids = processes.get(containerId) ?? [];
      const seen = await judgeProcesses(this.parts.procFolder, pids, this.parts.libraryMode);
      if (seen !== null) this.take(slot, { containerId, seen });
    }
  }

  private isDue(slot: BoundSlot, containerId: string): boolean {
    const verdict = this.verdicts.get(slot.slot);
    if (verdict === undefined || verdict.containerId !== containerId) return true;
    if (verdict.enforcement === 'pending') return true;
    return verdict.enforcement === 'unenforced' && this.parts.clock.now() - verdict.at >= AGAIN_MS;
  }

  private take(slot: BoundSlot, { containerId, seen }: { containerId: string; seen: Enforcement }): void {
    const before = this.verdicts.get(slot.slot);
    const isSame = before?.containerId === containerId;
    const agreed = isSame && seen === 'unenforced' ? before.agreed + 1 : 1;
    const enforcement = seen === 'enforced' || agreed >= LOOKS ? seen : 'pending';
    this.verdicts.set(slot.slot, { containerId, enforcement, agreed, at: this.parts.clock.now() });
    const old = isSame ? before.enforcement : 'pending';
    if (enforcement !== old) this.parts.onJudged(slot, enforcement);
  }
}
