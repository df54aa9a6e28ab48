// SPDX-License-Identifier: Apache-2.0
import type { NodeView } from './node.js';
import { type Rows, rowsOf } from './rows.js';

/**
 * Nodes as of a revision. The ledger itself is one: its views are immutable, so whoever reads without waiting
 * in between sees one moment. `freeze` makes one that lasts.
 */
export interface Snapshot {
  readonly revision: number;
  node(name: string): NodeView | undefined;
  allNodes(): Iterable<NodeView>;
  /** The same nodes by their ordinals. */
  readonly rows: Rows;
}

export function freeze(live: Snapshot): Snapshot {
  const views = new Map<string, NodeView>();
  for (const view of live.allNodes()) views.set(view.name, view);
  return {
    revision: live.revision,
    node: (name) => views.get(name),
    allNodes: () => views.values(),
    rows: rowsOf(views.values()),
  };
}
