// SPDX-License-Identifier: Apache-2.0
// How much a pod's policy likes each node with the pod on it, remembered on the board.
import { type Board, boardOf, type Column } from './board.js';
import type { NodeView } from './node.js';
import { canPlace } from './place.js';
import { namesIds, type PreparedPod } from './prepared.js';
import { newAsker, Remembered } from './remembered.js';
import { likeNode } from './score.js';
import type { Snapshot } from './snapshot.js';

/** Of a node that cannot hold the pod. */
export const UNFIT = Number.NEGATIVE_INFINITY;

/** Worked out, not remembered. */
export const likeOf = (pod: PreparedPod, node: NodeView): number =>
  canPlace(pod, node) ? likeNode(pod, node) : UNFIT;

export class Likes {
  private readonly column: Column;
  private readonly work: (node: NodeView) => number;

  constructor(pod: PreparedPod, snapshot: Snapshot) {
    const board = boardOf(snapshot);
    board.turn();
    this.column = board.column(pod.key);
    this.column.pod = pod;
    this.work = namesIds(pod.request) ? (node) => likeOf(pod, node) : sharedBy(pod, board);
  }

  /** Whether the node is liked better than this; UNFIT is liked no better than anything. */
  isAbove(node: NodeView, floor: Float64Array): boolean {
    return this.column.isAbove(node, floor, this.work);
  }

  /** More is better; UNFIT where it cannot hold the pod. */
  of(node: NodeView): number {
    return this.column.of(node, this.work);
  }
}

const likes = new Remembered(UNFIT);

/** likeOf, worked out once of all nodes in one state. */
function sharedBy(pod: PreparedPod, board: Board): (node: NodeView) => number {
  const asker = newAsker();
  const isByCpu = pod.learned !== null;
  return (node) => {
    const state = board.stateOf(node, isByCpu);
    if (likes.isKnown(asker, state)) return likes.get(asker, state);
    return likes.keep(asker, state, board.isRefused(node, pod) ? UNFIT : likeOf(pod, node));
  };
}
