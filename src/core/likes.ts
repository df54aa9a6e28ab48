// SPDX-License-Identifier: Apache-2.0
// How much a pod's policy likes each node with the pod on it, remembered on the board.
import { boardOf, type Column } from './board.js';
import type { NodeView } from './node.js';
import { canPlace } from './place.js';
import type { PreparedPod } from './prepared.js';
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
    this.column = boardOf(snapshot).column(pod.key);
    this.column.pod = pod;
    this.work = (node) => likeOf(pod, node);
  }

  /** More is better; UNFIT where it cannot hold the pod. */
  of(node: NodeView): number {
    return this.column.of(node, this.work);
  }
}
