// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { NOWHERE } from '../../../src/core/rows.js';
import { freeze } from '../../../src/core/snapshot.js';
import { aDevice, anAssumption, aPlacement, aRequest, aSighting, someFacts } from '../../builders/core.js';

const request = aRequest();
const placement = aPlacement({ main: [['GPU-0', 4096, 300]] });
const other = aPlacement({ main: [['GPU-1', 8192]] });
const UNREADABLE = { kind: 'unreadable', detail: 'placement is not a JSON object' } as const;

let ledger: Ledger;
beforeEach(() => {
  ledger = new Ledger();
  ledger.setNode(someFacts());
});

/** What is held of a device, and slots used. */
function held(device: string, node = 'n1') {
  const view = ledger.node(node)?.vendors.get('nvidia');
  const hold = view?.devices.find((state) => state.device.id === device)?.hold;
  return { memory: hold?.memory, slices: hold?.slices, slots: view?.slotsUsed };
}
const NOTHING = { memory: 0, slices: 0, slots: 0 };
const FIRST = { memory: 4096, slices: 1, slots: 1 };

describe('a ledger', () => {
  it('holds what is assumed at once', () => {
    ledger.assume(anAssumption(request, placement));
    expect(held('GPU-0')).toEqual(FIRST);
    expect(ledger.holding('u1')?.state).toBe('assumed');
  });

  it('is as before after assume and forget', () => {
    const before = ledger.node('n1');
    ledger.assume(anAssumption(request, placement));
    ledger.forget('u1');
    expect({ ...ledger.node('n1'), revision: 0 }).toEqual({ ...before, revision: 0 });
  });

  it('holds the same once the watch has confirmed', () => {
    ledger.assume(anAssumption(request, placement));
    ledger.confirm(aSighting({ claim: { kind: 'placed', placement } }));
    expect(held('GPU-0')).toEqual(FIRST);
    expect(ledger.holding('u1')?.state).toBe('held');
  });

  it('holds exactly what is left after a pod whose letter names more than numbers can count', () => {
    const vast = aPlacement({ main: [['GPU-0', Number.MAX_SAFE_INTEGER, 100]] });
    ledger.confirm(aSighting({ uid: 'vast', claim: { kind: 'placed', placement: vast } }));
    ledger.confirm(aSighting({ uid: 'vast too', claim: { kind: 'placed', placement: vast } }));
    ledger.confirm(aSighting({ uid: 'u1', claim: { kind: 'placed', placement } }));
    ledger.release('vast');
    ledger.release('vast too');
    expect(held('GPU-0')).toEqual(FIRST);
    ledger.release('u1');
    expect(held('GPU-0')).toEqual(NOTHING);
  });

  it('holds exactly what a pod holds whose first letter named more than numbers can count', () => {
    const vast = aPlacement({ main: [['GPU-0', Number.MAX_SAFE_INTEGER, 100]] });
    ledger.assume(anAssumption(request, vast));
    ledger.assume(anAssumption(request, placement));
    expect(held('GPU-0')).toEqual(FIRST);
  });

  it('does not forget what the watch has confirmed', () => {
    ledger.assume(anAssumption(request, placement));
    ledger.confirm(aSighting());
    ledger.forget('u1');
    expect(held('GPU-0').slices).toBe(1);
  });

  it('does not assume over what is held', () => {
    ledger.confirm(aSighting());
    ledger.assume(anAssumption(request, other));
    expect(held('GPU-1').slices).toBe(0);
  });

  it('replaces an older assumption, also on another node', () => {
    ledger.setNode(someFacts({ name: 'n2' }));
    ledger.assume(anAssumption(request, placement));
    ledger.assume(anAssumption(request, other, { node: 'n2' }));
    expect(held('GPU-0')).toEqual(NOTHING);
    expect(held('GPU-1', 'n2').memory).toBe(8192);
  });

  it('believes the watch when it shows another node than was assumed', () => {
    ledger.setNode(someFacts({ name: 'n2' }));
    ledger.assume(anAssumption(request, placement));
    ledger.confirm(aSighting({ node: 'n2', claim: { kind: 'placed', placement: other } }));
    expect(held('GPU-0')).toEqual(NOTHING);
    expect(held('GPU-1', 'n2').slices).toBe(1);
  });

  it('frees what is released, and releasing twice or a stranger changes nothing', () => {
    ledger.confirm(aSighting());
    ledger.release('u1');
    ledger.release('u1');
    ledger.release('stranger');
    expect(held('GPU-0')).toEqual(NOTHING);
  });

  it('counts what may have made room: who goes, and news of nodes; not who comes', () => {
    const counted = (act: () => unknown): number => {
      const before = ledger.openings;
      act();
      return ledger.openings - before;
    };
    const assume = (): void =>
      ledger.assume(anAssumption(aRequest(), aPlacement({ main: [['GPU-0', 4096]] })));
    expect(counted(assume)).toBe(0);
    expect(counted(() => ledger.confirm(aSighting()))).toBe(0);
    expect(counted(() => ledger.release('u1'))).toBe(1);
    expect(counted(() => ledger.release('u1'))).toBe(0);
    assume();
    expect(counted(() => ledger.forget('u1'))).toBe(1);
    expect(counted(() => ledger.setNode(someFacts({ cordoned: 'all' })))).toBe(1);
  });

  it('gives a node a new revision when something changed, and only then', () => {
    ledger.confirm(aSighting());
    const { revision } = ledger;
    ledger.confirm(aSighting());
    expect(ledger.revision).toBe(revision);
    ledger.release('u1');
    expect(ledger.node('n1')?.revision).toBe(revision + 1);
  });

  it('leaves a node as it is when the watch confirms what was assumed, or tells nothing new of the node', () => {
    ledger.assume(anAssumption(request, placement));
    const view = ledger.node('n1');
    ledger.confirm(aSighting({ claim: { kind: 'placed', placement } }));
    ledger.setNode(someFacts());
    expect(ledger.node('n1')).toBe(view);
  });

  it('replaces of a view what changed, and shares the rest', () => {
    const before = ledger.node('n1')?.vendors.get('nvidia');
    ledger.confirm(aSighting());
    const after = ledger.node('n1')?.vendors.get('nvidia');
    expect(after?.devices[0]).not.toBe(before?.devices[0]);
    expect(after?.devices[1]).toBe(before?.devices[1]);
  });

  it('numbers its nodes, each as long as it knows it, and gives a free number to the next', () => {
    const numberOf = (name: string) => ledger.node(name)?.ordinal;
    for (const name of ['n2', 'n3']) ledger.setNode(someFacts({ name }));
    expect(['n1', 'n2', 'n3'].map(numberOf)).toEqual([0, 1, 2]);
    ledger.removeNode('n2');
    ledger.confirm(aSighting());
    ledger.setNode(someFacts({ name: 'n4' }));
    expect(['n1', 'n3', 'n4'].map(numberOf)).toEqual([0, 2, 1]);
  });

  it('has its nodes as rows: each that is there, and nowhere one that went', () => {
    ledger.setNode(someFacts({ name: 'n2' }));
    ledger.confirm(aSighting({ node: 'n2', claim: { kind: 'placed', placement } }));
    for (const view of ledger.allNodes()) {
      expect(ledger.rows.node(ledger.rows.ordinal(view.name))).toBe(view);
      expect(ledger.rows.revision(view.ordinal)).toBe(view.revision);
    }
    ledger.removeNode('n2');
    expect(ledger.rows.ordinal('n2')).toBe(NOWHERE);
    expect(ledger.rows.ordinal('never seen')).toBe(NOWHERE);
  });

  it('leaves a frozen snapshot as it was', () => {
    const before = freeze(ledger);
    ledger.assume(anAssumption(request, placement));
    expect(before.node('n1')?.vendors.get('nvidia')?.totals.heldMemory).toBe(0);
    expect([...before.allNodes()].map(({ name }) => name)).toEqual(['n1']);
  });

  it('counts nodes and pods by state', () => {
    ledger.assume(anAssumption(request, placement));
    ledger.confirm(aSighting({ uid: 'u2' }));
    ledger.confirm(aSighting({ uid: 'u3', claim: UNREADABLE }));
    expect(ledger.counts()).toEqual({ nodes: 1, assumed: 1, held: 2, troubled: 1 });
  });
});

describe('an assumption nobody confirms', () => {
  beforeEach(() => ledger.assume(anAssumption(request, placement, { until: 60_000 })));

  it('stands while the watch was not heard of since its time', () => {
    expect(ledger.expire(60_000)).toEqual([]);
    expect(held('GPU-0')).toEqual(FIRST);
  });

  it('is given up once the watch was heard of later', () => {
    expect(ledger.expire(60_001)).toEqual(['u1']);
    expect(held('GPU-0')).toEqual(NOTHING);
    expect(ledger.expire(60_002)).toEqual([]);
  });

  it('never ends once confirmed', () => {
    ledger.confirm(aSighting());
    expect(ledger.expire(Number.MAX_SAFE_INTEGER)).toEqual([]);
  });
});

describe('a placement that cannot be read', () => {
  it('holds its whole node where nothing is known of the pod', () => {
    ledger.confirm(aSighting({ claim: UNREADABLE }));
    expect(ledger.node('n1')?.heldBy).toBe('default/p1');
    ledger.release('u1');
    expect(ledger.node('n1')?.heldBy).toBeNull();
  });

  it.each(['assumed', 'held'])('holds what was known where the pod was %s', (state) => {
    if (state === 'assumed') ledger.assume(anAssumption(request, placement));
    else ledger.confirm(aSighting({ claim: { kind: 'placed', placement } }));
    const believed = ledger.confirm(aSighting({ claim: UNREADABLE }));
    expect(held('GPU-0')).toEqual(FIRST);
    expect(ledger.node('n1')?.heldBy).toBeNull();
    expect(believed.trouble).toBe(UNREADABLE.detail);
  });

  it.each([
    ['changed', { kind: 'placed', placement: other } as const],
    ['taken away', { kind: 'none' } as const],
  ])('is treated like one that was %s after it was given: the first rules', (_title, claim) => {
    ledger.confirm(aSighting({ claim: { kind: 'placed', placement } }));
    expect(ledger.confirm(aSighting({ claim })).trouble).toBe('its placement was changed after it was given');
    expect(held('GPU-0')).toEqual(FIRST);
    expect(held('GPU-1').slices).toBe(0);
  });
});

describe('a bound pod without a placement', () => {
  it('holds slots and no slice', () => {
    ledger.confirm(aSighting({ claim: { kind: 'none' }, slots: new Map([['nvidia', 3]]) }));
    expect(held('GPU-0')).toEqual({ memory: 0, slices: 0, slots: 3 });
  });

  it('takes the room back that was assumed for it', () => {
    ledger.assume(anAssumption(request, placement));
    ledger.confirm(aSighting({ claim: { kind: 'none' } }));
    expect(held('GPU-0')).toEqual({ memory: 0, slices: 0, slots: 1 });
  });
});

describe('a pod of init containers alone', () => {
  it('keeps its node busy until its init containers have started', () => {
    ledger.assume(anAssumption(request, placement, { isInitOnly: true }));
    expect(ledger.node('n1')?.initOnly).toBe('default/p1');
    ledger.confirm(aSighting({ isInitOnly: true }));
    expect(ledger.node('n1')?.initOnly).toBe('default/p1');
    ledger.confirm(aSighting({ isInitOnly: false }));
    expect(ledger.node('n1')?.initOnly).toBeNull();
  });
});

describe('a new list', () => {
  it('of pods releases the held that are not in it and keeps the assumed', () => {
    ledger.confirm(aSighting({ uid: 'gone' }));
    ledger.assume(anAssumption(request, other, { uid: 'young' }));
    ledger.keepOnly(new Set(['u9']));
    expect(held('GPU-0').slices).toBe(0);
    expect(held('GPU-1').slices).toBe(1);
  });

  it('of nodes drops the others, whose pods go on holding', () => {
    ledger.confirm(aSighting());
    ledger.replaceNodes([someFacts({ name: 'n2' })]);
    expect(ledger.node('n1')).toBeUndefined();
    ledger.setNode(someFacts());
    expect(held('GPU-0').slices).toBe(1);
  });
});

describe('a device', () => {
  it('that is lost and comes back is held as before', () => {
    ledger.confirm(aSighting());
    ledger.setNode(someFacts({ devices: [] }));
    expect(ledger.node('n1')?.vendors.get('nvidia')).toBeUndefined();
    ledger.setNode(someFacts());
    expect(held('GPU-0').slices).toBe(1);
  });

  it('is owned by a slice of all its memory, as soon as the inventory tells how much that is', () => {
    const all = aPlacement({ main: [['GPU-0', 16_000]] });
    ledger.confirm(aSighting({ node: 'late', claim: { kind: 'placed', placement: all } }));
    ledger.setNode(someFacts({ name: 'late', devices: [aDevice({ memory: 16_000 })] }));
    const state = ledger.node('late')?.vendors.get('nvidia')?.devices[0];
    expect(state?.hold.isExclusive).toBe(true);
  });

  it('that falls ill keeps what it holds, and the states of the others stay the same objects', () => {
    const facts = someFacts({ devices: [aDevice({ id: 'GPU-0' }), aDevice({ id: 'GPU-1', index: 1 })] });
    ledger.setNode(facts);
    ledger.confirm(aSighting({ claim: { kind: 'placed', placement } }));
    const before = ledger.node('n1')?.vendors.get('nvidia')?.devices;
    const ill = { ...aDevice({ id: 'GPU-0' }), isHealthy: false, reason: 'Xid 79' };
    ledger.setNode({ ...facts, devices: [ill, aDevice({ id: 'GPU-1', index: 1 })] });
    const after = ledger.node('n1')?.vendors.get('nvidia')?.devices;
    expect(after?.[0]).toEqual({ ...before?.[0], device: ill });
    expect(after?.[1]).toBe(before?.[1]);
  });

  it('is marked as cordoned by id or with all', () => {
    const marks = (cordoned: 'all' | ReadonlySet<string>) => {
      ledger.setNode(someFacts({ cordoned }));
      return ledger
        .node('n1')
        ?.vendors.get('nvidia')
        ?.devices.map(({ isCordoned }) => isCordoned);
    };
    expect(marks(new Set(['GPU-1']))).toEqual([false, true]);
    expect(marks('all')).toEqual([true, true]);
    expect(marks(new Set())).toEqual([false, false]);
  });
});
