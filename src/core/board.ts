// SPDX-License-Identifier: Apache-2.0
// What was answered about nodes, kept as columns of numbers: one column per question, one row per node.
//
//             node 0   node 1   node 2 …          A row is true as long as its node is: a node that changes gets a
//  question a   0.31     −∞      0.28              new revision, and its row is worked out anew when next asked for.
//  question b    ·      0.50      ·
//
// Between two questions of a kind a few nodes change of thousands, and only these are looked at.
import { epoch, nodeState, nodeStateWithCpu, turnEpoch } from './alike.js';
import { Field } from './field.js';
import type { NodeView } from './node.js';
import type { PreparedPod } from './prepared.js';
import type { Rows } from './rows.js';
import type { Snapshot } from './snapshot.js';

/** Kinds of pods that come again and again: openb has 90 shapes. 128 columns of 5 000 nodes are 10 MB. */
export const MOST_COLUMNS = 128;
const FIRST_ROWS = 64;
/** Filter asks, and prioritize: a third question is another pod of the kind. */
const ASKED_AGAIN = 3;

export class Column {
  /** The last who asked; null where nobody said. */
  pod: PreparedPod | null = null;
  /** How often it was asked for. */
  asked = 0;
  /** Revision of the snapshot as of which every node's row was worked out ahead (see foresight); −1: never. */
  trueAt = -1;
  /** Of the view a row's number was worked out of; −1: never. */
  private revisions: Float64Array;
  private numbers: Float64Array;

  /** In the place of one that nobody asks for any more: its arrays are used again. */
  constructor(rows = FIRST_ROWS, before?: Column) {
    this.revisions = before?.revisions.fill(-1) ?? new Float64Array(rows).fill(-1);
    this.numbers = before?.numbers ?? new Float64Array(rows);
    // Who still has it in hand, to work it out ahead, writes into arrays of its own.
    before?.empty();
  }

  get rows(): number {
    return this.numbers.length;
  }

  /** What stands for this node, or what `answer` says of it now. */
  of(node: NodeView, answer: (node: NodeView) => number): number {
    const { ordinal, revision } = node;
    if (!this.isTrue(ordinal, revision)) this.learn(ordinal, revision, answer(node));
    return this.at(ordinal);
  }

  isTrue(ordinal: number, revision: number): boolean {
    return this.revisions[ordinal] === revision;
  }

  at(ordinal: number): number {
    return this.numbers[ordinal] as number;
  }

  /** Whether the row's number is above this one: no number leaves, for one that does is an object to V8. */
  isAbove(ordinal: number, floor: Float64Array): boolean {
    return (this.numbers[ordinal] as number) > (floor[0] as number);
  }

  learn(ordinal: number, revision: number, number: number): void {
    if (ordinal >= this.revisions.length) this.grow(ordinal + 1);
    this.revisions[ordinal] = revision;
    this.numbers[ordinal] = number;
  }

  private empty(): void {
    this.revisions = new Float64Array(0);
    this.numbers = new Float64Array(0);
  }

  private grow(least: number): void {
    const rows = Math.max(least, 2 * this.revisions.length);
    const [revisions, numbers] = [this.revisions, this.numbers];
    this.revisions = new Float64Array(rows).fill(-1);
    this.revisions.set(revisions);
    this.numbers = new Float64Array(rows);
    this.numbers.set(numbers);
  }
}

export class Board {
  /** In order of use: the one not asked for longest comes first. */
  private readonly columns = new Map<string, Column>();
  private epoch = epoch();
  /** Numbers of nodes' states, without and with their CPU. */
  private plain = new Column();
  private withCpu = new Column();
  private readonly field = new Field();
  private readonly plainOf = (node: NodeView): number => {
    this.field.put(node);
    return nodeState(node);
  };
  private readonly withCpuOf = (node: NodeView): number => nodeStateWithCpu(node, this.plainState(node));

  /** Numbers of nodes' states stay until it is called again. */
  turn(): void {
    turnEpoch();
    if (this.epoch === epoch()) return;
    this.epoch = epoch();
    this.plain = new Column(this.plain.rows);
    this.withCpu = new Column(this.withCpu.rows);
  }

  /** Revision of the snapshot as of which every node's state has its number (see foresight); −1: never. */
  get numberedAt(): number {
    return this.plain.trueAt;
  }

  set numberedAt(revision: number) {
    this.plain.trueAt = revision;
  }

  /** Nodes of one number give the same answers (see alike); CPU matters to some questions only. */
  stateOf(node: NodeView, isByCpu: boolean): number {
    return isByCpu ? this.withCpu.of(node, this.withCpuOf) : this.plainState(node);
  }

  /** The same, without a look at a node whose number is known. */
  stateAt(rows: Rows, ordinal: number, isByCpu: boolean): number {
    const column = isByCpu ? this.withCpu : this.plain;
    if (column.isTrue(ordinal, rows.revision(ordinal))) return column.at(ordinal);
    return this.stateOf(rows.node(ordinal), isByCpu);
  }

  /** Of a node whose state was just asked for. True: canPlace says no; false: perhaps not. */
  isRefused(ordinal: number, pod: PreparedPod): boolean {
    return this.field.isRefused(ordinal, pod);
  }

  private plainState(node: NodeView): number {
    return this.plain.of(node, this.plainOf);
  }

  /** Of all that matters to the answer besides the node. */
  column(question: string): Column {
    const column = this.columns.get(question) ?? new Column(this.plain.rows, this.leastAsked());
    this.put(question, column);
    column.asked++;
    return column;
  }

  /** Of kinds of pods that have come again; the one asked for last comes first. */
  usual(): readonly Column[] {
    return [...this.columns.values()]
      .filter(({ pod, asked }) => pod !== null && asked >= ASKED_AGAIN)
      .reverse();
  }

  /** In place of those that follow from what packing knew before. The first is taken as asked for last. */
  renew(columns: readonly Column[]): void {
    for (const [question, { pod }] of this.columns)
      if (pod?.learned !== null && pod?.learned !== undefined) this.columns.delete(question);
    for (const column of [...columns].reverse()) if (column.pod !== null) this.put(column.pod.key, column);
  }

  private put(question: string, column: Column): void {
    this.columns.delete(question);
    this.leastAsked();
    this.columns.set(question, column);
  }

  /** Where there are as many as there may be: takes the one away that was not asked for longest. */
  private leastAsked(): Column | undefined {
    if (this.columns.size < MOST_COLUMNS) return undefined;
    const [oldest] = this.columns;
    if (oldest !== undefined) this.columns.delete(oldest[0]);
    return oldest?.[1];
  }
}

/** Ordinals and revisions mean something within one snapshot only. */
const boards = new WeakMap<Snapshot, Board>();

export function boardOf(snapshot: Snapshot): Board {
  const known = boards.get(snapshot);
  if (known !== undefined) return known;
  const board = new Board();
  boards.set(snapshot, board);
  return board;
}
