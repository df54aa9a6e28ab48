// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { PodView } from '../../../device-plugin/pod-view.js';
import type { Slot } from '../../../device-plugin/slot.js';
import { gone, idsByPod, ORPHAN_MS } from '../../../device-plugin/sweep.js';
import { anOwner, aPlacement, aSlice, aSlot } from '../../builders/slots.js';

const aPod = (uid: string, asking: PodView['asking'] = []): PodView => ({
  uid,
  namespace: 'default',
  name: 'p',
  node: 'n1',
  isOver: false,
  placement: null,
  containers: [],
  asking,
  running: new Map(),
  workload: '',
  ended: new Map(),
});
const shows = (ids: Record<string, string[]>) =>
  new Map(Object.entries(ids).map(([name, held]) => [name, new Set(held)]));
const NOBODY = shows({});
const OLD = anOwner({ podUid: 'old' });
const NEW = anOwner({ podUid: 'new' });
const NEW_OF_TWO = anOwner({ podUid: 'new', placement: aPlacement({ i: [aSlice()], a: [aSlice()] }) });
const LATE = ORPHAN_MS + 2;

interface Case {
  readonly fact: string;
  readonly slots: readonly Slot[];
  readonly pods: readonly PodView[];
  readonly shown: ReadonlyMap<string, ReadonlySet<string>>;
  readonly nowMs?: number;
  readonly goes: readonly number[];
}

const CASES: readonly Case[] = [
  {
    fact: 'a pod that lives keeps its slot',
    slots: [aSlot(1, ['1'], OLD)],
    pods: [aPod('old')],
    shown: NOBODY,
    goes: [],
  },
  {
    fact: 'a pod that ended lets go, though its object lies there',
    slots: [aSlot(1, ['1'], OLD)],
    pods: [{ ...aPod('old'), isOver: true }],
    shown: NOBODY,
    goes: [1],
  },
  {
    fact: 'a pod that ended keeps its slot while the kubelet shows it',
    slots: [aSlot(1, ['1'], OLD)],
    pods: [{ ...aPod('old'), isOver: true }],
    shown: shows({ 'default/p': ['1'] }),
    goes: [],
  },
  { fact: 'a pod gone from both lets go', slots: [aSlot(1, ['1'], OLD)], pods: [], shown: NOBODY, goes: [1] },
  {
    fact: 'a pod gone from the API server, still shown by the kubelet, keeps its slot',
    slots: [aSlot(1, ['1'], OLD)],
    pods: [],
    shown: shows({ 'default/p': ['1'] }),
    goes: [],
  },
  {
    fact: 'of a pod made again under its name, the old slot goes when the new one has the ids',
    slots: [aSlot(1, ['1'], OLD), aSlot(2, ['1'], NEW)],
    pods: [aPod('new')],
    shown: shows({ 'default/p': ['1'] }),
    goes: [1],
  },
  {
    fact: 'of a pod made again under its name, the old slot stays while its ids are shown',
    slots: [aSlot(1, ['1'], OLD), aSlot(2, ['2'], NEW)],
    pods: [aPod('new')],
    shown: shows({ 'default/p': ['1', '2'] }),
    goes: [],
  },
  { fact: 'a young orphan stays', slots: [aSlot(1, ['1'])], pods: [], shown: NOBODY, goes: [] },
  {
    fact: 'an old orphan that nobody shows goes',
    slots: [aSlot(1, ['1'])],
    pods: [],
    shown: NOBODY,
    nowMs: LATE,
    goes: [1],
  },
  {
    fact: 'an unbound slot that the kubelet shows stays, however old: its image may take long',
    slots: [aSlot(1, ['1'])],
    pods: [],
    shown: shows({ 'default/q': ['1'] }),
    nowMs: LATE,
    goes: [],
  },
  {
    fact: 'an old unbound slot stays while a pod of init containers only may wait for it',
    slots: [aSlot(1, ['1'])],
    pods: [aPod('x', [{ name: 'i', kind: 'init', count: 1 }])],
    shown: NOBODY,
    nowMs: LATE,
    goes: [],
  },
  {
    fact: 'an orphan goes at once when its ids are a later pod’s',
    slots: [aSlot(1, ['1']), aSlot(2, ['1'], NEW)],
    pods: [aPod('new')],
    shown: shows({ 'default/p': ['1'] }),
    goes: [1],
  },
  {
    fact: 'an unbound slot stays while the later pod misses a slot of its own',
    slots: [aSlot(1, ['1']), aSlot(2, ['1'], NEW_OF_TWO)],
    pods: [aPod('new')],
    shown: shows({ 'default/p': ['1'] }),
    goes: [],
  },
];

describe('sweeping', () => {
  it.each(CASES)('$fact', ({ slots, pods, shown, nowMs, goes }) => {
    expect(gone({ slots, pods, shown, nowMs: nowMs ?? 2 }).map(({ seq }) => seq)).toEqual(goes);
  });

  it('collects our ids per pod', () => {
    const devices = [
      { resourceName: 'r', deviceIds: ['1', '2'] },
      { resourceName: 'other', deviceIds: ['9'] },
    ];
    const pods = [
      {
        namespace: 'n',
        name: 'p',
        containers: [
          { name: 'a', devices },
          { name: 'b', devices: [] },
        ],
      },
    ];
    expect(idsByPod(pods, 'r')).toEqual(shows({ 'n/p': ['1', '2'] }));
  });
});
