// SPDX-License-Identifier: Apache-2.0
// How much a pod's policy likes each node with the pod on it, remembered on the board.
import { type Board, boardOf, type Column } from './board.js';
import type { NodeView } from './node.js';
import { canPlace } from './place.js';
import { namesIds, type PreparedPod } from './prepared.js';
import { newAsker, Remembered } from './remembered.js';
import { likeNode } from './score.js';
import type { Rows } from './rows.js';
import type { Snapshot } from './snapshot.js';

/** Of a node that cannot hold the pod. */
export const UNFIT = Number.NEGATIVE_INFINITY;

/** Worked out, not remembered. */
export const likeOf = (pod: PreparedPod, node: NodeView): number =>
  canPlace(pod, node) ? likeNode(pod, node) : UNFIT;

export class Likes {
  private readonly board: Board;
  private readonly column: Column;
  private readonly rows: Rows;
  /** Who asks, where nodes in one state are liked alike; null: ids of devices tell them apart. */
  private readonly asker: number | null;
  private readonly isByCpu: boolean;

  constructor(
    private readonly pod: PreparedPod,
    snapshot: Snapshot,
  ) {
    this.board = boardOf(snapshot);
    this.rows = snapshot.rows;
    this.board.turn();
    this.column = this.board.column(pod.key);
    this.column.pod = pod;
    this.asker = namesIds(pod.request) ? null : newAsker();
    this.isByCpu = pod.learned !== null;
  }

  /** Whether the node of this ordinal is liked better than this; UNFIT is liked no better than anything. */
  isAbove(ordinal: number, floor: Float64Array): boolean {
    this.learn(ordinal);
    return this.column.isAbove(ordinal, floor);
  }

  /** More is better; UNFIT where it cannot hold the pod. */
  at(ordinal: number): number {
    this.learn(ordinal);
    return this.column.at(ordinal);
  }

  private learn(ordinal: number): void {
    const revision = this.rows.revision(ordinal);
    if (this.column.isTrue(ordinal, revision)) return;
    const { asker } = this;
    const like = asker === null ? likeOf(this.pod, this.rows.node(ordinal)) : this.shared(ordinal, asker);
    this.column.learn(ordinal, revision, like);
  }

  /** likeOf, worked out once of all nodes in one state. */
  private shared(ordinal: number, asker: number): number {
    const state = this.board.stateAt(this.rows, ordinal, this.isByCpu);
    if (likes.isKnown(asker, state)) return likes.get(asker, state);
    const isRefused = this.board.isRefused(ordinal, this.pod);
    return likes.keep(asker, state, isRefused ? UNFIT : likeOf(this.pod, this.rows.node(ordinal)));
  }
}

const likes = new Remembered(UNFIT);
