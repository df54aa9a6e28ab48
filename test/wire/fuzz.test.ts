// SPDX-License-Identifier: Apache-2.0
// Letters as tenants, broken agents and half-copied files leave them: every reader answers, the ledger goes on
// counting, what cannot be read is held, and whoever can still be placed gets room that is there.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPolicyValue } from '../../src/adapters/policy/read.js';
import { Ledger } from '../../src/core/ledger.js';
import type { NodeView } from '../../src/core/node.js';
import { place } from '../../src/core/place.js';
import { DEFAULT_RULES } from '../../src/core/policies.js';
import { explain } from '../../src/scheduling/explain.js';
import { filter } from '../../src/scheduling/filter.js';
import { followNodes, followPods } from '../../src/scheduling/follow.js';
import { PodMirror } from '../../src/scheduling/pod-mirror.js';
import { replay } from '../../src/scheduling/replay.js';
import { VENDORS } from '../../src/vendors/index.js';
import { readNodeFacts } from '../../src/wire/node-view.js';
import { readOpenbNodes, readOpenbOrder, readOpenbPods } from '../../src/wire/openb.js';
import { objectsOf, readPackingNodes, readPackingPods } from '../../src/wire/packing-objects.js';
import { decodePlacement, encodePlacement } from '../../src/wire/placement.js';
import { type PodView, readPodView } from '../../src/wire/pod-view.js';
import { encodeSnapshot } from '../../src/wire/snapshot.js';
import { decodeSnapshot } from '../../src/wire/snapshot-read.js';
import { aRequest, aWish } from '../builders/core.js';
import { wrong, wrongText } from '../builders/odd.js';

const RUNS = process.env.KERF_LONG === '1' ? 50_000 : 300;
const golden = (name: string): string => readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8');

const PLACEMENT = {
  v: 1,
  containers: [{ name: 'a', slices: [{ device: 'GPU-0', memoryMiB: 4096, corePercent: 30 }] }],
};
const INVENTORY = {
  v: 1,
  devices: [0, 1].map((index) => ({
    ...{ id: `GPU-${index}`, index, model: 'NVIDIA A100-SXM4-40GB', memoryMiB: 40_960, corePercent: 100 },
    ...{ splits: 10, numa: 0, healthy: true, reason: '' },
  })),
  ...(JSON.parse(golden('inventory-v1-links.txt')) as { readonly links?: object }),
};

const aPod = (annotations: object): object => ({
  metadata: { uid: 'u1', name: 'p1', namespace: 'd', annotations },
  spec: {
    nodeName: 'n1',
    schedulerName: 'hami-scheduler',
    containers: [
      { name: 'a', resources: { limits: { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '4096' } } },
    ],
  },
  status: { phase: 'Running', initContainerStatuses: [{ name: 'a', state: { running: {} } }] },
});
const aNode = (annotations: object): object => ({
  metadata: { name: 'n1', labels: { 'kubernetes.io/hostname': 'n1' }, annotations },
  status: { allocatable: { cpu: '64', 'nvidia.com/gpu': '20', 'amd.com/gpu': '2k' } },
});

const HAMI = {
  'hami.io/vgpu-devices-allocated': 'GPU-0,NVIDIA,8000,30:;',
  'hami.io/vgpu-devices-to-allocate': 'GPU-1,NVIDIA,8000,30:;GPU-0,NVIDIA,1,0:;',
};
const letters = fc.oneof(
  wrongText(PLACEMENT).map((text) => ({ 'kerf.dev/placement': text })),
  wrong(HAMI),
  wrong({ ...HAMI, 'kerf.dev/device-policy': 'mutex', 'kerf.dev/placement': JSON.stringify(PLACEMENT) }),
);
const pods = fc.oneof(
  letters.map(aPod),
  letters.chain((annotations) => wrong(aPod(annotations))),
);
const inventories = wrongText(INVENTORY).map((text) => ({
  'kerf.dev/inventory-nvidia': text,
  'kerf.dev/cordon': text,
}));
const nodes = fc.oneof(
  inventories.map(aNode),
  inventories.chain((annotations) => wrong(aNode(annotations))),
);

/** A cluster of one sound node and whatever is shown besides. */
function watched() {
  const ledger = new Ledger();
  const options = { ledger, pods: new PodMirror(), troubles: { tell: () => {} } };
  const follow = { pods: followPods(options), nodes: followNodes(options) };
  const sound = { 'kerf.dev/inventory-nvidia': JSON.stringify(INVENTORY) };
  follow.nodes.onUpsert(readNodeFacts(aNode(sound), VENDORS));
  return { ...options, follow };
}

/** Numbers that are numbers, and room for a small pod only where it is. */
function expectSound(ledger: Ledger): void {
  const small = aRequest(aWish({ memory: 100 }));
  for (const view of ledger.allNodes()) {
    const vendors = [...view.vendors.values()];
    const holds = vendors.flatMap(({ devices }) => devices.map(({ hold }) => hold));
    const amounts = holds.flatMap(({ memory, cores, slices }) => [memory, cores, slices]);
    for (const amount of [...amounts, ...vendors.map(({ slotsUsed }) => slotsUsed)])
      expect(amount).toBeGreaterThanOrEqual(0);
    const placed = place(small, view, DEFAULT_RULES);
    if (placed.ok) expectRoom(view, placed.value.containers[0]?.slices[0]?.deviceId);
  }
  const scene = { snapshot: ledger, defaults: DEFAULT_RULES };
  filter({ ok: true, value: small }, ['n1', 'n2'], scene);
  JSON.stringify(encodeSnapshot(scene, ledger.allHoldings()));
}

function expectRoom({ heldBy, vendors }: NodeView, id: string | undefined): void {
  const state = vendors.get('nvidia')?.devices.find(({ device }) => device.id === id);
  expect(heldBy).toBeNull();
  expect(state?.hold.isExclusive).toBe(false);
  expect((state?.hold.memory ?? Number.NaN) + 100).toBeLessThanOrEqual(state?.device.memory ?? 0);
}

describe('what a tenant may write on a pod', () => {
  it('is followed without a fault, and what cannot be read is held', () => {
    fc.assert(
      fc.property(fc.array(pods, { minLength: 1, maxLength: 4 }), fc.boolean(), (shown, isList) => {
        const { ledger, follow, pods: mirror } = watched();
        const views = shown.map((raw) => readPodView(raw, VENDORS));
        if (isList) follow.pods.onReplace(views);
        else for (const view of views) follow.pods.onUpsert(view);
        for (const view of views) expectHeld(ledger, view, views);
        const scene = { snapshot: ledger, defaults: DEFAULT_RULES, holdings: () => ledger.allHoldings() };
        for (const view of mirror.all()) JSON.stringify(explain(view, ledger.holding(view.uid), scene));
        for (const view of mirror.all()) JSON.stringify(explain({ ...view, nodeName: '' }, undefined, scene));
        expectSound(ledger);
        for (const view of views) follow.pods.onDelete(view);
        expect([...ledger.allHoldings()]).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });
});

/** A letter on a bound pod that nobody can read stands in the way of its whole node, unless a readable one came first. */
function expectHeld(ledger: Ledger, view: PodView, all: readonly PodView[]): void {
  const isAlone = all.filter(({ uid }) => uid === view.uid).length === 1;
  const isOdd = view.placement !== null && !decodePlacement(view.placement).ok;
  if (!isAlone || !isOdd || view.isOver || view.nodeName === '') return;
  expect(ledger.holding(view.uid)?.claim.kind).toBe('unreadable');
  if (view.nodeName === 'n1') expect(ledger.node('n1')?.heldBy).not.toBeNull();
}

describe('what an agent or an admin may write on a node', () => {
  it('is followed without a fault, and nothing is placed on what cannot be read', () => {
    fc.assert(
      fc.property(fc.array(nodes, { minLength: 1, maxLength: 3 }), (shown) => {
        const { ledger, follow } = watched();
        follow.pods.onUpsert(readPodView(aPod({ 'kerf.dev/placement': JSON.stringify(PLACEMENT) }), VENDORS));
        for (const raw of shown) follow.nodes.onUpsert(readNodeFacts(raw, VENDORS));
        expectSound(ledger);
        const odd = readNodeFacts(shown.at(-1), VENDORS);
        const view = ledger.node(odd.name);
        const isShut = odd.unreadable.has('nvidia');
        if (isShut && view !== undefined)
          expect(place(aRequest(aWish({ memory: 1 })), view, DEFAULT_RULES).ok).toBe(false);
        follow.nodes.onReplace([]);
        expect([...ledger.allNodes()]).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('a letter that is read', () => {
  it('of placement is written again as it was meant', () => {
    fc.assert(
      fc.property(wrongText(PLACEMENT), (text) => {
        const read = decodePlacement(text);
        if (read.ok) expect(decodePlacement(encodePlacement(read.value))).toEqual(read);
        else expect(read.error).toMatch(/placement/);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('files from elsewhere', () => {
  it('as snapshots are replayed, or refused with a sentence', () => {
    const whole = JSON.parse(golden('snapshot-v2.json')) as unknown;
    const pod = readPodView({ ...aPod({}), status: {} }, VENDORS);
    fc.assert(
      fc.property(wrongText(whole), pods, (text, raw) => {
        const recorded = decodeSnapshot(text, readPolicyValue);
        if (!recorded.ok) expect(recorded.error).toMatch(/\S+ \S+/);
        else
          for (const each of [pod, readPodView(raw, VENDORS)]) JSON.stringify(replay(each, recorded.value));
      }),
      { numRuns: RUNS },
    );
  });

  const NODE_LIST = 'sn,cpu_milli,memory_mib,gpu,model\nn-0,64000,262144,2,P100\nn-1,96000,262144,8,\n';
  const POD_LIST =
    'name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\np-0,12000,16384,1,1000,P100|T4\np-1,6000,12288,0,0,\n';
  const spoilt = (good: string): fc.Arbitrary<string> =>
    fc
      .array(fc.tuple(fc.nat(good.length), fc.constantFrom(...ODD_TEXTS), fc.nat(4)), { maxLength: 4 })
      .map((all) =>
        all.reduce((text, [at, odd, gone]) => text.slice(0, at) + odd + text.slice(at + gone), good),
      );
  const ODD_TEXTS = [
    '',
    ',',
    '\n',
    '\r',
    '"',
    '-',
    '0',
    '1e9',
    '9'.repeat(400),
    '\u0000',
    '\ufeff',
    '|',
    '\ud800',
    'x',
  ];

  it('as traces are read, or refused with the number of a line', () => {
    fc.assert(
      fc.property(spoilt(NODE_LIST), spoilt(POD_LIST), (nodeList, podList) => {
        for (const read of [readOpenbNodes(nodeList), readOpenbPods(podList)]) {
          if (!read.ok) expect(read.error).toMatch(/line \d+/);
          else expect(read.value.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('as orders and objects are read, or refused', () => {
    const order = { workload: 'default', seed: 42, order: [0, 1, 1, 0], nodeRank: [1, 0] };
    fc.assert(
      fc.property(wrongText(order), pods, nodes, (text, pod, node) => {
        const read = readOpenbOrder(text, { pods: 2, nodes: 2 });
        if (!read.ok) expect(read.error).toMatch(/\S+ \S+/);
        const objects = [
          pod,
          node,
          {
            kind: 'List',
            items: [
              { ...pod, kind: 'Pod' },
              { ...node, kind: 'Node' },
            ],
          },
        ];
        const fleet = readPackingNodes(objectsOf(objects, 'Node'), VENDORS);
        const all = readPackingPods(objectsOf(objects, 'Pod'), fleet.devices, VENDORS);
        if (!all.ok) expect(all.error).toMatch(/^pod \d+, /);
      }),
      { numRuns: RUNS },
    );
  });
});
