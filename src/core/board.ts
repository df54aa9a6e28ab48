// SPDX-License-Identifier: Apache-2.0
// What was answered about nodes, kept as columns of numbers: one column per question, one row per node.
//
//             node 0   node 1   node 2 …          A row is true as long as its node is: a node that changes gets a
//  question a   0.31     −∞      0.28              new revision, and its row is worked out anew when next asked for.
//  question b    ·      0.50      ·
//
// Between two questions of a kind a few nodes change of thousands, and only these are looked at.
import type { NodeView } from './node.js';
import type { Snapshot } from './snapshot.js';

/** Kinds of pods that come again and again: openb has 90 shapes. 128 columns of 5 000 nodes are 10 MB. */
export const MOST_COLUMNS = 128;
const FIRST_ROWS = 64;

export class Column {
  /** Of the view a row's number was worked out of; −1: never. */
  private revisions = new Float64Array(FIRST_ROWS).fill(-1);
  private numbers = new Float64Array(FIRST_ROWS);

  /** What stands for this node, or what `answer` says of it now. */
  of(node: NodeView, answer: (node: NodeView) => number): number {
    const { ordinal, revision } = node;
    if (this.revisions[ordinal] === revision) return this.numbers[ordinal] as number;
    const number = answer(node);
    if (ordinal >= this.revisions.length) this.grow(ordinal + 1);
    this.revisions[ordinal] = revision;
    this.numbers[ordinal] = number;
    return number;
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

  /** Of all that matters to the answer besides the node. */
  column(question: string): Column {
    const column = this.columns.get(question) ?? this.newColumn();
    this.columns.delete(question);
    this.columns.set(question, column);
    return column;
  }

  private newColumn(): Column {
    const [oldest] = this.columns.keys();
    if (oldest !== undefined && this.columns.size >= MOST_COLUMNS) this.columns.delete(oldest);
    return new Column();
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
