// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Board, boardOf, MOST_COLUMNS } from '../../../src/core/board.js';
import { Ledger } from '../../../src/core/ledger.js';
import { Likes, UNFIT } from '../../../src/core/likes.js';
import type { NodeView } from '../../../src/core/node.js';
import { canPlace } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import { likeNode } from '../../../src/core/score.js';
import { aNode, aPlacement, aRequest, aSighting, aWish, someFacts } from '../../builders/core.js';

const nodeAt = (ordinal: number, revision = 1): NodeView => ({ ...aNode(), ordinal, revision });

describe('a column', () => {
  it('asks of a node once, and again when the node has changed', () => {
    const asked: number[] = [];
    const answer = ({ ordinal, revision }: NodeView): number => asked.push(10 * ordinal + revision);
    const column = new Board().column('q');
    for (const node of [nodeAt(0), nodeAt(3), nodeAt(0), nodeAt(0, 2), nodeAt(3)]) column.of(node, answer);
    expect(asked).toEqual([1, 31, 2]);
  });

  it('grows with the ordinals, and keeps what it knows', () => {
    const column = new Board().column('q');
    expect(column.of(nodeAt(5), () => 0.5)).toBe(0.5);
    expect(column.of(nodeAt(5000), () => 0.7)).toBe(0.7);
    expect([5, 5000].map((at) => column.of(nodeAt(at), () => NaN))).toEqual([0.5, 0.7]);
  });
});

describe('a board', () => {
  it('forgets the column that was not asked for longest', () => {
    const board = new Board();
    const [first, second] = [board.column('0'), board.column('1')];
    for (let at = 2; at < MOST_COLUMNS; at++) board.column(`${at}`);
    board.column('0');
    board.column('one more');
    expect(board.column('0')).toBe(first);
    expect(board.column('1')).not.toBe(second);
  });

  it('gives nobody the numbers of a column that gave way, who has it in hand neither', () => {
    const board = new Board();
    const old = board.column('0');
    old.of(nodeAt(1), () => 0.5);
    for (let at = 1; at < MOST_COLUMNS; at++) board.column(`${at}`);
    const young = board.column('one more');
    expect(young.of(nodeAt(1), () => 0.1)).toBe(0.1);
    expect(old.of(nodeAt(1), () => 0.9)).toBe(0.9);
    expect(young.of(nodeAt(1), () => NaN)).toBe(0.1);
  });

  it('is one a snapshot', () => {
    const ledger = new Ledger();
    expect(boardOf(ledger)).toBe(boardOf(ledger));
    expect(boardOf(ledger)).not.toBe(boardOf(new Ledger()));
  });
});

const step = fc.record({
  kind: fc.constantFrom('confirm', 'confirm', 'release', 'node', 'remove', 'ask'),
  pod: fc.nat(6),
  node: fc.constantFrom('a', 'b', 'c'),
  gib: fc.constantFrom(4, 16, 30),
  shape: fc.nat(2),
});

/** Of every node, for a pod of one of three shapes: what the board says and what is. */
function compare(ledger: Ledger, shape: number): void {
  const pod = preparePod(aRequest(aWish({ memory: [1000, 20_000, 39_000][shape] ?? 0 })), DEFAULT_RULES);
  const likes = new Likes(pod, ledger);
  for (const view of ledger.allNodes())
    expect(likes.at(view.ordinal)).toBe(canPlace(pod, view) ? likeNode(pod, view) : UNFIT);
}

it('likes what the policy likes now, whatever came and went between the questions', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const ledger = new Ledger();
      for (const { kind, pod, node, gib, shape } of steps) {
        const placement = aPlacement({ main: [[`GPU-${pod % 2}`, gib * 1024]] });
        if (kind === 'confirm')
          ledger.confirm(aSighting({ uid: `u${pod}`, node, claim: { kind: 'placed', placement } }));
        if (kind === 'release') ledger.release(`u${pod}`);
        if (kind === 'node') ledger.setNode(someFacts({ name: node, slotCount: 2 + (pod % 3) }));
        if (kind === 'remove') ledger.removeNode(node);
        if (kind === 'ask') compare(ledger, shape);
      }
    }),
    { numRuns: 300 },
  );
});
