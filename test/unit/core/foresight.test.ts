// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boardOf, Column } from '../../../src/core/board.js';
import { Foresight } from '../../../src/core/foresight.js';
import { Ledger } from '../../../src/core/ledger.js';
import { likeOf, Likes } from '../../../src/core/likes.js';
import { askedOf } from '../../../src/core/packing/asked.js';
import { LivePacking } from '../../../src/core/packing/live.js';
import { type PlacingRules, nodePolicy } from '../../../src/core/policies.js';
import { type PreparedPod, preparePod } from '../../../src/core/prepared.js';
import type { PodRequest } from '../../../src/core/request.js';
import { aPlacement, aRequest, aSighting, aWish, someFacts, WHOLE } from '../../builders/core.js';

const NODES = ['a', 'b', 'c'];
const half = aRequest(aWish({ memory: { kind: 'share', permille: 500 }, cores: 500 }));
const whole = aRequest(WHOLE);

function cluster() {
  const ledger = new Ledger();
  for (const name of NODES) ledger.setNode(someFacts({ name, cpuMilli: 64_000 }));
  const foresight = new Foresight(ledger);
  const packing = new LivePacking(
    () => ledger.allNodes(),
    (next) => foresight.under(next),
  );
  const rules: PlacingRules = {
    packing,
    nodePolicy: nodePolicy('fragmentation'),
    devicePolicy: ['fragmentation'],
  };
  return { ledger, foresight, packing, rules };
}

type Cluster = ReturnType<typeof cluster>;

function ask({ ledger, rules }: Cluster, request: PodRequest, times = 1): void {
  for (let at = 0; at < times; at++) {
    const likes = new Likes(preparePod(request, rules), ledger);
    for (const node of ledger.allNodes()) likes.at(node.ordinal);
  }
}

function hold({ ledger }: Cluster, uid: string, [node, gib]: readonly [string, number]): void {
  const placement = aPlacement({ main: [['GPU-0', gib * 1024]] });
  ledger.confirm(aSighting({ uid, node, claim: { kind: 'placed', placement } }));
}

/** Nodes whose answer nobody has worked out yet. */
function unknown({ ledger, rules }: Cluster, request: PodRequest): readonly string[] {
  const missing: string[] = [];
  const column = boardOf(ledger).column(preparePod(request, rules).key);
  for (const node of ledger.allNodes()) column.of(node, () => missing.push(node.name));
  return missing;
}

describe('what will be asked again', () => {
  it('is known before it is asked, of a kind of pod that has come again and of no other', () => {
    const there = cluster();
    ask(there, half, 4);
    ask(there, whole, 2);
    hold(there, 'u', ['b', 10]);
    while (there.foresight.step(1));
    expect(unknown(there, half)).toEqual([]);
    expect(unknown(there, whole)).toEqual(['b']);
  });

  it('is worked out so many rows at a time, and when all is known there is nothing to do', () => {
    const there = cluster();
    ask(there, half, 4);
    // The nodes' states first, then the column.
    expect([3, 2, 2].map((rows) => there.foresight.step(rows))).toEqual([true, true, false]);
    expect(there.foresight.step(1)).toBe(false);
    hold(there, 'u', ['b', 10]);
    expect([1, 1, 1].map((rows) => there.foresight.step(rows))).toEqual([true, true, false]);
  });

  it('is known by the new look when that takes over, also of nodes that changed meanwhile', () => {
    const there = cluster();
    const { packing } = there;
    ask(there, half, 4);
    packing.begin([half, whole].map((pod) => askedOf(pod, 4000)));
    for (let at = 0; packing.step(1); at++) if (at === 8) hold(there, 'u', ['a', 10]);
    expect(packing.version).toBe(1);
    expect(unknown(there, half)).toEqual([]);
  });

  it('stays in no column of a look that is over', () => {
    const there = cluster();
    ask(there, half, 4);
    const before = preparePod(half, there.rules).key;
    const old = boardOf(there.ledger).column(before);
    there.packing.begin([askedOf(half, 4000)]);
    while (there.packing.step(1));
    expect(boardOf(there.ledger).column(before)).not.toBe(old);
  });
});

interface Event {
  readonly kind: string;
  readonly pod: number;
  readonly node: string;
  readonly steps: number;
}

const event: fc.Arbitrary<Event> = fc.record({
  kind: fc.constantFrom('hold', 'hold', 'release', 'remove', 'tell', 'ask', 'arrive', 'step', 'step'),
  pod: fc.nat(5),
  node: fc.constantFrom(...NODES),
  steps: fc.nat(12),
});

function happen(there: Cluster, { kind, pod, node, steps }: Event): void {
  const { ledger, packing, foresight } = there;
  const request = pod % 2 === 0 ? half : whole;
  if (kind === 'hold') hold(there, `u${pod}`, [node, 4 * pod]);
  if (kind === 'release') ledger.release(`u${pod}`);
  if (kind === 'remove') ledger.removeNode(node);
  if (kind === 'tell') ledger.setNode(someFacts({ name: node, cpuMilli: 32_000 }));
  if (kind === 'ask') ask(there, request, 4);
  if (kind === 'arrive') packing.arrive(askedOf(request, 4000 + pod));
  if (kind !== 'step') return;
  packing.step(steps);
  foresight.step(steps);
}

/** What is liked now, and what it is when nothing is remembered. */
const compare = (ledger: Ledger, pod: PreparedPod): void => {
  const likes = new Likes(pod, ledger);
  for (const node of ledger.allNodes())
    expect(likes.at(node.ordinal)).toBe(new Column().of(node, () => likeOf(pod, node)));
};

it('is what would be worked out now, whatever happened', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const there = cluster();
      there.packing.begin([askedOf(half, 4000)]);
      for (const each of events) {
        happen(there, each);
        for (const request of [half, whole]) compare(there.ledger, preparePod(request, there.rules));
      }
    }),
    { numRuns: 200 },
  );
});
