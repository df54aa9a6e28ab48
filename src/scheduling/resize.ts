// SPDX-License-Identifier: Apache-2.0
// Answers requests to resize running pods (kerf.dev/resize), one at a time a pod, from what the watch shows.
//
//   watch: asked, not answered ─▶ leader? ─▶ room? ─▶ ledger.intend ─▶ one PATCH (placement, echo, condition)
//      ▲                            no: later   no: one PATCH (echo, condition)      │ written: the watch confirms
//      └── conflict, no answer: again, from what the watch shows then ◀─────────────┘ refused: ledger.abandon
//
// Nothing is remembered that the pod does not say: whoever starts anew finds the request unanswered and decides it, or
// answered and done. Each write names the pod's resourceVersion, so one that was never answered either has landed (the
// watch shows it) or is dead as soon as the pod has changed in any other way.
import type { Ledger } from '../core/ledger.js';
import type { Placement } from '../core/placement.js';
import { resize, shrinksMemory, type SliceChange } from '../core/resize.js';
import { type ResizeRefusal, resizeText } from '../core/resize-refusals.js';
import { err, ok, type Result } from '../core/result.js';
import type { Vendor } from '../vendors/index.js';
import { encodePlacement } from '../wire/placement.js';
import type { PodView } from '../wire/pod-view.js';
import { decodeResize, echoOf } from '../wire/resize.js';
import type { PodMirror } from './pod-mirror.js';
import type { BindingOutcome, ResizeNews, ResizeWrite, ResizeWrites } from './ports.js';

export interface ResizerOptions {
  readonly ledger: Ledger;
  readonly pods: PodMirror;
  readonly vendors: readonly Vendor[];
  readonly writes: ResizeWrites;
  /** Of several schedulers one answers. */
  readonly isLeader: () => Promise<boolean>;
  /** The watches have shown the cluster. */
  readonly isReady: () => boolean;
  readonly isAllowed: boolean;
  /** Why the namespace may not have so much more, if so. */
  readonly quota: (pod: PodView, after: Placement) => Promise<ResizeRefusal | null>;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly onAnswered: (news: ResizeNews) => void;
  /** It could not be answered; `retryMs` null: it never will be, as it stands. */
  readonly onFault: (pod: string, sentence: string, retryMs: number | null) => void;
}

const FIRST_MS = 50;
const MOST_MS = 2_000;
/** A replica that is not the leader looks so often whether it has become it. */
const STANDBY_MS = 1_000;

interface Turn {
  /** The request it is about. */
  readonly asked: string;
  tries: number;
  isRunning: boolean;
  /** Its answer is written: the watch will show it. */
  isDone: boolean;
  /** resourceVersion that a write named of which nobody knows whether it was done: it may land until that changes. */
  unsureAt: string | null;
  cancel: () => void;
}

export class Resizer {
  private readonly turns = new Map<string, Turn>();

  constructor(private readonly options: ResizerOptions) {}

  /** After the ledger has seen the pod. */
  see(pod: PodView): void {
    const turn = this.turns.get(pod.uid);
    if (!isOpen(pod)) {
      if (turn !== undefined && !turn.isRunning) this.end(pod.uid);
      return;
    }
    if (turn?.isRunning === true || turn?.asked === pod.resize.asked) return;
    this.begin(pod);
  }

  seeAll(pods: readonly PodView[]): void {
    for (const pod of pods) this.see(pod);
  }

  /** The pod is gone. */
  drop(pod: PodView): void {
    if (this.turns.get(pod.uid)?.isRunning === false) this.end(pod.uid);
  }

  stop(): void {
    for (const { cancel } of this.turns.values()) cancel();
  }

  private begin(pod: Open): void {
    this.turns.get(pod.uid)?.cancel();
    const { asked } = pod.resize;
    const turn: Turn = {
      ...{ asked, tries: 0 },
      ...{ isRunning: false, isDone: false, unsureAt: null, cancel: () => {} },
    };
    this.turns.set(pod.uid, turn);
    this.plan(pod.uid, 0);
  }

  /** Nobody asks any more. */
  private end(uid: string): void {
    const turn = this.turns.get(uid);
    turn?.cancel();
    this.turns.delete(uid);
    if (turn?.isDone === false) this.abandon(uid, turn);
  }

  /** What was intended is not written, and will not be; where that is not known, the watch tells. */
  private abandon(uid: string, { unsureAt }: Turn): void {
    const { pods, ledger } = this.options;
    if (unsureAt === null || pods.get(uid)?.resourceVersion !== unsureAt) ledger.abandon(uid);
  }

  private plan(uid: string, ms: number): void {
    const turn = this.turns.get(uid);
    if (turn === undefined) return;
    turn.cancel = this.options.after(ms, () => void this.take(uid, turn));
  }

  private async take(uid: string, turn: Turn): Promise<void> {
    turn.isRunning = true;
    try {
      const retryMs = await this.answer(uid, turn);
      turn.isRunning = false;
      if (retryMs !== null) this.plan(uid, retryMs);
      else this.settle(uid, turn);
    } catch (fault) {
      turn.isRunning = false;
      const sentence = fault instanceof Error ? fault.message : String(fault);
      this.plan(uid, this.later(uid, turn, sentence));
    }
  }

  /** The pod may have changed while it was written: gone, answered, asked otherwise. */
  private settle(uid: string, turn: Turn): void {
    const pod = this.options.pods.get(uid);
    if (pod === undefined || !isOpen(pod)) this.end(uid);
    else if (pod.resize.asked !== turn.asked) this.begin(pod);
  }

  /** Answers after how long to try again; null: there is nothing to try. */
  private async answer(uid: string, turn: Turn): Promise<number | null> {
    const { options } = this;
    if (!options.isReady() || !(await options.isLeader())) return STANDBY_MS;
    const first = this.asking(uid, turn);
    const short = first === null ? null : await this.quotaOf(first);
    // Between room and ledger nothing waits; and what is decided on is the pod as the watch shows it now.
    const pod = this.asking(uid, turn);
    if (pod === null) return null;
    const decided = short === null ? this.decide(pod) : err(short);
    if (decided.ok && decided.value.after !== decided.value.before)
      options.ledger.intend(uid, decided.value.after);
    const write = writeOf(pod, decided);
    const outcome = await options.writes.write(write);
    return this.weigh(pod, turn, { write, outcome });
  }

  /** null where the pod does not ask this any more. */
  private asking(uid: string, { asked }: Turn): Open | null {
    const pod = this.options.pods.get(uid);
    return pod !== undefined && isOpen(pod) && pod.resize.asked === asked ? pod : null;
  }

  private async quotaOf(pod: Open): Promise<ResizeRefusal | null> {
    const decided = this.decide(pod);
    return decided.ok ? this.options.quota(pod, decided.value.after) : null;
  }

  private decide(pod: Open): Result<Decided, ResizeRefusal> {
    const { ledger, vendors, isAllowed } = this.options;
    if (!isAllowed) return err({ kind: 'SwitchedOff' });
    const asked = decodeResize(pod.resize.asked, vendors);
    if (!asked.ok) return err({ kind: 'BadRequest', sentence: asked.error });
    if (pod.placement === null) return err({ kind: 'NotPlaced', detail: '' });
    const holding = ledger.holding(pod.uid);
    const after = resize(holding, asked.value, ledger.node(pod.nodeName));
    if (!after.ok) return after;
    if (holding?.claim.kind !== 'placed') throw new Error('bug: resized what is not placed');
    return ok({ before: holding.claim.placement, after: after.value, changes: asked.value });
  }

  private weigh(pod: Open, turn: Turn, { write, outcome }: Written): number | null {
    const { ledger, onAnswered, onFault } = this.options;
    const name = `${pod.namespace}/${pod.name}`;
    if (outcome.kind === 'written') {
      turn.isDone = true;
      if (write.placement === null) ledger.abandon(pod.uid);
      const { isResized, reason, message: sentence } = write;
      onAnswered({ isResized, pod: name, uid: pod.uid, node: pod.nodeName, reason, sentence });
      return null;
    }
    if (outcome.kind === 'unknown') turn.unsureAt = pod.resourceVersion;
    if (outcome.kind === 'unknown' || outcome.isConflict) return this.later(pod.uid, turn, outcome.sentence);
    this.abandon(pod.uid, turn);
    onFault(name, outcome.sentence, null);
    return null;
  }

  private later(uid: string, turn: Turn, sentence: string): number {
    const retryMs = Math.min(MOST_MS, FIRST_MS * 2 ** turn.tries);
    turn.tries += 1;
    const pod = this.options.pods.get(uid);
    this.options.onFault(pod === undefined ? uid : `${pod.namespace}/${pod.name}`, sentence, retryMs);
    return retryMs;
  }
}

type Open = PodView & { readonly resize: NonNullable<PodView['resize']> };

/** On a node, asked and not answered. */
function isOpen(pod: PodView): pod is Open {
  return pod.resize?.isAnswered === false && pod.nodeName !== '' && !pod.isOver && !pod.isTerminating;
}

interface Decided {
  readonly before: Placement;
  readonly after: Placement;
  readonly changes: readonly SliceChange[];
}

interface Written {
  readonly write: ResizeWrite;
  readonly outcome: BindingOutcome;
}

function writeOf(pod: Open, decided: Result<Decided, ResizeRefusal>): ResizeWrite {
  const { uid, namespace, name, resourceVersion } = pod;
  const about = { uid, namespace, name, resourceVersion, echo: echoOf(pod.resize.asked) };
  if (!decided.ok) {
    const { kind: reason } = decided.error;
    return { ...about, placement: null, isResized: false, reason, message: resizeText(decided.error) };
  }
  const { before, after } = decided.value;
  const placement = after === before ? null : encodePlacement(after);
  const reason = shrinksMemory(before, after) ? 'Shrunk' : 'Resized';
  return { ...about, placement, isResized: true, reason, message: doneText(decided.value) };
}

const STAYS = '; what is held above that stays until it is freed, and growth is refused';

function doneText({ before, after, changes }: Decided): string {
  const named = new Set(changes.map(({ container }) => container));
  const rows = after.containers
    .filter(({ name }) => named.has(name))
    .flatMap(({ name, slices }) =>
      slices.map(
        ({ deviceId, memory, cores }) =>
          `container ${name} has ${memory} MiB and ${cores === 0 ? 'no compute limit' : `${cores / 10} % of compute`} of device ${deviceId}`,
      ),
    );
  return `${rows.join(', ')}${shrinksMemory(before, after) ? STAYS : ''}`;
}
