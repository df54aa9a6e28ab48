// SPDX-License-Identifier: Apache-2.0
// Filter's answer is bind's answer, by every policy, on clusters that change between the questions: whatever is
// remembered from node to node and from question to question must be what place says now.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/core/device.js';
import { Ledger } from '../../../src/core/ledger.js';
import type { DeviceState, NodeFacts, NodeView } from '../../../src/core/node.js';
import { isInitOnly } from '../../../src/core/phases.js';
import { place } from '../../../src/core/place.js';
import type { Placement, Slice } from '../../../src/core/placement.js';
import { DEFAULT_RULES, DEVICE_POLICY_NAMES, NODE_POLICY_NAMES } from '../../../src/core/policies.js';
import { textOf } from '../../../src/core/refusals.js';
import { asksForDevices, type MemoryWish, type PodRequest } from '../../../src/core/request.js';
import { err } from '../../../src/core/result.js';
import { filter } from '../../../src/scheduling/filter.js';
import { prioritize } from '../../../src/scheduling/prioritize.js';
import type { FilterAnswer } from '../../../src/wire/extender.js';
import {
  aContainer,
  aDevice,
  anAssumption,
  aRequest,
  aSighting,
  aWish,
  someFacts,
} from '../../builders/core.js';

const LONG = process.env.KERF_LONG === '1';
const NODES = ['n0', 'n1', 'n2', 'n3'];

// --- pods ---

const memory: fc.Arbitrary<number | MemoryWish> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(500, 4000, 9000, 15_000, 30_000) },
  fc.constant<MemoryWish>({ kind: 'whole' }),
  fc.constantFrom(100, 330, 1000).map((permille): MemoryWish => ({ kind: 'share', permille })),
);
const wish = fc
  .record({
    memory,
    cores: fc.constantFrom(0, 0, 100, 500, 1000),
    count: fc.constantFrom(1, 1, 1, 2, 3),
    vendor: fc.constantFrom('nvidia', 'nvidia', 'amd'),
    priority: fc.constantFrom<'high' | 'low'>('high', 'low'),
  })
  .map((named) => {
    const isWhole = named.memory instanceof Object && named.memory.kind === 'whole';
    return aWish(isWhole ? { ...named, cores: 1000 } : named);
  });
const kind = fc.constantFrom<'init' | 'sidecar' | 'app'>('init', 'sidecar', 'app', 'app');
const asked: fc.Arbitrary<PodRequest> = fc
  .record({
    containers: fc.array(fc.tuple(kind, fc.array(wish, { maxLength: 2 })), { minLength: 1, maxLength: 3 }),
    nodePolicy: fc.option(
      fc.array(
        fc.array(fc.record({ name: fc.constantFrom(...NODE_POLICY_NAMES), weight: fc.constantFrom(1, 3) }), {
          minLength: 1,
          maxLength: 2,
        }),
        { minLength: 1, maxLength: 2 },
      ),
    ),
    devicePolicy: fc.option(
      fc.uniqueArray(fc.constantFrom(...DEVICE_POLICY_NAMES), { minLength: 1, maxLength: 3 }),
    ),
    numa: fc.constantFrom(null, null, 'required' as const, 'preferred' as const),
    cpuMilli: fc.constantFrom(0, 500, 4000),
  })
  .map(({ containers, ...rest }) => {
    // A container asks a vendor once.
    const rows = containers.map(([of, wishes], at) => {
      const each = [...new Map(wishes.map((one) => [one.vendor, one])).values()];
      return aContainer(`c${at}`, of, ...each);
    });
    const first = rows.filter((row) => row.kind !== 'app');
    return aRequest([...first, ...rows.filter((row) => row.kind === 'app')], rest);
  });

// --- nodes ---

const device = fc.record({
  memory: fc.constantFrom(16_000, 16_000, 40_960),
  vendor: fc.constantFrom('nvidia', 'nvidia', 'nvidia', 'amd'),
  numa: fc.constantFrom(0, 1, null),
  splits: fc.constantFrom(1, 3, 10),
  isHealthy: fc.constantFrom(true, true, true, true, false),
  model: fc.constantFrom('A100', 'L4'),
});
const facts: fc.Arbitrary<Home> = fc
  .record({
    devices: fc.array(device, { maxLength: 4 }),
    slotCount: fc.constantFrom(2, 8, 8, 20),
    shut: fc.constantFrom('', '', '', 'all', 'GPU-0'),
    isOdd: fc.constantFrom(false, false, false, false, true),
    links: fc.array(fc.constantFrom(10, 20, 100, 400), { minLength: 16, maxLength: 16 }),
  })
  .map(({ devices, slotCount, shut, isOdd, links }) => {
    const all = devices.map((named, index): Device => aDevice({ ...named, id: `GPU-${index}`, index }));
    const size = all.filter(({ vendor }) => vendor === 'nvidia').length;
    const at = (a: number, b: number): number => (a === b ? 0 : (links[a * b] ?? 10));
    const weight = Array.from({ length: size * size }, (_, i) => at(Math.floor(i / size), i % size));
    return someFacts({
      devices: all,
      slots: new Map([
        ['nvidia', slotCount],
        ['amd', slotCount],
      ]),
      cordoned: shut === 'all' ? 'all' : new Set(shut === '' ? [] : [shut]),
      unreadable: new Map(isOdd ? [['amd', 'not a JSON object']] : []),
      links: new Map(size > 1 ? [['nvidia', { size, weight }]] : []),
      cpuMilli: 8000,
    });
  });

// --- steps ---

type Home = Omit<NodeFacts, 'name'>;

interface World {
  readonly ledger: Ledger;
  /** What a node has while somebody holds something there: devices may fail or be lost, not become others. */
  readonly homes: Home[];
}

interface Step {
  readonly kind:
    | 'ask'
    | 'bind'
    | 'confirm'
    | 'forget'
    | 'release'
    | 'relist'
    | 'odd'
    | 'setNode'
    | 'removeNode';
  readonly pod: number;
  readonly of: number;
  readonly node: number;
  readonly facts: Home;
}

const KINDS = [
  'ask',
  'ask',
  'bind',
  'bind',
  'bind',
  'confirm',
  'forget',
  'release',
  'relist',
  'odd',
] as const;
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS, 'setNode' as const, 'removeNode' as const),
  pod: fc.nat(8),
  of: fc.nat(4),
  node: fc.nat(NODES.length - 1),
  facts,
});

/** Few requests asked again and again, so that answers are remembered. */
const requests = fc.array(asked, { minLength: 1, maxLength: 4 });

const steps = fc.array(step, { maxLength: 40, size: 'max' });

const ODD = { kind: 'unreadable', detail: 'x' } as const;

function take(world: World, each: Step, request: PodRequest): void {
  const { ledger } = world;
  const [uid, name] = [`u${each.pod}`, NODES[each.node] ?? ''];
  const known = ledger.holding(uid);
  const acts: Record<Step['kind'], () => void> = {
    ask: () => {},
    bind: () => bind(ledger, { uid, name, request }),
    confirm: () => known !== undefined && ledger.confirm(aSighting({ ...known })),
    forget: () => ledger.forget(uid),
    release: () => ledger.release(uid),
    relist: () => ledger.keepOnly(new Set([uid])),
    odd: () => ledger.confirm(aSighting({ uid, node: name, claim: ODD, slots: new Map() })),
    setNode: () => changeNode(world, each),
    removeNode: () => ledger.removeNode(name),
  };
  acts[each.kind]();
}

function setNode({ ledger, homes }: World, name: string, home: Home): void {
  homes[NODES.indexOf(name)] = home;
  ledger.setNode({ ...home, name });
}

/** A node that holds nothing becomes any other; else some of its devices are lost, and health and cordon change. */
function changeNode(world: World, { node, of, facts: other }: Step): void {
  const name = NODES[node] ?? '';
  const isHeld = [...world.ledger.allHoldings()].some((holding) => holding.node === name);
  if (!isHeld) return setNode(world, name, other);
  const home = world.homes[node] as Home;
  const devices = home.devices
    .filter(({ index }) => index !== of)
    .map((one, at) => ({ ...one, isHealthy: other.devices[at]?.isHealthy ?? true }));
  // A matrix is of all devices of its vendor.
  world.ledger.setNode({ ...home, name, devices, links: new Map(), cordoned: other.cordoned });
}

function bind(
  ledger: Ledger,
  { uid, name, request }: { readonly uid: string; readonly name: string; readonly request: PodRequest },
): void {
  const node = ledger.node(name);
  if (node === undefined || ledger.holding(uid) !== undefined) return;
  const placed = place(request, node, DEFAULT_RULES);
  expect(place(request, node, DEFAULT_RULES)).toEqual(placed);
  if (!placed.ok) return;
  expectFair(request, placed.value, node);
  const about = { uid, pod: `d/${uid}`, node: name, isInitOnly: isInitOnly(request) };
  ledger.assume(anAssumption(request, placed.value, { ...about, cpuMilli: request.cpuMilli }));
}

// --- what must be so ---

/** What is given is asked for, there, and alone where that was wanted. */
function expectFair(request: PodRequest, { containers }: Placement, node: NodeView): void {
  for (const { name, slices } of containers) {
    const wishes = request.containers.find((each) => each.name === name)?.slices ?? [];
    expect(slices).toHaveLength(wishes.reduce((sum, { count }) => sum + count, 0));
    expect(new Set(slices.map(({ deviceId }) => deviceId)).size).toBe(slices.length);
    for (const slice of slices) expectFree(slice, request, node);
    if (request.numa === 'required') expectOneNuma(slices, node);
  }
}

function expectFree(slice: Slice, { devicePolicy }: PodRequest, { vendors }: NodeView): void {
  const states = [...vendors.values()].flatMap(({ devices }) => devices);
  const state = states.find((each) => each.device.id === slice.deviceId) as DeviceState;
  expect([state.device.isHealthy, state.isCordoned, state.hold.isExclusive]).toEqual([true, false, false]);
  const isShy = ['mutex', 'exclusive'].some((name) => devicePolicy?.includes(name as 'mutex'));
  if (isShy || isWhole(slice, state.device)) expect(state.hold.slices).toBe(0);
}

const isWhole = ({ memory: size, cores }: Slice, of: Device): boolean => cores >= 1000 || size >= of.memory;

function expectOneNuma(slices: readonly Slice[], { vendors }: NodeView): void {
  for (const { devices } of vendors.values()) {
    const mine = devices.filter((state) => slices.some(({ deviceId }) => deviceId === state.device.id));
    if (mine.length > 1) expect(new Set(mine.map((state) => state.device.numa)).size).toBe(1);
  }
}

/** Of no device is more given than there is. */
function expectNoOverfull(ledger: Ledger): void {
  for (const { vendors } of ledger.allNodes())
    for (const { devices, slots, slotsUsed } of vendors.values()) {
      expect(slotsUsed).toBeLessThanOrEqual(slots);
      for (const { device: of, hold } of devices) {
        expect(hold.memory).toBeLessThanOrEqual(of.memory);
        expect(hold.cores).toBeLessThanOrEqual(1000);
        expect(hold.slices).toBeLessThanOrEqual(of.splits);
      }
    }
}

/** Filter, prioritize and bind say one thing, and say it again. */
function expectAgreement(ledger: Ledger, request: PodRequest): void {
  if (!asksForDevices(request)) return;
  const scene = { snapshot: ledger, defaults: DEFAULT_RULES };
  const { answer } = filter({ ok: true, value: request }, NODES, scene);
  for (const name of NODES) expectTrue(ledger.node(name), { name, request, answer });
  const scores = prioritize(request, answer.nodeNames, scene);
  expect(scores.map(({ node }) => node)).toEqual(answer.nodeNames);
  for (const { score } of scores) expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).toContain(score);
  expect(filter({ ok: true, value: request }, NODES, scene).answer).toEqual(answer);
  expect(prioritize(request, answer.nodeNames, scene)).toEqual(scores);
}

interface Told {
  readonly name: string;
  readonly request: PodRequest;
  readonly answer: FilterAnswer;
}

function expectTrue(node: NodeView | undefined, { name, request, answer }: Told): void {
  const { nodeNames, curable, incurable } = answer;
  const placed =
    node === undefined ? err({ kind: 'UnknownNode' as const }) : place(request, node, DEFAULT_RULES);
  if (nodeNames.includes(name)) expect(placed.ok).toBe(true);
  // Of several that could hold it the best are named.
  if (nodeNames.length > 0) return;
  expect(placed.ok).toBe(false);
  expect(curable[name] ?? incurable[name]).toBe(placed.ok ? '' : textOf(placed.error));
  expect(Object.hasOwn(curable, name)).not.toBe(Object.hasOwn(incurable, name));
}

describe('on any cluster, by any policy', () => {
  it('a node that filter names takes the pod, one it refuses does not, and no device is given twice', () => {
    fc.assert(
      fc.property(requests, fc.array(facts, { minLength: 4, maxLength: 4 }), steps, (all, homes, taken) => {
        const world: World = { ledger: new Ledger(), homes: [...homes] };
        for (const [at, name] of NODES.entries()) setNode(world, name, homes[at] as Home);
        for (const each of taken) {
          const request = all[each.of % all.length] as PodRequest;
          take(world, each, request);
          if (each.kind === 'ask') expectAgreement(world.ledger, request);
          else expectNoOverfull(world.ledger);
        }
      }),
      { numRuns: LONG ? 20_000 : 200 },
    );
  });
});
