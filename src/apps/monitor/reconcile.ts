// SPDX-License-Identifier: Apache-2.0
// Part: every half second what the driver counts is held against what regions admit and what was given. What is found
// becomes an Event, a metric, and what the policy says.
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Announcements, listenForAnnouncements } from '../../adapters/announce/listener.js';
import { createEventWriter, type Happening } from '../../adapters/kubernetes/events.js';
import { Holders } from '../../adapters/processes/holders.js';
import { Proc } from '../../adapters/processes/proc.js';
import { lookAtSlot, readWords } from '../../adapters/region/slot-look.js';
import { confirm, type Watchlist } from '../../observing/confirm.js';
import type { Sight, Suspicion } from '../../observing/escape.js';
import { type EscapeCount, escapeFamilies } from '../../observing/escape-metrics.js';
import { judge, type Judgement } from '../../observing/reconcile.js';
import type { SlotRecord } from '../../wire/slots.js';
import { startLoop } from './loop.js';
import type { Context, Part } from './part.js';
import { EscapeStopper } from './stop-escape.js';

/** Two looks make a finding: told within 2 s. */
const PAUSE_MS = 500;
const NOTHING: Judgement = { suspicions: [], drifts: [], foreign: new Map(), allowed: new Map() };

export function startReconcile(context: Context): Part {
  const reconciler = new Reconciler(context);
  const { clock, log } = context;
  const loop = startLoop({
    ...{ name: 'reconcile', pauseMs: PAUSE_MS, clock, log },
    turn: () => reconciler.look(),
  });
  return {
    families: () => reconciler.families(),
    async stop() {
      await loop.stop();
      await reconciler.stop();
    },
  };
}

class Reconciler {
  private slots: readonly SlotRecord[] = [];
  private judgement = NOTHING;
  private watchlist: Watchlist = new Map();
  private readonly escapes = new Map<string, EscapeCount>();
  private readonly holders: Holders;
  private readonly stopper: EscapeStopper;
  private readonly announced: Promise<Announcements | null>;
  private listening: Announcements | null = null;
  private readonly writeEvent: (happening: Happening) => void;

  constructor(private readonly context: Context) {
    const { options, policy, clamps } = context;
    const proc = new Proc(options.procDir);
    this.holders = new Holders(proc, (pid, ticks) => this.listening?.has(pid, ticks) ?? false);
    this.stopper = new EscapeStopper({ policy, proc, clamps });
    this.announced = this.listen(proc);
    this.writeEvent = eventsOf(context);
  }

  async look(): Promise<void> {
    const sight = await this.see();
    if (sight === null) return;
    this.slots = sight.slots;
    this.judgement = judge(sight, this.judgement.allowed);
    this.context.board.drifts = this.judgement.drifts;
    const { watchlist, begun, standing } = confirm(this.watchlist, this.judgement.suspicions);
    this.watchlist = watchlist;
    const done = this.stopper.act(standing);
    for (const found of begun) this.tell(found, done.get(found.key) ?? '');
    this.forgetGone();
  }

  families() {
    const { judgement, slots, stopper } = this;
    return escapeFamilies({
      node: this.context.node,
      escapes: [...this.escapes.values()],
      stopped: stopper.stopped,
      slots,
      drifts: judgement.drifts,
      foreign: judgement.foreign,
    });
  }

  async stop(): Promise<void> {
    await (await this.announced)?.stop();
  }

  /** null: the driver was not asked, as there is nobody to ask it about. */
  private async see(): Promise<Sight | null> {
    const { options, driver, plugin, node } = this.context;
    const { slots, problem } = await plugin.slots();
    const folderOf = ({ slot }: SlotRecord): string => join(options.stateDir, 'slots', slot);
    const words = new Map(slots.map((slot) => [slot.slot, readWords(folderOf(slot))]));
    const devices = await driver.read();
    const holders = this.holders.of(devices);
    const files = slots.map(
      (slot) => [slot.slot, lookAtSlot(folderOf(slot), words.get(slot.slot) ?? [])] as const,
    );
    return { node, isCurrent: problem === '', slots, holders, files: new Map(files) };
  }

  private tell(found: Suspicion, done: string): void {
    const { node, log } = this.context;
    const { pod, container, reason } = found;
    const sentence = `${found.sentence}${done}`;
    const key = `${pod?.uid ?? ''}/${container}/${reason}`;
    this.escapes.set(key, { pod, container, reason, count: (this.escapes.get(key)?.count ?? 0) + 1 });
    log.warn({ pod: pod && `${pod.namespace}/${pod.name}`, container, reason, sentence }, 'escape');
    const name = pod === null ? '' : `${pod.namespace}/${pod.name}`;
    this.writeEvent({ kind: reason, pod: name, uid: pod?.uid ?? '', node, sentence });
  }

  /** Counters of pods that are gone would stay for ever. */
  private forgetGone(): void {
    for (const [key, { pod }] of this.escapes)
      if (pod !== null && !this.slots.some((slot) => slot.pod.uid === pod.uid)) this.escapes.delete(key);
  }

  private async listen(proc: Proc): Promise<Announcements | null> {
    const { options, clock, log } = this.context;
    try {
      this.listening = await listenForAnnouncements({
        path: join(options.stateDir, 'announce', 'socket'),
        clock,
        startTicksOf: (pid) => proc.startTicks(pid),
        onFault: (fault) => log.warn({ err: fault }, 'announcements are not heard'),
      });
      return this.listening;
    } catch (fault) {
      log.warn({ err: fault }, 'announcements are not heard');
      return null;
    }
  }
}

function eventsOf({ client, clock, log }: Context): (happening: Happening) => void {
  if (client === undefined) return () => undefined;
  return createEventWriter({
    ...{ client, clock, controller: 'kerf-monitor', instance: hostname(), action: 'Reconciling' },
    onFault: (fault) => log.warn({ err: fault }, 'event not written'),
  });
}
