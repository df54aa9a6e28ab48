// SPDX-License-Identifier: Apache-2.0
// Who holds which slices. The only mutable thing in the scheduler.
//
//   (none) ── assume ──▶ assumed ── confirm ──▶ held ── release ──▶ (none)
//                           └── forget, or expire ─────────────────▶ (none)
//   held ── intend ──▶ held, the more of both placements ── confirm, or abandon ──▶ held
//
// Per node an immutable NodeView, replaced when that node changes, by one that shares all that did not: reading is
// a look into a Map, and a reader that does not wait sees one moment. Every writer may be called again with the
// same arguments; what tells nothing new changes nothing.
import { type Bystander, Bystanders } from './bystanders.js';
import { type Holds, NO_HOLDS } from './hold.js';
import {
  believe,
  type HolderFacts,
  type Holding,
  holdingOf,
  holdsOfHolding,
  isSameHolding,
  type Sighting,
} from './holding.js';
import { resizedDevices, sharedDevices } from './devices.js';
import type { NodeFacts, NodeView } from './node.js';
import { NodeSum, type WeighedHolding } from './node-sum.js';
import { Ordinals } from './ordinals.js';
import type { Placement } from './placement.js';
import { Rows } from './rows.js';
import { isSame } from './same.js';
import type { Snapshot } from './snapshot.js';
import { viewAfter, viewOf, weighsSame } from './view.js';

/** A placement about to be written. */
export interface Assumption extends HolderFacts {
  readonly node: string;
  readonly placement: Placement;
  /** Given up after this moment (expire), in the caller's ms. */
  readonly until: number;
}

interface NodeRecord {
  readonly ordinal: number;
  facts: NodeFacts | null;
  view: NodeView | null;
  /** By pod UID, in order of arrival, with what each holds of the devices in `facts`. */
  readonly held: Map<string, WeighedHolding>;
  readonly sum: NodeSum;
}

export interface LedgerCounts {
  readonly nodes: number;
  readonly assumed: number;
  readonly held: number;
  /** Pods whose placement is in trouble. */
  readonly troubled: number;
}

export class Ledger implements Snapshot {
  private readonly nodes = new Map<string, NodeRecord>();
  private readonly nodeOf = new Map<string, string>();
  private readonly assumed = new Set<string>();
  private readonly bystanders = new Bystanders();
  private readonly ordinals = new Ordinals();
  readonly rows = new Rows();
  private changes = 0;
  private opened = 0;

  get revision(): number {
    return this.changes;
  }

  /** Grows with every change that may have made room: a pod that went, anything new about a node. */
  get openings(): number {
    return this.opened;
  }

  node(name: string): NodeView | undefined {
    return this.nodes.get(name)?.view ?? undefined;
  }

  *allNodes(): Iterable<NodeView> {
    for (const { view } of this.nodes.values()) if (view !== null) yield view;
  }

  holding(uid: string): Holding | undefined {
    return this.nodes.get(this.nodeOf.get(uid) ?? '')?.held.get(uid)?.holding;
  }

  *allHoldings(): Iterable<Holding> {
    for (const { held } of this.nodes.values()) for (const { holding } of held.values()) yield holding;
  }

  counts(): LedgerCounts {
    const counts = { nodes: 0, assumed: 0, held: 0, troubled: 0 };
    for (const { view } of this.nodes.values()) if (view !== null) counts.nodes += 1;
    for (const { state, trouble } of this.allHoldings()) {
      counts[state] += 1;
      if (trouble !== '') counts.troubled += 1;
    }
    return counts;
  }

  // --- nodes (follow) ---

  setNode(facts: NodeFacts): void {
    const record = this.recordOf(facts.name);
    const known = record.facts?.devices ?? [];
    const told = { ...facts, devices: sharedDevices(known, facts.devices) };
    if (isSame(record.facts, told)) return;
    record.facts = told;
    reweigh(record, resizedDevices(known, told.devices));
    this.rebuild(record);
  }

  /** Its pods keep what they hold: the node may come back before they are gone. */
  removeNode(name: string): void {
    const record = this.nodes.get(name);
    if (record === undefined) return;
    record.facts = null;
    this.rebuild(record);
    this.dropIfEmpty(name, record);
  }

  /** The whole truth about nodes. */
  replaceNodes(all: readonly NodeFacts[]): void {
    const names = new Set(all.map(({ name }) => name));
    for (const name of [...this.nodes.keys()]) if (!names.has(name)) this.removeNode(name);
    for (const facts of all) this.setNode(facts);
  }

  // --- pods ---

  /** Bind is about to write. Replaces an older assumption of the pod; never what is held. */
  assume(assumption: Assumption): void {
    if (this.holding(assumption.uid)?.state === 'held') return;
    const { placement, node, until } = assumption;
    const claim = { kind: 'placed', placement } as const;
    this.put(holdingOf(assumption, { node, state: 'assumed', claim, trouble: '', until }));
  }

  /** The watch shows the pod bound. Answers what is believed of it now. */
  confirm(sighting: Sighting): Holding {
    const known = this.holding(sighting.uid);
    const holding = believe(known, sighting);
    if (known === undefined || !isSameHolding(known, holding)) this.put(holding);
    if (known?.next !== undefined && holding.next === undefined) this.opened += 1;
    return holding;
  }

  /** A held pod's placement is about to be written anew: from now on it holds the more of both, until confirm or abandon. */
  intend(uid: string, next: Placement): void {
    const known = this.holding(uid);
    if (known?.state === 'held' && known.claim.kind === 'placed') this.put({ ...known, next });
  }

  /** The resize was not written, and will not be. */
  abandon(uid: string): void {
    const { next, ...known } = this.holding(uid) ?? {};
    if (next === undefined) return;
    this.opened += 1;
    this.put(known as Holding);
  }

  /** Bind's write failed. What the watch has confirmed meanwhile stays. */
  forget(uid: string): void {
    if (this.holding(uid)?.state === 'assumed') this.take(uid);
  }

  /** The watch shows a pod on a node that asks for no device: it holds CPU there. */
  stand(uid: string, pod: Bystander): void {
    this.crowd(this.bystanders.put(uid, pod));
  }

  bystander(uid: string): Bystander | undefined {
    return this.bystanders.get(uid);
  }

  allBystanders(): Iterable<readonly [uid: string, pod: Bystander]> {
    return this.bystanders.all();
  }

  /** The pod is over or gone. */
  release(uid: string): void {
    this.take(uid);
    this.crowd(this.bystanders.take(uid));
  }

  /** After a new list: held pods that are not in it are gone. Assumed ones may be newer than the list. */
  keepOnly(uids: ReadonlySet<string>): void {
    const held = [...this.allHoldings()].filter(({ state }) => state === 'held').map(({ uid }) => uid);
    const standing = [...this.bystanders.all()].map(([uid]) => uid);
    for (const uid of [...held, ...standing]) if (!uids.has(uid)) this.release(uid);
  }

  /**
   * Gives up assumptions that nobody confirmed. `heardAt` is when the watch was last heard of: as long as that
   * is before the deadline, the confirmation may still be on its way. Answers the UIDs given up.
   */
  expire(heardAt: number): readonly string[] {
    const late = [...this.assumed].filter((uid) => heardAt > (this.holding(uid)?.until ?? 0));
    for (const uid of late) this.forget(uid);
    return late;
  }

  /** CPU beside our pods changed. */
  private crowd(names: readonly string[]): void {
    for (const name of names) {
      const record = this.nodes.get(name);
      if (record !== undefined) this.touch(record, NO_HOLDS);
    }
  }

  private put(holding: Holding): void {
    const before = this.nodeOf.get(holding.uid);
    if (before !== undefined && before !== holding.node) this.take(holding.uid);
    this.crowd(this.bystanders.take(holding.uid));
    const record = this.recordOf(holding.node);
    const known = record.held.get(holding.uid);
    const entry = { holding, holds: weigh(holding, record.facts) };
    record.held.set(holding.uid, entry);
    if (known === undefined) record.sum.add(entry);
    else record.sum.replace(known, entry);
    this.nodeOf.set(holding.uid, holding.node);
    if (holding.state === 'assumed') this.assumed.add(holding.uid);
    else this.assumed.delete(holding.uid);
    if (known !== undefined && weighsSame(known, entry)) this.changes += 1;
    else this.touch(record, known === undefined ? entry.holds : new Map([...known.holds, ...entry.holds]));
  }

  private take(uid: string): void {
    const name = this.nodeOf.get(uid);
    const record = name === undefined ? undefined : this.nodes.get(name);
    if (name === undefined || record === undefined) return;
    const known = record.held.get(uid);
    this.opened += 1;
    this.nodeOf.delete(uid);
    this.assumed.delete(uid);
    record.held.delete(uid);
    if (known !== undefined) record.sum.remove(known);
    this.touch(record, known?.holds ?? NO_HOLDS);
    this.dropIfEmpty(name, record);
  }

  private recordOf(name: string): NodeRecord {
    let record = this.nodes.get(name);
    if (record === undefined) {
      const held = new Map<string, WeighedHolding>();
      record = { ordinal: this.ordinals.take(), facts: null, view: null, held, sum: new NodeSum(held) };
      this.nodes.set(name, record);
    }
    return record;
  }

  private dropIfEmpty(name: string, { ordinal, facts, held }: NodeRecord): void {
    if (facts !== null || held.size > 0) return;
    this.nodes.delete(name);
    this.ordinals.giveBack(ordinal);
  }

  /** What the node says of itself has changed. */
  private rebuild(record: NodeRecord): void {
    this.opened += 1;
    const { ordinal, facts, sum, view: before } = record;
    const revision = ++this.changes;
    const stamp = { revision, ordinal, beside: this.bystanders.on(facts?.name ?? ''), before };
    if (before !== null) this.rows.drop(before);
    record.view = facts === null ? null : viewOf(facts, sum, stamp);
    if (record.view !== null) this.rows.put(record.view);
  }

  /** A pod came or went that holds these devices. */
  private touch(record: NodeRecord, touched: Holds): void {
    const revision = ++this.changes;
    const { facts, view, sum } = record;
    if (view === null || facts === null) return;
    const beside = this.bystanders.on(facts.name);
    record.view = viewAfter(view, { sum, touched, revision, facts, beside });
    this.rows.put(record.view);
  }
}

/** What pods hold of these devices is worked out of what the node says of them now. */
function reweigh({ facts, held, sum }: NodeRecord, resized: ReadonlySet<string>): void {
  for (const id of resized)
    for (const [uid, before] of held) {
      if (!before.holds.has(id)) continue;
      const after = { holding: before.holding, holds: weigh(before.holding, facts) };
      held.set(uid, after);
      sum.replace(before, after);
    }
}

const weigh = (holding: Holding, facts: NodeFacts | null): Holds =>
  holdsOfHolding(holding, (id) => facts?.devices.find((device) => device.id === id));
