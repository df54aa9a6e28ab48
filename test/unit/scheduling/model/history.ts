// SPDX-License-Identifier: Apache-2.0
// One random history: an API server lives, two watches tell of it late, binds are asked, and after every step the
// ledger is held against the oracle, and what we placed against the devices there are.
import { expect } from 'vitest';
import type { NodeView } from '../../../../src/core/node.js';
import { Ledger } from '../../../../src/core/ledger.js';
import { DEFAULT_RULES } from '../../../../src/core/policies.js';
import { type BindAnswer, createBind } from '../../../../src/scheduling/bind.js';
import { followNodes, followPods } from '../../../../src/scheduling/follow.js';
import { PodMirror } from '../../../../src/scheduling/pod-mirror.js';
import type { BindingOutcome, BindingWrite } from '../../../../src/scheduling/ports.js';
import type { PodView } from '../../../../src/wire/pod-view.js';
import { ApiServer, type Event, MEMORY_OF, type TruePod } from './api-server.js';
import { isOver as isEnded, lifeOf, Oracle, rowsOf, sumOf } from './oracle.js';
import { SlowPorts } from './ports.js';
import { textOfView } from './text.js';

export const ASSUME_MS = 60_000;

/** A bind under way, as told by its calls. */
interface Asked {
  readonly node: string;
  readonly pod: TruePod;
  /** It was being written to this node before. */
  isAgain: boolean;
  letter: string | null;
  outcome: BindingOutcome | null;
}

/** How far a watch has told of its events. */
interface Told {
  at: number;
}

export class History {
  readonly api = new ApiServer();
  readonly oracle = new Oracle();
  readonly ledger = new Ledger();
  readonly ports: SlowPorts;
  /** When the watch of pods was last heard of, of what it has told. */
  heardAt = 0;
  private readonly mirror = new PodMirror();
  private readonly pods = followPods(this.followed());
  private readonly nodes = followNodes(this.followed());
  private readonly told: { readonly pods: Told; readonly nodes: Told } = {
    pods: { at: 0 },
    nodes: { at: 0 },
  };
  /** Whose bind goes on when the call is answered that is answered now. */
  private running = '';
  private readonly asked = new Map<string, Asked>();
  /** Pods whose letter was changed before we heard of it: what we gave them is nobody's truth. */
  private readonly tampered = new Set<string>();
  private checkedBound = 0;
  private readonly seenViews: { readonly view: NodeView; readonly print: string }[] = [];
  /** What went wrong where nobody waits. */
  private readonly faults: unknown[] = [];
  private readonly bindPod: ReturnType<typeof createBind>;

  constructor() {
    this.ports = new SlowPorts(this.api, {
      onWrite: (write) => this.onWrite(write),
      onWritten: (write, outcome) => this.onWritten(write, outcome),
      running: () => this.running,
      onRead: (uid, pod) => this.onRead(uid, pod),
    });
    this.bindPod = createBind({
      ...{ ledger: this.ledger, pods: this.mirror, reader: this.ports, bindings: this.ports },
      ...{ rulesFor: () => DEFAULT_RULES, assumeMs: ASSUME_MS, now: () => this.api.now },
    });
  }

  private followed() {
    return { ledger: this.ledger, pods: this.mirror, troubles: { tell: () => {} } };
  }

  // --- watches ---

  /** Tells so many of the events that wait, in order. */
  hearPods(count: number): void {
    for (const { type, item } of this.next(this.api.podEvents, this.told.pods, count)) {
      if (type === 'DELETED') this.pods.onDelete(item.view);
      else this.pods.onUpsert(item.view);
      if (type === 'DELETED') this.oracle.hearGone(item);
      else this.oracle.hear(item);
    }
    this.wasHeard();
  }

  hearNodes(count: number): void {
    for (const { type, item } of this.next(this.api.nodeEvents, this.told.nodes, count)) {
      if (type === 'DELETED') this.nodes.onDelete(item.facts);
      else this.nodes.onUpsert(item.facts);
      if (type === 'DELETED') this.oracle.nodes.delete(item.name);
      else this.oracle.nodes.set(item.name, item);
    }
  }

  /** The last thing told is told again: a status changed, and nothing that counts. */
  hearAgain(): void {
    const pod = this.api.podEvents[this.told.pods.at - 1];
    if (pod?.type === 'UPSERT') this.pods.onUpsert(pod.item.view);
    if (pod?.type === 'UPSERT') this.oracle.hear(pod.item);
    const node = this.api.nodeEvents[this.told.nodes.at - 1];
    if (node?.type === 'UPSERT') this.nodes.onUpsert(node.item.facts);
  }

  /** A new list: what happened since is never told, neither what came nor what went. */
  relistPods(): void {
    this.told.pods.at = this.api.podEvents.length;
    const all = [...this.api.pods.values()];
    this.pods.onReplace(all.map(({ view }) => view));
    this.oracle.hearAll(all);
    this.wasHeard();
  }

  relistNodes(): void {
    this.told.nodes.at = this.api.nodeEvents.length;
    this.nodes.onReplace([...this.api.nodes.values()].map(({ facts }) => facts));
    this.oracle.hearNodes(this.api.nodes.values());
  }

  private next<T>(events: readonly Event<T>[], told: Told, count: number): readonly Event<T>[] {
    const some = events.slice(told.at, told.at + count);
    told.at += some.length;
    return some;
  }

  /** A watch that lags tells what was; one that does not, tells that nothing else was. */
  private wasHeard(): void {
    const { at } = this.told.pods;
    const isBehind = at < this.api.podEvents.length;
    this.heardAt = isBehind ? (this.api.podEvents[at - 1]?.at ?? 0) : this.api.now;
  }

  // --- binds ---

  bind(name: string, node: string): void {
    const pod = this.api.pods.get(name) ?? this.lastKnown(name);
    if (pod === undefined) return;
    const { uid } = pod;
    if (!this.asked.has(uid)) this.asked.set(uid, { node, pod, isAgain: false, letter: null, outcome: null });
    const own = this.asked.get(uid);
    const isSecond = own?.node !== node;
    this.running = uid;
    this.bindPod({ uid, namespace: 'd', name, node })
      .then((answer) => {
        if (isSecond) expect(answer.sentence).toContain('is being bound to node');
        else this.onAnswered(pod, node, answer);
      })
      .catch((fault: unknown) => this.faults.push(fault));
  }

  /** kube-scheduler's own watch may lag too. */
  private lastKnown(name: string): TruePod | undefined {
    return this.api.podEvents.findLast(({ item }) => item.name === name)?.item;
  }

  /** Lets what was answered run on. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 12; turn++) await null;
  }

  private onWrite({ uid, node, placement }: BindingWrite): void {
    const asked = this.asked.get(uid);
    if (placement === null || asked === undefined) return;
    const { pod } = asked;
    const earlier = this.oracle.pods.get(uid);
    asked.isAgain = earlier?.node === node;
    asked.letter = placement;
    const { wish } = pod.shape;
    if (earlier?.node === node && !earlier.isHeard) expect(placement).toBe(earlier.letter);
    else if (wish !== undefined && earlier === undefined) expect(this.oracle.fits(node, wish)).toBe(true);
    this.oracle.write(uid, this.beliefOf(pod, node, placement));
  }

  private beliefOf({ name, shape }: TruePod, node: string, letter: string) {
    return { pod: `d/${name}`, node, shape, letter, isStarted: false, until: this.api.now + ASSUME_MS };
  }

  private onWritten({ uid }: BindingWrite, outcome: BindingOutcome): void {
    this.running = uid;
    const asked = this.asked.get(uid);
    if (asked === undefined) return;
    asked.outcome = outcome;
    if (outcome.kind === 'refused' && !outcome.isConflict && !asked.isAgain) this.oracle.giveUp(uid);
  }

  /** Bind read the pod: before it placed (an earlier write elsewhere), or after a write that was not clearly done. */
  private onRead(uid: string, read: PodView | null | undefined): void {
    this.running = uid;
    const asked = this.asked.get(uid);
    if (asked === undefined || read === undefined) return;
    if (asked.outcome === null) this.readBefore(uid, asked.node, read);
    else if (asked.outcome.kind === 'refused') this.readAfter(uid, asked, read);
  }

  private readBefore(uid: string, node: string, read: PodView | null): void {
    const isUnbound = read?.uid === uid && read.nodeName === '';
    const isElsewhere = this.oracle.pods.get(uid)?.node !== node;
    if (isUnbound && isElsewhere && read.request.ok) this.oracle.giveUp(uid);
  }

  private readAfter(uid: string, { pod, node, letter }: Asked, read: PodView | null): void {
    if (read === null || read.uid !== uid || read.nodeName === '') return this.oracle.giveUp(uid);
    if (node === read.nodeName && letter === read.placement) return;
    this.oracle.giveUp(uid);
    const { nodeName, placement, isOver } = read;
    if (isOver || placement === null || rowsOf(placement) === null) return;
    this.oracle.write(uid, this.beliefOf(pod, nodeName, placement));
  }

  private onAnswered(pod: TruePod, node: string, { refusal }: BindAnswer): void {
    this.asked.delete(pod.uid);
    const { wish } = pod.shape;
    if (refusal !== undefined && wish !== undefined) expect(this.oracle.fits(node, wish)).toBe(false);
  }

  // --- tenants ---

  edit(name: string, letter: string | null): void {
    const pod = this.api.pods.get(name);
    if (pod === undefined) return;
    if (this.oracle.pods.get(pod.uid)?.isHeard !== true) this.tampered.add(pod.uid);
    this.api.change(name, { letter });
  }

  // --- what must be so ---

  check(): void {
    if (this.faults.length > 0) throw this.faults[0];
    const [seen, wanted] = [this.seen(), this.wanted()];
    if (seen !== wanted) expect(seen).toBe(wanted);
    for (const { name } of this.oracle.nodes.values()) {
      const view = this.ledger.node(name);
      if (view !== undefined) this.remember(view);
    }
    if (this.api.bound !== this.checkedBound) this.checkWhatWeGave();
    this.checkedBound = this.api.bound;
  }

  /** As text, for the comparing is most of the time. */
  private seen(): string {
    const nodes = [...this.ledger.allNodes()].map(textOfView);
    const { assumed, held } = this.ledger.counts();
    const uids = [...this.ledger.allHoldings()].map(({ uid }) => uid);
    return linesOf(nodes, { assumed, held, uids });
  }

  private wanted(): string {
    const nodes = [...this.oracle.nodes.values()].map((node) =>
      this.oracle.textOf(node, this.ledger.node(node.name)),
    );
    const held = [...this.oracle.pods.values()].filter(({ isHeard }) => isHeard).length;
    const uids = [...this.oracle.pods.keys()];
    return linesOf(nodes, { assumed: uids.length - held, held, uids });
  }

  /** The one promise: of no device there is was more given by us than there is of it, whatever we heard when. */
  private checkWhatWeGave(): void {
    const ours = [...this.api.pods.values()].filter((pod) => this.isGivenByUs(pod));
    const places = new Set(
      ours.flatMap(({ node, given }) =>
        (rowsOf(given as string) ?? []).flatMap(([, rows]) => rows.map(({ device }) => `${node} ${device}`)),
      ),
    );
    for (const place of places) {
      const [node = '', device = ''] = place.split(' ');
      const here = ours.filter((pod) => pod.node === node);
      const lives = here.map(({ given, shape }) => lifeOf(given, shape));
      const sum = sumOf(lives, device);
      const users = lives.filter((life) => life.flat().some((row) => row.device === device)).length;
      const isOver = sum.memory > (MEMORY_OF[device] as number) || sum.cores > 1000;
      if (isOver || (sum.isOwned && users > 1)) expect(sum).toBe(`of ${place}, given to ${users}`);
    }
  }

  private isGivenByUs(pod: TruePod): boolean {
    return pod.given !== null && pod.node !== '' && !isEnded(pod) && !this.tampered.has(pod.uid);
  }

  /** Views may not change after they were handed out. */
  private remember(view: NodeView): void {
    const last = this.seenViews.at(-1);
    if (last?.view !== view && this.seenViews.length < 4) this.seenViews.push({ view, print: printOf(view) });
  }

  /** Nobody is left who is only thought to hold, and all that the API server has is held. */
  checkQuiet(): void {
    const bound = [...this.api.pods.values()].filter((pod) => pod.node !== '' && !isEnded(pod));
    const holders = bound.filter(({ shape, uid, letter }) => {
      return shape.asks || letter !== null || this.oracle.pods.has(uid);
    });
    const states = [...this.ledger.allHoldings()].map(({ uid, state }) => `${uid} ${state}`);
    expect(states.sort()).toEqual(holders.map(({ uid }) => `${uid} held`).sort());
  }

  checkOldViews(): void {
    for (const { view, print } of this.seenViews) expect(printOf(view)).toBe(print);
  }
}

function linesOf(
  nodes: readonly string[],
  {
    assumed,
    held,
    uids,
  }: { readonly assumed: number; readonly held: number; readonly uids: readonly string[] },
): string {
  return [...[...nodes].sort(), `assumed ${assumed}, held ${held}: ${[...uids].sort().join(' ')}`].join('\n');
}

/** All that placing reads of a view, as text. */
function printOf({ name, revision, vendors, heldBy, initOnly, cpu }: NodeView): string {
  const rows = [...vendors].map(([vendor, { devices, totals, slots, slotsUsed, unreadable }]) => [
    ...[vendor, totals, slots, slotsUsed, unreadable],
    devices.map(({ device, hold, isCordoned: isShut }) => [device.id, hold, isShut]),
  ]);
  return JSON.stringify([name, revision, rows, heldBy, initOnly, cpu]);
}
