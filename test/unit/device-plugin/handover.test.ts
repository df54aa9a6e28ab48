// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  type Asking,
  handover,
  isInitOnly,
  podsShowing,
  type ShownPod,
} from '../../../device-plugin/handover.js';
import type { Slot } from '../../../device-plugin/slot.js';
import { anOwner, aSlot } from '../../builders/slots.js';

const ME = 'uid-1';
const OTHER = anOwner({ podUid: 'uid-2' });
const MINE = anOwner({ podUid: ME });

const shown = (ids: Record<string, string[]>): ShownPod => ({
  namespace: 'default',
  name: 'p',
  ids: new Map(Object.entries(ids)),
});
const init = (name: string, count = 1): Asking => ({ name, kind: 'init', count });
const sidecar = (name: string, count = 1): Asking => ({ name, kind: 'sidecar', count });
const app = (name: string, count = 1): Asking => ({ name, kind: 'app', count });

interface Case {
  readonly fact: string;
  readonly slots: readonly Slot[];
  readonly asking: readonly Asking[];
  readonly shown: ShownPod | null;
  readonly called: readonly string[];
  /** Container → seq; a text is the sentence. */
  readonly then: Readonly<Record<string, number>> | string;
}

const CASES: readonly Case[] = [
  {
    fact: 'one container has the last slot given for its ids',
    slots: [aSlot(1, ['1']), aSlot(2, ['1'])],
    asking: [app('a')],
    shown: shown({ a: ['1'] }),
    called: ['1'],
    then: { a: 2 },
  },
  {
    fact: 'the kubelet’s ids come in any order',
    slots: [aSlot(1, ['1', '2'])],
    asking: [app('a', 2)],
    shown: shown({ a: ['2', '1'] }),
    called: ['2', '1'],
    then: { a: 1 },
  },
  {
    fact: 'an init container that lent one of two ids is told by it',
    slots: [aSlot(1, ['1']), aSlot(2, ['1', '2'])],
    asking: [init('i'), app('a', 2)],
    shown: shown({ a: ['1', '2'] }),
    called: ['1'],
    then: { i: 1, a: 2 },
  },
  {
    fact: 'init and app with the same ids have a slot each, in order of allocation',
    slots: [aSlot(1, ['1']), aSlot(2, ['1'])],
    asking: [init('i'), app('a')],
    shown: shown({ a: ['1'] }),
    called: ['1'],
    then: { i: 1, a: 2 },
  },
  {
    fact: 'a sidecar that took the init container’s id is told from it',
    slots: [aSlot(1, ['1']), aSlot(2, ['1']), aSlot(3, ['2'])],
    asking: [init('i'), sidecar('s'), app('a')],
    shown: shown({ s: ['1'], a: ['2'] }),
    called: ['1'],
    then: { i: 1, s: 2, a: 3 },
  },
  {
    fact: 'an init container whose id reached no app is told through the one before it',
    slots: [aSlot(1, ['1', '2']), aSlot(2, ['2']), aSlot(3, ['1'])],
    asking: [init('i', 2), init('j'), app('a')],
    shown: shown({ a: ['1'] }),
    called: ['1', '2'],
    then: { i: 1, j: 2, a: 3 },
  },
  {
    fact: 'slots of another pod with the same ids are not looked at',
    slots: [aSlot(1, ['1'], OTHER), aSlot(2, ['1']), aSlot(3, ['1'])],
    asking: [init('i'), app('a')],
    shown: shown({ a: ['1'] }),
    called: ['1'],
    then: { i: 2, a: 3 },
  },
  {
    fact: 'a later slot bound to a re-created pod of the same name is not taken',
    slots: [aSlot(1, ['1']), aSlot(2, ['1'], OTHER)],
    asking: [app('a')],
    shown: shown({ a: ['1'] }),
    called: ['1'],
    then: { a: 1 },
  },
  {
    fact: 'orphans of pods that failed lie before the pod’s own slots',
    slots: [aSlot(1, ['1']), aSlot(2, ['1', '2']), aSlot(3, ['1']), aSlot(4, ['1'])],
    asking: [init('i'), app('a')],
    shown: shown({ a: ['1'] }),
    called: ['1'],
    then: { i: 3, a: 4 },
  },
  {
    fact: 'what a kill left half-bound is found whole again',
    slots: [aSlot(1, ['1']), aSlot(2, ['1'], MINE)],
    asking: [init('i'), app('a')],
    shown: shown({ a: ['1'] }),
    called: ['1'],
    then: { i: 1, a: 2 },
  },
  {
    fact: 'a kubelet that lost its checkpoint allocates anew, and the new slots count',
    slots: [aSlot(1, ['1'], MINE), aSlot(2, ['2'])],
    asking: [app('a')],
    shown: shown({ a: ['2'] }),
    called: ['2'],
    then: { a: 2 },
  },
  {
    fact: 'another pod admitted between two containers of this one keeps its slot',
    slots: [aSlot(1, ['1']), aSlot(2, ['5']), aSlot(3, ['1'])],
    asking: [init('i'), app('a')],
    shown: shown({ a: ['1'] }),
    called: ['1'],
    then: { i: 1, a: 3 },
  },
  {
    fact: 'a pod in which only init containers ask has the last slots that touch the called ids',
    slots: [aSlot(1, ['1']), aSlot(2, ['1', '2']), aSlot(3, ['1'])],
    asking: [init('i', 2), init('j')],
    shown: null,
    called: ['1', '2'],
    then: { i: 2, j: 3 },
  },
  {
    fact: 'ids nobody was given are refused',
    slots: [aSlot(1, ['1'])],
    asking: [app('a')],
    shown: shown({ a: ['9'] }),
    called: ['9'],
    then: 'no slot of this node was given for 9 of container a',
  },
  {
    fact: 'a count that differs from the ids is refused',
    slots: [aSlot(1, ['1'])],
    asking: [app('a', 2)],
    shown: shown({ a: ['1'] }),
    called: ['1'],
    then: 'container a asks for 2 slots and the kubelet gave 1',
  },
  {
    fact: 'an init container whose slot is lost is refused',
    slots: [aSlot(2, ['1'])],
    asking: [init('i'), app('a')],
    shown: shown({ a: ['1'] }),
    called: ['1'],
    then: '1 init containers ask for slots and only 0 can be told from the ids',
  },
];

describe('handover', () => {
  it.each(CASES)('$fact', ({ slots, asking, shown: pod, called, then }) => {
    const told = handover({ slots, podUid: ME, asking, shown: pod, called });
    if (typeof then === 'string') expect(told).toEqual({ ok: false, error: then });
    else {
      const seqs = told.ok ? [...told.value].map(([name, slot]) => [name, slot.seq]) : told.error;
      expect(seqs).toEqual(expect.arrayContaining(Object.entries(then)));
      expect(seqs).toHaveLength(asking.length);
    }
  });

  it('shows the pods that hold one of the ids', () => {
    const pods = [shown({ a: ['1', '2'] }), { ...shown({ b: ['3'] }), name: 'q' }];
    expect(podsShowing(['2', '9'], pods).map(({ name }) => name)).toEqual(['p']);
    expect(podsShowing(['9'], pods)).toEqual([]);
  });

  it.each([
    [[init('i')], true],
    [[init('i'), app('a')], false],
    [[init('i'), sidecar('s')], false],
    [[], false],
  ] as const)('of %j only inits ask: %s', (asking, is) => {
    expect(isInitOnly(asking)).toBe(is);
  });
});
