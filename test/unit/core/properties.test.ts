// SPDX-License-Identifier: Apache-2.0
// What holds whatever happens. A device is never given out twice; a bind takes what filter offered.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import type { NodeFacts, NodeView } from '../../../src/core/node.js';
import { isInitOnly, slotsWanted } from '../../../src/core/phases.js';
import { canPlace, place } from '../../../src/core/place.js';
import type { Placement } from '../../../src/core/placement.js';
import { DEFAULT_RULES, NODE_POLICY_NAMES, nodePolicy } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import type { ContainerRequest, DevicePolicy, MemoryWish, PodRequest } from '../../../src/core/request.js';
import { likeNode } from '../../../src/core/score.js';
import { filter } from '../../../src/scheduling/filter.js';
import {
  aContainer,
  aDevice,
  anAssumption,
  aRequest,
  aSighting,
  aWish,
  someFacts,
} from '../../builders/core.js';

const memory: fc.Arbitrary<number | MemoryWish> = fc.oneof(
  fc.integer({ min: 1, max: 45_000 }),
  fc.constant<MemoryWish>({ kind: 'whole' }),
  fc.integer({ min: 1, max: 99 }).map((percent): MemoryWish => ({ kind: 'share', permille: percent * 10 })),
);
const wish = fc
  .record({ memory, count: fc.integer({ min: 1, max: 3 }), cores: fc.constantFrom(0, 100, 300, 500, 1000) })
  .map((named) =>
    aWish(
      named.memory instanceof Object && named.memory.kind === 'whole' ? { ...named, cores: 1000 } : named,
    ),
  );
const container = fc.record({ kind: fc.constantFrom('init', 'sidecar', 'app'), wish: fc.option(wish) });
const request: fc.Arbitrary<PodRequest> = fc
  .record({
    all: fc.array(container, { minLength: 1, maxLength: 4 }),
    nodePolicy: fc.constantFrom(nodePolicy('binpack'), nodePolicy('spread'), null),
    devicePolicy: fc.constantFrom<DevicePolicy | null>(['binpack'], ['spread'], null),
  })
  .map(({ all, ...policies }) => {
    const rows = all.map(
      ({ kind, wish: asked }, index): ContainerRequest =>
        aContainer(`c${index}`, kind as 'init', ...(asked === null ? [] : [asked])),
    );
    // The kubelet's order: init containers and sidecars first.
    const inits = rows.filter(({ kind }) => kind !== 'app');
    return aRequest([...inits, ...rows.filter(({ kind }) => kind === 'app')], policies);
  });
const facts: fc.Arbitrary<NodeFacts> = fc
  .record({
    memories: fc.array(fc.constantFrom(16_000, 40_960, 143_771), { maxLength: 4 }),
    splits: fc.integer({ min: 1, max: 4 }),
    slotCount: fc.integer({ min: 0, max: 16 }),
    sick: fc.nat(9),
  })
  .map(({ memories, splits, slotCount, sick }) =>
    someFacts({
      slotCount,
      devices: memories.map((size, index) =>
        aDevice({ id: `GPU-${index}`, index, memory: size, splits, isHealthy: index !== sick }),
      ),
    }),
  );

/** Nothing more is held of any device than there is of it, and slots fit. */
function expectNoOverfull(node: NodeView): void {
  for (const { devices, slots, slotsUsed } of node.vendors.values()) {
    expect(slotsUsed).toBeLessThanOrEqual(slots);
    for (const { device, hold } of devices) {
      expect(hold.memory).toBeLessThanOrEqual(device.memory);
      expect(hold.cores).toBeLessThanOrEqual(device.cores);
      expect(hold.slices).toBeLessThanOrEqual(device.splits);
    }
  }
}

type Step = {
  readonly kind: 'bind' | 'confirm' | 'forget' | 'release' | 'relist';
  readonly pod: number;
  readonly request: PodRequest;
};
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('bind', 'bind', 'bind', 'confirm', 'forget', 'release', 'relist'),
  pod: fc.nat(12),
  request,
});

/** As bind and follow do it. */
function apply(ledger: Ledger, { kind, pod, request: asked }: Step): Placement | null {
  const uid = `u${pod}`;
  if (kind === 'bind') return bind(ledger, uid, asked);
  const known = ledger.holding(uid);
  const acts = {
    confirm: () => known?.claim.kind === 'placed' && ledger.confirm(aSighting({ ...known })),
    forget: () => ledger.forget(uid),
    release: () => ledger.release(uid),
    relist: () => ledger.keepOnly(new Set([uid])),
  };
  acts[kind]();
  return null;
}

function bind(ledger: Ledger, uid: string, asked: PodRequest): Placement | null {
  const node = ledger.node('n1');
  if (ledger.holding(uid) !== undefined || node === undefined) return null;
  const placed = place(asked, node, DEFAULT_RULES);
  if (!placed.ok) return null;
  ledger.assume(anAssumption(asked, placed.value, { uid, isInitOnly: isInitOnly(asked) }));
  return placed.value;
}

describe('whatever is assumed, confirmed, forgotten, released and listed again', () => {
  it('no device and no node ever holds more than it has', () => {
    fc.assert(
      fc.property(facts, fc.array(step, { maxLength: 40 }), (node, steps) => {
        const ledger = new Ledger();
        ledger.setNode(node);
        for (const each of steps) {
          apply(ledger, each);
          expectNoOverfull(ledger.node('n1') as NodeView);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('assume and forget leave the node as it was', () => {
    fc.assert(
      fc.property(facts, fc.array(step, { maxLength: 10 }), request, (node, steps, asked) => {
        const ledger = new Ledger();
        ledger.setNode(node);
        for (const each of steps) apply(ledger, each);
        const before = ledger.node('n1');
        if (apply(ledger, { kind: 'bind', pod: 99, request: asked }) === null) return;
        ledger.forget('u99');
        expect({ ...ledger.node('n1'), revision: 0 }).toEqual({ ...before, revision: 0 });
      }),
    );
  });

  it('a node rebuilt from what its pods carry is the node the ledger has', () => {
    fc.assert(
      fc.property(facts, fc.array(step, { maxLength: 20 }), (node, steps) => {
        const ledger = new Ledger();
        ledger.setNode(node);
        for (const each of steps) apply(ledger, each);
        const again = new Ledger();
        for (const holding of ledger.allHoldings()) again.confirm(aSighting({ ...holding }));
        again.setNode(node);
        expect({ ...again.node('n1'), revision: 0 }).toEqual({ ...ledger.node('n1'), revision: 0 });
      }),
    );
  });
});

describe('on an unchanged snapshot', () => {
  const scene = fc.record({ node: facts, steps: fc.array(step, { maxLength: 15 }), asked: request });
  const at = ({ node, steps }: { node: NodeFacts; steps: Step[] }) => {
    const ledger = new Ledger();
    ledger.setNode(node);
    for (const each of steps) apply(ledger, each);
    return ledger;
  };

  it('a node that filter names takes the pod, and one that it refuses does not', () => {
    fc.assert(
      fc.property(scene, (given) => {
        const ledger = at(given);
        const view = ledger.node('n1') as NodeView;
        const { answer } = filter({ ok: true, value: given.asked }, ['n1'], {
          snapshot: ledger,
          defaults: DEFAULT_RULES,
        });
        expect(place(given.asked, view, DEFAULT_RULES).ok).toBe(answer.nodeNames.includes('n1'));
        expect(canPlace(preparePod(given.asked, DEFAULT_RULES), view)).toBe(answer.nodeNames.includes('n1'));
      }),
      { numRuns: 500 },
    );
  });

  it('place gives every container what it asks, on distinct devices, and the same again', () => {
    fc.assert(
      fc.property(scene, (given) => {
        const view = at(given).node('n1') as NodeView;
        const placed = place(given.asked, view, DEFAULT_RULES);
        expect(place(given.asked, view, DEFAULT_RULES)).toEqual(placed);
        if (!placed.ok) return;
        for (const { name, slices } of given.asked.containers) {
          const row = placed.value.containers.find((each) => each.name === name);
          const ids = row?.slices.map(({ deviceId }) => deviceId) ?? [];
          expect(ids).toHaveLength(slices.reduce((sum, { count }) => sum + count, 0));
          expect(new Set(ids).size).toBe(ids.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('scores stay between 0 and 10', () => {
    fc.assert(
      fc.property(scene, (given) => {
        const view = at(given).node('n1') as NodeView;
        for (const name of NODE_POLICY_NAMES) {
          const rules = { ...DEFAULT_RULES, nodePolicy: nodePolicy(name) };
          const like = likeNode(preparePod(given.asked, rules), view);
          expect(like).toBeGreaterThanOrEqual(0);
          expect(like).toBeLessThanOrEqual(10);
        }
        expect(slotsWanted(given.asked).size).toBeLessThanOrEqual(1);
      }),
    );
  });
});
