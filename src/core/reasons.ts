// SPDX-License-Identifier: Apache-2.0
// Why thousands of nodes cannot hold a pod: nodes that refuse on equal grounds read alike and are cured alike, so
// each reason is worked out in full once (core/place, core/refusals, core/cure) and shared by all of them.
import { type Board, boardOf } from './board.js';
import { curableOn } from './cure.js';
import { Grounds } from './grounds.js';
import type { NodeView } from './node.js';
import { placeOn } from './place.js';
import { namesIds, type PreparedPod } from './prepared.js';
import type { Curable, NodeRefusal } from './refusal.js';
import { curableOf, textOf } from './refusals.js';
import { NOWHERE, type Rows } from './rows.js';
import type { Snapshot } from './snapshot.js';

/** A refusal without its devices. */
export interface Reason {
  readonly kind: NodeRefusal['kind'];
  /** One short sentence without a full stop. */
  readonly text: string;
  readonly curable: Curable;
}

export const reasonOf = (refusal: NodeRefusal): Reason => ({
  kind: refusal.kind,
  text: textOf(refusal),
  curable: curableOf(refusal),
});

const UNKNOWN = reasonOf({ kind: 'UnknownNode' });

export class Reasons {
  private readonly grounds: Grounds;
  /** By the kind of node where that matters to the cure, then by grounds. */
  private readonly known = new Map<string, Map<string, Reason>>();

  /** By the number of the node's state. */
  private readonly ofState: (Reason | undefined)[] = [];
  private readonly board: Board;
  private readonly rows: Rows;
  private readonly namesIds: boolean;

  constructor(
    private readonly pod: PreparedPod,
    snapshot: Snapshot,
  ) {
    this.grounds = new Grounds(pod);
    this.board = boardOf(snapshot);
    this.rows = snapshot.rows;
    this.board.turn();
    this.namesIds = namesIds(pod.request);
  }

  /** Of the node of this ordinal, which canPlace has refused; NOWHERE: one nobody has told us of. */
  at(ordinal: number): Reason {
    if (ordinal === NOWHERE) return UNKNOWN;
    const { rows } = this;
    if (this.namesIds) return this.byGrounds(rows.node(ordinal));
    const state = this.board.stateAt(rows, ordinal, this.pod.learned !== null);
    return (this.ofState[state] ??= this.byGrounds(rows.node(ordinal)));
  }

  private byGrounds(node: NodeView): Reason {
    this.grounds.lookAt(node);
    const { text, scope } = this.grounds;
    let ofScope = this.known.get(scope);
    if (ofScope === undefined) {
      ofScope = new Map();
      this.known.set(scope, ofScope);
    }
    const known = ofScope.get(text) ?? this.workOut(node);
    ofScope.set(text, known);
    return known;
  }

  private workOut(node: NodeView): Reason {
    const { pod } = this;
    const answer = placeOn(pod, node);
    if (answer.ok) throw new Error(`bug: node ${node.name} was refused and yet takes the pod`);
    return { ...reasonOf(answer.error), curable: curableOn(answer.error, pod, node) };
  }
}
