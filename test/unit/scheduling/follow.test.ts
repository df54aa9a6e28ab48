// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { followNodes, followPods, type Follower } from '../../../src/scheduling/follow.js';
import { PodMirror } from '../../../src/scheduling/pod-mirror.js';
import type { NodeFacts } from '../../../src/core/node.js';
import type { Trouble } from '../../../src/scheduling/ports.js';
import { encodePlacement } from '../../../src/wire/placement.js';
import type { PodView } from '../../../src/wire/pod-view.js';
import { aContainer, anAssumption, aPlacement, aRequest, someFacts } from '../../builders/core.js';
import { aPodView } from '../../builders/scheduling.js';

const LETTER = encodePlacement(aPlacement({ main: [['GPU-0', 4096]] }));
const bound = (named: Partial<PodView> = {}) =>
  aPodView(aRequest(), { nodeName: 'n1', placement: LETTER, ...named });

let ledger: Ledger;
let pods: PodMirror;
let told: Trouble[];
let watch: Follower<PodView>;
let nodes: Follower<NodeFacts>;

beforeEach(() => {
  ledger = new Ledger();
  pods = new PodMirror();
  told = [];
  const options = { ledger, pods, troubles: { tell: (trouble: Trouble) => told.push(trouble) } };
  watch = followPods(options);
  nodes = followNodes(options);
  nodes.onReplace([someFacts()]);
});

const view = () => ledger.node('n1')?.vendors.get('nvidia');
const slices = () => view()?.devices[0]?.hold.slices;

describe('following pods', () => {
  it('holds what a bound pod carries until it is gone', () => {
    watch.onUpsert(bound());
    expect(slices()).toBe(1);
    watch.onUpsert(bound({ isTerminating: true }));
    expect(slices()).toBe(1);
    watch.onDelete(bound({ isTerminating: true }));
    expect(slices()).toBe(0);
  });

  it('frees what a pod held as soon as all its containers are over', () => {
    watch.onUpsert(bound());
    watch.onUpsert(bound({ isOver: true }));
    expect(slices()).toBe(0);
    expect(view()?.slotsUsed).toBe(0);
  });

  it('confirms what bind assumed', () => {
    ledger.assume(anAssumption(aRequest(), aPlacement({ main: [['GPU-0', 4096]] })));
    watch.onUpsert(bound());
    expect(ledger.holding('u1')?.state).toBe('held');
  });

  it('leaves an assumption alone while the watch still shows the pod unbound', () => {
    ledger.assume(anAssumption(aRequest(), aPlacement({ main: [['GPU-0', 4096]] })));
    watch.onUpsert(aPodView());
    expect(ledger.holding('u1')?.state).toBe('assumed');
  });

  it('holds nothing for a placement on a pod that is not bound', () => {
    watch.onUpsert(bound({ nodeName: '' }));
    expect(slices()).toBe(0);
  });

  it('counts the slots of a pod somebody bound by hand', () => {
    watch.onUpsert(bound({ placement: null }));
    expect({ slices: slices(), slots: view()?.slotsUsed }).toEqual({ slices: 0, slots: 1 });
  });

  it('holds the slices of a pod whose wish cannot be read', () => {
    watch.onUpsert(bound({ request: { ok: false, error: 'x' }, slots: new Map() }));
    expect(slices()).toBe(1);
  });

  it('keeps only pods that are our business in mind', () => {
    watch.onReplace([aPodView(aRequest([aContainer('a', 'app')]), { uid: 'plain' }), aPodView()]);
    expect([...pods.all()].map(({ uid }) => uid)).toEqual(['u1']);
    expect(pods.named('default', 'p1')?.uid).toBe('u1');
    watch.onDelete(aPodView());
    expect(pods.named('default', 'p1')).toBeUndefined();
  });

  it('knows the new pod of a name when the old one goes after it came', () => {
    watch.onUpsert(aPodView());
    watch.onUpsert(aPodView(aRequest(), { uid: 'u2' }));
    watch.onDelete(aPodView());
    expect(pods.named('default', 'p1')?.uid).toBe('u2');
  });

  it('takes a new list as the whole truth', () => {
    watch.onUpsert(bound());
    watch.onUpsert(bound({ uid: 'u2', name: 'p2' }));
    watch.onReplace([bound({ uid: 'u2', name: 'p2' })]);
    expect([...ledger.allHoldings()].map(({ uid }) => uid)).toEqual(['u2']);
  });
});

describe('what cannot be read', () => {
  it('is told once per change, and holds', () => {
    watch.onUpsert(bound({ placement: '{"v":9}' }));
    watch.onUpsert(bound({ placement: '{"v":9}' }));
    expect(told).toEqual([
      {
        kind: 'PlacementUnreadable',
        pod: 'default/p1',
        uid: 'u1',
        node: 'n1',
        sentence: 'placement version 9 is not 1',
      },
    ]);
    expect(ledger.node('n1')?.heldBy).toBe('default/p1');
  });

  it('keeps what was known over a new list', () => {
    watch.onUpsert(bound());
    watch.onReplace([bound({ placement: 'garbage' })]);
    expect(slices()).toBe(1);
    expect(ledger.node('n1')?.heldBy).toBeNull();
    expect(told).toHaveLength(1);
  });

  it('holds until it is taken off again, also on a pod that asks for nothing', () => {
    const plain = { request: { ok: true, value: aRequest([]) }, asksForDevices: false } as const;
    const [odd, bare] = [bound({ ...plain, placement: '{' }), bound({ ...plain, placement: null })];
    watch.onUpsert(odd);
    expect(ledger.node('n1')?.heldBy).toBe('default/p1');
    watch.onUpsert(bare);
    expect(ledger.node('n1')?.heldBy).toBeNull();
    expect(pods.get('u1')).toBeUndefined();
  });

  it('taken off a pod that asks for nothing is kept all the same, by an event and by a new list', () => {
    const plain = { request: { ok: true, value: aRequest([]) }, asksForDevices: false } as const;
    watch.onUpsert(bound(plain));
    watch.onUpsert(bound({ ...plain, placement: null }));
    expect(slices()).toBe(1);
    watch.onReplace([bound({ ...plain, placement: null })]);
    expect(slices()).toBe(1);
  });

  it('of a node is told once per change too', () => {
    const unreadable = new Map([['nvidia', 'inventory of nvidia is not a JSON object']]);
    nodes.onUpsert(someFacts({ devices: [], unreadable }));
    nodes.onUpsert(someFacts({ devices: [], unreadable }));
    nodes.onUpsert(someFacts());
    nodes.onUpsert(someFacts({ devices: [], unreadable }));
    expect(told.map(({ kind, node }) => `${kind} ${node}`)).toEqual([
      'InventoryUnreadable n1',
      'InventoryUnreadable n1',
    ]);
  });
});

describe('following nodes', () => {
  it('shows them by the overcommit in force, also by another one and by other labels', () => {
    let factor = 1.5;
    const overcommit = () => [{ nodes: { pool: 'dev' }, memory: factor }];
    const follower = followNodes({ ledger, pods, troubles: { tell: () => {} }, overcommit });
    const memory = () => view()?.devices[0]?.device.memory;
    const dev = someFacts({ labels: new Map([['pool', 'dev']]) });
    follower.onReplace([dev]);
    expect(memory()).toBe(61_440);
    factor = 2;
    expect(memory()).toBe(61_440);
    follower.reweigh();
    expect(memory()).toBe(81_920);
    follower.onUpsert(someFacts());
    expect(memory()).toBe(40_960);
    follower.onUpsert(dev);
    expect(memory()).toBe(81_920);
    factor = 1;
    follower.reweigh();
    expect(view()?.devices[0]?.device).toEqual(dev.devices[0]);
    follower.onDelete(dev);
    follower.reweigh();
    expect(ledger.node('n1')).toBeUndefined();
  });

  it('forgets a node that is gone', () => {
    nodes.onDelete(someFacts());
    expect(ledger.node('n1')).toBeUndefined();
  });
});
