// SPDX-License-Identifier: Apache-2.0
// The shared reason is the one that place, the table and the cure give of that very node.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { curableOn } from '../../../src/core/cure.js';
import { Ledger } from '../../../src/core/ledger.js';
import { place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { type PreparedPod, preparePod } from '../../../src/core/prepared.js';
import { Reasons } from '../../../src/core/reasons.js';
import { textOf } from '../../../src/core/refusals.js';
import { ANY_DEVICE, type MemoryWish } from '../../../src/core/request.js';
import type { NodeView } from '../../../src/core/node.js';
import {
  aContainer,
  aDevice,
  aPlacement,
  aRequest,
  aSighting,
  aWish,
  someFacts,
  WHOLE,
} from '../../builders/core.js';

const device = fc.record({
  memory: fc.constantFrom(16_000, 40_960),
  isHealthy: fc.constantFrom(true, true, true, false),
  model: fc.constantFrom('A100', 'T4'),
  splits: fc.constantFrom(1, 2, 4),
});
const slice = fc.record({
  memory: fc.constantFrom(1000, 12_000, 15_000, 30_000),
  cores: fc.constantFrom(0, 300, 800),
});
const node = fc.record({
  devices: fc.array(device, { maxLength: 4 }),
  held: fc.array(slice, { maxLength: 6 }),
  cordoned: fc.constantFrom<'all' | ReadonlySet<string>>(new Set(), new Set(['GPU-0']), 'all'),
  slotCount: fc.constantFrom(0, 4, 12, 12, 12),
  claim: fc.constantFrom('placed', 'placed', 'placed', 'placed', 'unreadable'),
});

type Filled = typeof node extends fc.Arbitrary<infer T> ? T : never;

/** Each slice is a pod, on the devices in turn. */
function fill(ledger: Ledger, name: string, { devices, held, claim, ...rest }: Filled): void {
  const all = devices.map((named, index) => aDevice({ id: `GPU-${index}`, index, ...named }));
  ledger.setNode(someFacts({ name, devices: all, ...rest }));
  for (const [at, { memory, cores }] of held.entries()) {
    const placement = aPlacement({ main: [[`GPU-${at % Math.max(1, devices.length)}`, memory, cores]] });
    const isReadable = claim === 'placed' || at > 0;
    ledger.confirm(
      aSighting({
        uid: `${name}-${at}`,
        node: name,
        claim: isReadable ? { kind: 'placed', placement } : { kind: 'unreadable', detail: '' },
      }),
    );
  }
}

const memory: fc.Arbitrary<number | MemoryWish> = fc.oneof(
  fc.constantFrom(2000, 14_000, 25_000, 45_000),
  fc.constantFrom(300, 900).map((permille): MemoryWish => ({ kind: 'share', permille })),
);
const wish = fc.oneof(
  fc.record({ memory, cores: fc.constantFrom(0, 500), count: fc.integer({ min: 1, max: 3 }) }).map(aWish),
  fc.constant(WHOLE),
);
const request = fc
  .record({
    rows: fc.array(fc.tuple(fc.constantFrom('init', 'sidecar', 'app'), wish), { minLength: 1, maxLength: 3 }),
    choice: fc.constantFrom(
      ANY_DEVICE,
      ANY_DEVICE,
      { ...ANY_DEVICE, allowModels: ['a100'] },
      { ...ANY_DEVICE, allowIds: ['GPU-1'] },
    ),
  })
  .map(({ rows, choice }) => {
    const all = rows.map(([kind, asked], at) => aContainer(`c${at}`, kind as 'app', asked));
    const inits = all.filter(({ kind }) => kind !== 'app');
    return aRequest([...inits, ...all.filter(({ kind }) => kind === 'app')], { choice });
  });

function inFull(pod: PreparedPod, view: NodeView) {
  const answer = place(pod.request, view, pod.rules);
  if (answer.ok) return null;
  const { kind } = answer.error;
  return { kind, text: textOf(answer.error), curable: curableOn(answer.error, pod, view) };
}

it('is for each of many nodes the reason in full', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(node, { minLength: 2, maxLength: 6 }), request, (nodes, asked) => {
      const ledger = new Ledger();
      for (const [at, each] of nodes.entries()) fill(ledger, `n${at}`, each);
      const pod = preparePod(asked, DEFAULT_RULES);
      const reasons = new Reasons(pod, ledger);
      for (const view of ledger.allNodes()) {
        const want = inFull(pod, view);
        if (want === null) continue;
        seen.add(`${want.kind} ${want.curable}`);
        expect(reasons.at(view.ordinal)).toEqual(want);
      }
    }),
    { numRuns: 2000 },
  );
  expect(seen.size).toBeGreaterThan(7);
});

it('is one object for nodes that refuse alike', () => {
  const ledger = new Ledger();
  for (const name of ['a', 'b']) ledger.setNode(someFacts({ name }));
  const pod = preparePod(aRequest(aWish({ memory: 50_000 })), DEFAULT_RULES);
  const reasons = new Reasons(pod, ledger);
  expect(reasons.at(ledger.rows.ordinal('a'))).toBe(reasons.at(ledger.rows.ordinal('b')));
  expect(reasons.at(ledger.rows.ordinal('c')).kind).toBe('UnknownNode');
});
