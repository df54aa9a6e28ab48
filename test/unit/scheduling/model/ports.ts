// SPDX-License-Identifier: Apache-2.0
// The walls of bind in a random history: calls wait until the history says what becomes of them.
import type { BindingOutcome, Bindings, BindingWrite, PodReader } from '../../../../src/scheduling/ports.js';
import type { PodView } from '../../../../src/wire/pod-view.js';
import type { ApiServer } from './api-server.js';

/**
 * well: done and answered. silent: an answer never came, and it was not done (written) or never read.
 * late: done, and the answer lost. refused: not done, for a reason of its own (forbidden, too many requests).
 */
export type Fate = 'well' | 'silent' | 'late' | 'refused';

export interface Told {
  onWrite(write: BindingWrite): void;
  onWritten(write: BindingWrite, outcome: BindingOutcome): void;
  /** UID of the pod for which bind runs now. */
  running(): string;
  /** `pod`: undefined where nobody answered. */
  onRead(uid: string, pod: PodView | null | undefined): void;
}

interface Call {
  /** The API server does it now; the answer may take its time. */
  land(): void;
  answer(fate: Fate): void;
}

export class SlowPorts implements Bindings, PodReader {
  private readonly calls: Call[] = [];

  constructor(
    private readonly api: ApiServer,
    private readonly told: Told,
  ) {}

  get waiting(): number {
    return this.calls.length;
  }

  /** One of those that wait. */
  land(which: number): void {
    this.calls[which % this.calls.length]?.land();
  }

  answer(which: number, fate: Fate): void {
    const [call] = this.calls.splice(which % this.calls.length, 1);
    call?.answer(fate);
  }

  write(write: BindingWrite): Promise<BindingOutcome> {
    this.told.onWrite(write);
    let landed: BindingOutcome | null = null;
    const land = (): BindingOutcome => (landed ??= this.api.bind(write));
    return new Promise((resolve) => {
      const answer = (fate: Fate): void => {
        const outcome = outcomeOf(fate, { landed, land });
        this.told.onWritten(write, outcome);
        resolve(outcome);
      };
      this.calls.push({ land, answer });
    });
  }

  readPod(_namespace: string, name: string): Promise<PodView | null> {
    const uid = this.told.running();
    let read: PodView | null | undefined;
    const look = (): PodView | null => this.api.pods.get(name)?.view ?? null;
    return new Promise((resolve, reject) => {
      const answer = (fate: Fate): void => {
        const pod = fate === 'well' ? (read ?? look()) : undefined;
        this.told.onRead(uid, pod);
        if (pod === undefined) reject(new Error('no answer'));
        else resolve(pod);
      };
      this.calls.push({ land: () => (read ??= look()), answer });
    });
  }
}

interface Landing {
  readonly landed: BindingOutcome | null;
  readonly land: () => BindingOutcome;
}

const SILENCE: BindingOutcome = { kind: 'unknown', sentence: 'no answer' };
const FORBIDDEN: BindingOutcome = { kind: 'refused', isConflict: false, sentence: 'forbidden' };

function outcomeOf(fate: Fate, { landed, land }: Landing): BindingOutcome {
  if (fate === 'well') return land();
  if (fate === 'late') land();
  if (fate === 'refused' && landed === null) return FORBIDDEN;
  return SILENCE;
}
