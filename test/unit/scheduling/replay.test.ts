// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPolicyValue } from '../../../src/adapters/policy/read.js';
import { Ledger } from '../../../src/core/ledger.js';
import { place } from '../../../src/core/place.js';
import { DEFAULT_RULES as defaults } from '../../../src/core/policies.js';
import { filter } from '../../../src/scheduling/filter.js';
import { prioritize } from '../../../src/scheduling/prioritize.js';
import { replay } from '../../../src/scheduling/replay.js';
import { encodeSnapshot } from '../../../src/wire/snapshot.js';
import { decodeSnapshot } from '../../../src/wire/snapshot-read.js';
import {
  aDevice,
  anAssumption,
  aPlacement,
  aRequest,
  aSighting,
  aWish,
  someFacts,
} from '../../builders/core.js';
import { aPodView } from '../../builders/scheduling.js';

function recordedOf(snapshot: Ledger) {
  const letter = JSON.stringify(encodeSnapshot({ snapshot, defaults }, snapshot.allHoldings()));
  const read = decodeSnapshot(letter, readPolicyValue);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

const wish = fc.record({
  memory: fc.integer({ min: 1, max: 41_000 }),
  cores: fc.integer({ min: 0, max: 1000 }),
  count: fc.integer({ min: 1, max: 2 }),
});

describe('a replay', () => {
  it('goes by the rules that the letter carries', () => {
    const live = new Ledger();
    for (const name of ['n1', 'n2']) live.setNode(someFacts({ name }));
    live.confirm(aSighting({ uid: 'x' }));
    const rules = [{ match: { namespaces: ['default'], labels: { tier: 'web' } }, node: 'spread' as const }];
    const policy = { version: 1 as const, rules };
    const read = decodeSnapshot(
      JSON.stringify(encodeSnapshot({ snapshot: live, defaults, policy }, live.allHoldings())),
      readPolicyValue,
    );
    const best = (labels: readonly [string, string][]) =>
      read.ok && replay(aPodView(undefined, { labels: new Map(labels) }), read.value).offered[0]?.node;
    expect([best([]), best([['tier', 'web']])]).toEqual(['n1', 'n2']);
  });

  it('repeats filter, scores and placement of the live ledger', () => {
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 15 }), wish, (crowd, wanted) => {
        const live = new Ledger();
        for (const name of ['n1', 'n2', 'n3']) live.setNode(someFacts({ name }));
        for (const [index, one] of crowd.entries()) {
          const node = `n${1 + (index % 3)}`;
          const view = live.node(node);
          const placed = view === undefined ? null : place(aRequest(aWish(one)), view, defaults);
          if (placed?.ok === true)
            live.assume(
              anAssumption(aRequest(aWish(one)), placed.value, {
                uid: `x${index}`,
                pod: `a/x${index}`,
                node,
              }),
            );
        }
        const request = aRequest(aWish(wanted));
        const pod = aPodView(request);
        const scene = { snapshot: live, defaults };
        const again = replay(pod, recordedOf(live));
        const { answer } = filter(pod.request, ['n1', 'n2', 'n3'], scene);
        const { nodeNames, curable, incurable } = answer;
        expect(again).toMatchObject({ revision: live.revision, curable, incurable });
        const scores = again.offered.map(({ node, score }) => ({ node, score }));
        expect(scores).toEqual(prioritize(request, nodeNames, scene));
        for (const { node, placement } of again.offered) {
          const view = live.node(node);
          if (view !== undefined)
            expect(place(request, view, defaults)).toEqual({ ok: true, value: placement });
        }
      }),
      { numRuns: 100 },
    );
  });

  it('leaves out what the pod itself holds, so that a placed pod is decided once more', () => {
    const live = new Ledger();
    live.setNode(someFacts({ devices: [aDevice()] }));
    live.confirm(
      aSighting({ claim: { kind: 'placed', placement: aPlacement({ main: [['GPU-0', 30_000]] }) } }),
    );
    const pod = aPodView(aRequest(aWish({ memory: 30_000 })), { nodeName: 'n1' });
    expect(replay(pod, recordedOf(live)).offered.map(({ node }) => node)).toEqual(['n1']);
    const other = replay({ ...pod, uid: 'u9' }, recordedOf(live));
    expect(other.offered).toEqual([]);
    expect(other.explanation.changes?.map(({ text }) => text)).toEqual([
      'with memory ≤ 10960 MiB a device',
      'after default/p1 ends',
    ]);
  });
});
