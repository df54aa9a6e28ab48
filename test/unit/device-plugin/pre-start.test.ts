// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PodView } from '../../../device-plugin/pod-view.js';
import type { Slot } from '../../../device-plugin/slot.js';
import type { Placement } from '../../../src/core/placement.js';
import { encodePlacement } from '../../../src/wire/placement.js';
import { anOwner, aPlacement, aSlice, aSlot, GPU_A } from '../../builders/slots.js';
import { FakeNode } from '../../fakes/node-room.js';
import { folders } from '../../fakes/folder.js';

const newFolder = folders();
const OK = { ok: true, value: undefined };

interface PodWish {
  readonly name?: string;
  readonly uid?: string;
  readonly placement?: Placement | null;
  readonly asking?: PodView['asking'];
  readonly isOver?: boolean;
  readonly node?: string;
}

function aPod(wish: PodWish = {}): PodView {
  const asking = wish.asking ?? [{ name: 'a', kind: 'app', count: 1 }];
  const placement = wish.placement === undefined ? aPlacement() : wish.placement;
  return {
    uid: wish.uid ?? `uid-${wish.name ?? 'p'}`,
    namespace: 'default',
    name: wish.name ?? 'p',
    node: wish.node ?? 'n1',
    isOver: wish.isOver ?? false,
    placement: placement === null ? null : encodePlacement(placement),
    containers: asking.map(({ name, kind }) => ({ name, kind })),
    asking,
    running: new Map(),
    workload: '',
    ended: new Map(),
  };
}

async function aNode(...slots: readonly Slot[]): Promise<FakeNode> {
  const node = await FakeNode.open(newFolder());
  await node.store.put(slots);
  return node;
}

describe('the first PreStart of a pod', () => {
  it('binds the slot to the pod, its files made, with one GET', async () => {
    const node = await aNode(aSlot(1, ['1']));
    node.place(aPod(), { a: ['1'] });
    expect(await node.preStart().start(['1'])).toEqual(OK);
    const [slot] = node.store.bound();
    expect(slot?.owner).toEqual(anOwner({ podUid: 'uid-p', boundAtMs: 7 }));
    expect([node.ensured, node.cleared]).toEqual([[slot?.slot], [slot?.slot]]);
    expect(node.awaited).toEqual([slot?.slot]);
    expect(node.asked).toEqual({ read: 1, readAll: 0, shown: 1, sweep: 0 });
  });

  it('binds init and app container that share their ids at once', async () => {
    const node = await aNode(aSlot(1, ['1']), aSlot(2, ['1']));
    const asking = [
      { name: 'i', kind: 'init' as const, count: 1 },
      { name: 'a', kind: 'app' as const, count: 1 },
    ];
    node.place(aPod({ asking, placement: aPlacement({ i: [aSlice(GPU_A, 1)], a: [aSlice(GPU_A, 2)] }) }), {
      a: ['1'],
    });
    expect(await node.preStart().start(['1'])).toEqual(OK);
    expect(node.store.bound().map(({ seq, owner }) => [seq, owner.container])).toEqual([
      [1, 'i'],
      [2, 'a'],
    ]);
    expect(node.ensured).toHaveLength(2);
  });

  it('asks once for calls that come together', async () => {
    const node = await aNode(aSlot(1, ['1']));
    node.place(aPod(), { a: ['1'] });
    const preStart = node.preStart();
    expect(await Promise.all([preStart.start(['1']), preStart.start(['1'])])).toEqual([OK, OK]);
    expect(node.asked.read).toBe(1);
  });

  it('waits for a placement that the watch is about to tell', async () => {
    const node = await aNode(aSlot(1, ['1']));
    node.place(aPod({ placement: null }), { a: ['1'] });
    node.later.set('uid-p', aPlacement());
    expect(await node.preStart().start(['1'])).toEqual(OK);
  });

  it('takes in a slot that another instance allocated', async () => {
    const folder = newFolder();
    const node = await FakeNode.open(folder);
    await (await FakeNode.open(folder)).store.put([aSlot(1, ['1'])]);
    node.place(aPod(), { a: ['1'] });
    expect(await node.preStart().start(['1'])).toEqual(OK);
  });

  it('finds the one pod in which only init containers ask', async () => {
    const node = await aNode(aSlot(1, ['1']));
    node.place(aPod({ name: 'other' }), { a: ['9'] });
    node.place(aPod({ asking: [{ name: 'a', kind: 'init', count: 1 }] }), null);
    expect(await node.preStart().start(['1'])).toEqual(OK);
    expect(node.store.bound()[0]?.owner.pod).toBe('p');
  });

  it('tells a finished pod that an old kubelet still lists from the living one', async () => {
    const node = await aNode(aSlot(1, ['1'], anOwner({ podUid: 'uid-done' })), aSlot(2, ['1']));
    node.place(aPod({ name: 'done', isOver: true }), { a: ['1'] });
    node.place(aPod(), { a: ['1'] });
    expect(await node.preStart().start(['1'])).toEqual(OK);
    expect(node.store.get(aSlot(2, []).slot)?.owner?.pod).toBe('p');
  });

  it('gives a pod made again under its name its own placement', async () => {
    const old = aPlacement({ a: [aSlice(GPU_A, 1)] });
    const node = await aNode(
      aSlot(1, ['1'], anOwner({ podUid: 'uid-old', placement: old })),
      aSlot(2, ['1']),
    );
    node.place(aPod({ uid: 'uid-new', placement: aPlacement({ a: [aSlice(GPU_A, 2)] }) }), { a: ['1'] });
    expect(await node.preStart().start(['1'])).toEqual(OK);
    expect(node.store.latest(['1'])?.owner).toMatchObject({
      podUid: 'uid-new',
      placement: aPlacement({ a: [aSlice(GPU_A, 2)] }),
    });
  });

  it('obeys the placement it first honoured, and reports the changed one', async () => {
    const first = aPlacement({ a: [aSlice(GPU_A, 1)] });
    const node = await aNode(
      aSlot(1, ['1'], anOwner({ podUid: 'uid-p', placement: first })),
      aSlot(2, ['2']),
    );
    node.place(aPod({ placement: aPlacement({ a: [aSlice(GPU_A, 40_000)] }) }), { a: ['2'] });
    expect(await node.preStart().start(['2'])).toEqual(OK);
    expect(node.store.latest(['2'])?.owner?.placement).toEqual(first);
    expect(node.changed).toEqual(['uid-p']);
  });
});

describe('a later PreStart', () => {
  it.each([1, 2])('finds the pod’s slots again when a kill came before record %i', async (seq) => {
    const node = await aNode(aSlot(1, ['1']), aSlot(2, ['1']));
    const asking = [
      { name: 'i', kind: 'init' as const, count: 1 },
      { name: 'a', kind: 'app' as const, count: 1 },
    ];
    node.place(aPod({ asking, placement: aPlacement({ i: [aSlice()], a: [aSlice()] }) }), { a: ['1'] });
    // A folder in the record's place ends the writing there, as a kill would.
    const record = join(node.store.folder, `${aSlot(seq, []).slot}.json`);
    renameSync(record, `${record}.old`);
    mkdirSync(join(record, 'x'), { recursive: true });
    await expect(node.preStart().start(['1'])).rejects.toThrow();
    rmSync(record, { recursive: true });
    renameSync(`${record}.old`, record);
    const again = await node.restarted();
    expect(await again.preStart().start(['1'])).toEqual(OK);
    expect(again.store.bound().map((slot) => [slot.seq, slot.owner.container])).toEqual([
      [1, 'i'],
      [2, 'a'],
    ]);
  });

  it('works while the API server is away, and empties the region of the container that starts', async () => {
    const node = await aNode(aSlot(1, ['1']), aSlot(2, ['2', '3']));
    const asking = [
      { name: 'a', kind: 'app' as const, count: 1 },
      { name: 'b', kind: 'app' as const, count: 2 },
    ];
    const placement = aPlacement({
      a: [aSlice()],
      b: [aSlice(), aSlice('GPU-bbbbbbbb-0000-0000-0000-000000000000')],
    });
    node.place(aPod({ asking, placement }), { a: ['1'], b: ['2', '3'] });
    expect(await node.preStart().start(['1'])).toEqual(OK);
    const again = await node.restarted();
    again.isApiAway = true;
    expect(await again.preStart().start(['3', '2'])).toEqual(OK);
    expect(again.cleared).toEqual([aSlot(2, []).slot]);
    expect(again.ensured).toHaveLength(2);
    expect(again.asked).toMatchObject({ read: 0, shown: 0 });
  });
});

describe('PreStart refuses', () => {
  const refusals: readonly [string, () => Promise<FakeNode>, string | RegExp][] = [
    [
      'ids nobody knows',
      async () => aNode(),
      '1 was given out by nobody known here: delete the pod, its slot was lost',
    ],
    [
      'a pod that nobody placed',
      async () => {
        const node = await aNode(aSlot(1, ['1']));
        node.place(aPod({ placement: null }), { a: ['1'] });
        return node;
      },
      'pod default/p was not placed by Kerf: it holds no kerf.dev/placement; let schedulerName kerf-scheduler place it',
    ],
    [
      'a placement that cannot be read',
      async () => {
        const node = await aNode(aSlot(1, ['1']));
        node.place({ ...aPod(), placement: '{"v":2}' }, { a: ['1'] });
        return node;
      },
      'kerf.dev/placement of pod default/p cannot be obeyed: placement version 2 is not 1',
    ],
    [
      'a pod that is gone',
      async () => {
        const node = await aNode(aSlot(1, ['1']));
        node.place(aPod(), { a: ['1'] });
        node.pods.clear();
        return node;
      },
      'pod default/p has these slots and is not on this node any more',
    ],
    [
      'a pod that was made again on another node',
      async () => {
        const node = await aNode(aSlot(1, ['1']));
        node.place(aPod({ node: 'n2' }), { a: ['1'] });
        return node;
      },
      'pod default/p has these slots and is not on this node any more',
    ],
    [
      'two pods in which only init containers ask',
      async () => {
        const node = await aNode(aSlot(1, ['1']));
        for (const name of ['p', 'q'])
          node.place(aPod({ name, asking: [{ name: 'a', kind: 'init', count: 1 }] }), null);
        return node;
      },
      'only init containers ask for slots in default/p, default/q: whose these are cannot be told until one remains',
    ],
    [
      'slots that no pod waits for',
      async () => aNode(aSlot(1, ['1'])),
      'the kubelet shows no pod with these slots, and no pod here waits for one',
    ],
    [
      'a container the placement gives nothing',
      async () => {
        const node = await aNode(aSlot(1, ['1']));
        node.place(aPod({ placement: aPlacement({ b: [aSlice()] }) }), { a: ['1'] });
        return node;
      },
      'the placement of pod default/p gives container a nothing, and it asks',
    ],
    [
      'more slices than slots',
      async () => {
        const node = await aNode(aSlot(1, ['1']));
        const two = [aSlice(), aSlice('GPU-bbbbbbbb-0000-0000-0000-000000000000')];
        node.place(aPod({ placement: aPlacement({ a: two }) }), { a: ['1'] });
        return node;
      },
      'container a has 1 slots and 2 slices',
    ],
    [
      'a slice that does not fit any more',
      async () => {
        const full = aPlacement({ a: [aSlice(GPU_A, 40_000)] });
        const node = await aNode(
          aSlot(1, ['1'], anOwner({ podUid: 'uid-x', placement: full })),
          aSlot(2, ['2']),
        );
        node.place(aPod(), { a: ['2'] });
        return node;
      },
      `device ${GPU_A}: 40000 of 40960 MiB are held, 1024 more do not fit; the pod must be placed again`,
    ],
    [
      'anything new while a record cannot be read',
      async () => {
        const node = await aNode(aSlot(1, ['1']));
        writeFileSync(join(node.store.folder, `${'f'.repeat(32)}.json`), '{}');
        await node.store.reload();
        node.place(aPod(), { a: ['1'] });
        return node;
      },
      /^what slot record .*ffff\.json holds is unknown, it has version undefined, not 1: remove it when no pod uses it$/,
    ],
  ];
  it.each(refusals)('%s', async (_, prepare, sentence) => {
    const node = await prepare();
    const ids = node.store.latest(['2']) === undefined ? ['1'] : ['2'];
    const before = node.store.all();
    const answer = await node.preStart().start(ids);
    expect(answer).toEqual({ ok: false, error: expect.stringMatching(sentence) });
    if (typeof sentence === 'string') expect(answer).toEqual({ ok: false, error: sentence });
    expect(node.store.all()).toEqual(before);
    expect(node.ensured).toEqual([]);
  });

  it('nothing for good: room that a sweep finds is given', async () => {
    const full = aPlacement({ a: [aSlice(GPU_A, 40_000)] });
    const old = aSlot(1, ['1'], anOwner({ podUid: 'uid-x', placement: full }));
    const node = await aNode(old, aSlot(2, ['2']));
    node.place(aPod(), { a: ['2'] });
    node.onSweep = () => node.store.remove(old.slot);
    expect(await node.preStart().start(['2'])).toEqual(OK);
    expect(node.asked.sweep).toBe(1);
  });

  it('to guess while the API server is away', async () => {
    const node = await aNode(aSlot(1, ['1']));
    node.place(aPod(), { a: ['1'] });
    node.isApiAway = true;
    await expect(node.preStart().start(['1'])).rejects.toThrow('cannot be reached');
    expect(node.store.bound()).toEqual([]);
  });

  it('the second of two pods that want the last room at once', async () => {
    const node = await aNode(aSlot(1, ['1']), aSlot(2, ['2']));
    const half = aPlacement({ a: [aSlice(GPU_A, 30_000)] });
    node.place(aPod({ name: 'p', placement: half }), { a: ['1'] });
    node.place(aPod({ name: 'q', placement: half }), { a: ['2'] });
    const preStart = node.preStart();
    const answers = await Promise.all([preStart.start(['1']), preStart.start(['2'])]);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    expect(node.store.bound()).toHaveLength(1);
  });
});
