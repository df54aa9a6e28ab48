// SPDX-License-Identifier: Apache-2.0
// An answer worked out of one node is the answer of every node in its state, and of no other.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { withNumbers, nodeState, nodeStateWithCpu } from '../../../src/core/alike.js';
import { Foresight } from '../../../src/core/foresight.js';
import { Ledger } from '../../../src/core/ledger.js';
import { likeOf, Likes } from '../../../src/core/likes.js';
import { rowsOf } from '../../../src/core/rows.js';
import type { NodeView, VendorView } from '../../../src/core/node.js';
import { askedOf } from '../../../src/core/packing/asked.js';
import { LivePacking } from '../../../src/core/packing/live.js';
import { type PlacingRules, NODE_POLICY_NAMES, nodePolicy } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import { ANY_DEVICE, type PodRequest } from '../../../src/core/request.js';
import type { Snapshot } from '../../../src/core/snapshot.js';
import { aNode, aRequest, aState, aWish, someFacts } from '../../builders/core.js';
import { anyRequest, someNodes } from '../../builders/random.js';

/** Each node twice, once with its devices the other way round, and once with other CPU and other ids. */
function crowdOf(views: readonly NodeView[]): readonly NodeView[] {
  const others = views.map((view) => ({ ...view, cpu: { allocatable: 32_000, held: 4000 } }));
  return [...views, ...views, ...views.map(turned), ...others.map(renamed)].map((view, ordinal) => ({
    ...view,
    ordinal,
    name: `n${ordinal}`,
  }));
}

const withDevices = (
  view: NodeView,
  change: (of: VendorView['devices']) => VendorView['devices'],
): NodeView => ({
  ...view,
  vendors: new Map([...view.vendors].map(([name, of]) => [name, { ...of, devices: change(of.devices) }])),
});

/** Another state, of the same states of devices. */
const turned = (view: NodeView): NodeView => withDevices(view, (devices) => [...devices].reverse());

const renamed = (view: NodeView): NodeView =>
  withDevices(view, (devices) =>
    devices.map((state) => ({ ...state, device: { ...state.device, id: `x${state.device.id}` } })),
  );

function snapshotOf(views: readonly NodeView[]): Snapshot {
  const byName = new Map(views.map((view) => [view.name, view]));
  return { revision: 1, node: (name) => byName.get(name), allNodes: () => views, rows: rowsOf(views) };
}

/** Packing that has seen pods like this one. */
function rulesFor(request: PodRequest, views: readonly NodeView[], policy: PlacingRules['nodePolicy']) {
  const packing = new LivePacking(() => views);
  packing.begin([askedOf(request, 4000), askedOf(aRequest(), 2000)]);
  packing.settle();
  return { packing, nodePolicy: policy, devicePolicy: ['binpack'] } as const;
}

const policies = fc.constantFrom(...NODE_POLICY_NAMES).map(nodePolicy);
const choices = fc.constantFrom(ANY_DEVICE, ANY_DEVICE, { ...ANY_DEVICE, denyIds: ['GPU-0'] });

it('nodes are liked as each would be by itself', () => {
  fc.assert(
    fc.property(someNodes, anyRequest, fc.tuple(policies, choices), (views, asked, [policy, choice]) => {
      const crowd = crowdOf(views);
      const request = { ...asked, choice, cpuMilli: 1000 };
      const pod = preparePod(request, rulesFor(request, crowd, policy));
      const likes = new Likes(pod, snapshotOf(crowd));
      for (const view of crowd) expect(likes.at(view.ordinal)).toBe(likeOf(pod, view));
    }),
    { numRuns: 200 },
  );
});

it('names and ids do not make another state', () => {
  const node = aNode();
  expect(nodeState({ ...renamed(node), name: 'b', ordinal: 7, revision: 9 })).toBe(nodeState(node));
});

it.each<[string, Parameters<typeof aState>]>([
  ['another model', [{ model: 'T4' }]],
  ['another mode', [{ mode: 'mig' }]],
  ['more memory', [{ memory: 80_000 }]],
  ['another NUMA node', [{ numa: 1 }]],
  ['illness', [{ isHealthy: false }]],
  ['cuts', [{ cuts: { kind: 'units', units: 4 } }]],
  ['a cordon', [{}, {}, true]],
  ['memory held', [{}, { memory: 1 }]],
  ['compute held', [{}, { cores: 1 }]],
  ['a slice held', [{}, { slices: 1 }]],
  ['an owner', [{}, { isExclusive: true }]],
  ['a slice of high priority', [{}, { highSlices: 1 }]],
])('%s makes another state of a device', (_, of) => {
  expect(withNumbers([aState(...of)]).numbers).not.toEqual(withNumbers([aState()]).numbers);
});

it.each<[string, Partial<NodeView>]>([
  ['a pod nobody can read', { heldBy: 'a/b' }],
  ['a pod that is starting', { initOnly: 'a/b' }],
  ['other slots', aNode({ slotCount: 3 })],
  ['an inventory nobody can read', aNode({ unreadable: new Map([['nvidia', 'no JSON']]) })],
  ['other links', aNode({ links: new Map([['nvidia', { size: 2, weight: [0, 200, 200, 0] }]]) })],
])('%s makes another state of a node', (_, difference) => {
  const node = aNode();
  expect(nodeState({ ...node, ...difference })).not.toBe(nodeState(node));
});

it('CPU makes another state where it is asked for', () => {
  const node = aNode();
  const busy = { ...node, cpu: { ...node.cpu, held: 1 } };
  const state = nodeState(node);
  expect(nodeState(busy)).toBe(state);
  expect(nodeStateWithCpu(busy, state)).not.toBe(nodeStateWithCpu(node, state));
});

it('likes of before are right after an epoch has ended', () => {
  const ledger = new Ledger();
  ledger.setNode(someFacts({ name: 'a' }));
  const rules = rulesFor(aRequest(), [...ledger.allNodes()], nodePolicy('binpack'));
  const likes = (memory: number): readonly (readonly [number, number])[] => {
    const pod = preparePod(aRequest(aWish({ memory })), rules);
    const all = new Likes(pod, ledger);
    return [...ledger.allNodes()].map((node) => [all.at(node.ordinal), likeOf(pod, node)]);
  };
  likes(1);
  for (let held = 1; held <= 70_000; held++) withNumbers([aState({}, { memory: held })]);
  ledger.setNode(someFacts({ name: 'b', slotCount: 3 }));
  ledger.setNode(someFacts({ name: 'c', slotCount: 0 }));
  while (new Foresight(ledger).step(10));
  for (const memory of [2, 3, 39_000]) for (const [like, alone] of likes(memory)) expect(like).toBe(alone);
});
