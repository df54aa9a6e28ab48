// SPDX-License-Identifier: Apache-2.0
// A snapshot's nodes as rows of numbers: a question about thousands of nodes reads names and numbers that stand side by
// side, and looks at a node itself only where no column knows its state (see board).
//
//   name ─▶ ordinal ─▶ revision │ the node
import type { NodeView } from './node.js';

/** The ordinal of a name that nobody knows. */
export const NOWHERE = -1;
const FIRST_ROWS = 64;

export class Rows {
  private readonly ordinals = new Map<string, number>();
  private revisions = new Float64Array(FIRST_ROWS);
  private readonly nodes: (NodeView | null)[] = [];

  put(node: NodeView): void {
    const { name, ordinal, revision } = node;
    if (ordinal >= this.revisions.length) this.grow(ordinal + 1);
    if (this.ordinals.get(name) !== ordinal) this.ordinals.set(name, ordinal);
    this.revisions[ordinal] = revision;
    this.nodes[ordinal] = node;
  }

  drop({ name, ordinal }: NodeView): void {
    this.ordinals.delete(name);
    this.nodes[ordinal] = null;
  }

  /** NOWHERE where there is no such node. */
  ordinal(name: string): number {
    return this.ordinals.get(name) ?? NOWHERE;
  }

  /** Of a node that is there. */
  revision(ordinal: number): number {
    return this.revisions[ordinal] as number;
  }

  /** Of a node that is there. */
  node(ordinal: number): NodeView {
    return this.nodes[ordinal] as NodeView;
  }

  private grow(least: number): void {
    const before = this.revisions;
    this.revisions = new Float64Array(Math.max(least, 2 * before.length));
    this.revisions.set(before);
  }
}

export function rowsOf(nodes: Iterable<NodeView>): Rows {
  const rows = new Rows();
  for (const node of nodes) rows.put(node);
  return rows;
}
