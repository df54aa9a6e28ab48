// SPDX-License-Identifier: Apache-2.0
// Works columns out before anybody asks: between two questions a few nodes change, and a new look of packing changes all.
//
//   a pod is bound, a node changes ─▶ step: the number of its state (see alike), then its row in each column of a kind
//                                     of pod that has come again
//   packing has looked             ─▶ under: these columns by the new look, which answers when they are done
//
// It decides nothing: a row is what whoever asks would have worked out, and is held to the node's revision all the same.
import { type Board, boardOf, Column } from './board.js';
import { likeOf } from './likes.js';
import type { NodeView } from './node.js';
import type { Packing } from './packing/packing.js';
import { preparePod } from './prepared.js';
import type { Snapshot } from './snapshot.js';

/** While columns are worked out nodes change; each round has fewer of these than the one before it. */
const ROUNDS = 5;

export class Foresight {
  readonly #snapshot: Snapshot;
  #work: Iterator<unknown> | null = null;

  /** One that lives: `under` and `step` read it as it is then. */
  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  /** Works out so many rows at most. True: there is more to do. */
  step(rows: number): boolean {
    const work = (this.#work ??= this.#refresh(boardOf(this.#snapshot).usual()));
    for (let done = 0; done < rows; done++) {
      if (work.next().done !== true) continue;
      this.#work = null;
      return false;
    }
    return true;
  }

  /** The columns that follow from what packing knows, as they will be; yields after each row, in place at the end. */
  *under(packing: Packing): Generator<undefined, void> {
    const board = boardOf(this.#snapshot);
    const columns = board.usual().flatMap((column) => columnUnder(packing, column));
    for (let round = 0; round < ROUNDS; round++) yield* this.#refresh(columns);
    board.renew(columns);
  }

  *#refresh(columns: readonly Column[]): Generator<undefined, void> {
    yield* this.#number(boardOf(this.#snapshot));
    const { revision } = this.#snapshot;
    const changed = new Map<number, readonly NodeView[]>();
    for (const column of columns) {
      const since = column.trueAt;
      if (since === revision) continue;
      const nodes = changed.get(since) ?? this.#changedSince(since);
      changed.set(since, nodes);
      yield* this.#fill(column, nodes);
      column.trueAt = revision;
    }
  }

  /** Also for kinds of pods that were never asked for. */
  *#number(board: Board): Generator<undefined, void> {
    board.turn();
    const { revision } = this.#snapshot;
    if (board.numberedAt === revision) return;
    for (const { name } of this.#changedSince(board.numberedAt)) {
      const node = this.#snapshot.node(name);
      if (node === undefined) continue;
      board.stateOf(node, true);
      yield;
    }
    board.numberedAt = revision;
  }

  *#fill(column: Column, nodes: readonly NodeView[]): Generator<undefined, void> {
    for (const { name } of nodes) {
      const node = this.#snapshot.node(name);
      const { pod } = column;
      if (node === undefined || pod === null) continue;
      column.of(node, (view) => likeOf(pod, view));
      yield;
    }
  }

  #changedSince(since: number): readonly NodeView[] {
    return [...this.#snapshot.allNodes()].filter(({ revision }) => revision > since);
  }
}

function columnUnder(packing: Packing, { pod, asked }: Column): readonly Column[] {
  if (pod === null || pod.learned === null) return [];
  const column = new Column();
  column.pod = preparePod(pod.request, { ...pod.rules, packing });
  column.asked = asked;
  return [column];
}
