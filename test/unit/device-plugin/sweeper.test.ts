// SPDX-License-Identifier: Apache-2.0
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PodView } from '../../../device-plugin/pod-view.js';
import type { PodListener } from '../../../device-plugin/pods.js';
import { SlotStore } from '../../../device-plugin/slots.js';
import { Sweeper } from '../../../device-plugin/sweeper.js';
import { anOwner, aSlot } from '../../builders/slots.js';
import { FakeClock } from '../../fakes/clock.js';
import { folders } from '../../fakes/folder.js';
import { RESOURCE } from '../../fakes/node-room.js';

const newFolder = folders();

const aPod = (uid: string, isOver: boolean): PodView => ({
  uid,
  namespace: 'default',
  name: 'p',
  node: 'n1',
  isOver,
  placement: null,
  containers: [],
  asking: [],
  running: new Map(),
  workload: '',
  ended: new Map(),
});

/** A node with the pods given, each with a slot. */
async function aSweeper(...pods: readonly PodView[]) {
  const clock = new FakeClock();
  const store = await SlotStore.open(newFolder(), RESOURCE);
  await store.put(pods.map(({ uid }, at) => aSlot(at + 1, [`${at}`], anOwner({ podUid: uid }))));
  const listeners = new Set<PodListener>();
  const seen = { sweeps: 0, specs: [] as string[] };
  const sweeper = new Sweeper({
    resource: RESOURCE,
    store,
    clock,
    pods: {
      isSynced: true,
      lastSeen: (uid) => pods.find((pod) => pod.uid === uid),
      listen: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      readAll: async () => {
        seen.sweeps += 1;
        return pods;
      },
    },
    shown: { list: async () => [] },
    pages: { removeSpec: (slot) => void seen.specs.push(slot), dropRegion: () => undefined },
    onGone: () => {},
    onFault: (fault) => expect.fail(String(fault)),
  });
  const tell = (uid: string, pod: PodView | null): void => {
    for (const listener of listeners) listener(uid, pod);
  };
  return { clock, store, sweeper, seen, tell };
}

describe('the sweeper', () => {
  it('takes back the slot and the spec of a pod that ended', async () => {
    const { clock, store, sweeper, seen } = await aSweeper(aPod('over', true), aPod('lives', false));
    sweeper.start();
    clock.advance(1_000);
    expect(seen.sweeps).toBe(1);
    // Joins the one that runs.
    await sweeper.sweep();
    expect(store.bound().map(({ owner }) => owner.podUid)).toEqual(['lives']);
    expect(seen).toEqual({ sweeps: 1, specs: [aSlot(1, []).slot] });
  });

  it('is not put off by pods that end one after the other', async () => {
    const { clock, sweeper, seen, tell } = await aSweeper(aPod('over', true));
    sweeper.start();
    for (let at = 0; at < 4; at += 1) {
      tell('over', null);
      clock.advance(400);
    }
    expect(seen.sweeps).toBe(1);
  });

  it('sees that a record nobody could read was removed', async () => {
    const { store, sweeper } = await aSweeper(aPod('lives', false));
    const path = join(store.folder, `${'f'.repeat(32)}.json`);
    writeFileSync(path, '{');
    await store.reload();
    await sweeper.sweep();
    expect(store.unreadable()).toHaveLength(1);
    rmSync(path);
    await sweeper.sweep();
    expect(store.unreadable()).toEqual([]);
  });

  it('asks nobody while all pods live', async () => {
    const { clock, sweeper, seen } = await aSweeper(aPod('lives', false));
    sweeper.start();
    clock.advance(120_000);
    expect(seen.sweeps).toBe(0);
  });
});
