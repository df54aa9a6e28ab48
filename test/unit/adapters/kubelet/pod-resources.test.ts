// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../src/adapters/clock.js';
import { PodResourcesLister } from '../../../../src/adapters/kubelet/pod-resources.js';
import { folders } from '../../../fakes/folder.js';
import { servePodResources } from '../../../fakes/kubelet.js';

const newFolder = folders();
const quickly: Clock = { now: systemClock.now, after: (_, job) => systemClock.after(1, job) };
const POD = { namespace: 'default', name: 'p', containers: [] };

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function served(answer: (call: number) => (typeof POD)[] | number) {
  const socket = join(newFolder(), 'kubelet.sock');
  let calls = 0;
  const server = await servePodResources(socket, () => answer(calls++));
  ends.push(() => server.forceShutdown());
  return new PodResourcesLister(socket, quickly);
}

describe('PodResources', () => {
  it('are asked once for all who wait, and anew for who comes during the call', async () => {
    const lister = await served((call) => [{ ...POD, name: `call-${call}` }]);
    const first = lister.list();
    await new Promise((resolve) => setImmediate(resolve));
    const burst = await Promise.all(Array.from({ length: 60 }, () => lister.list()));
    expect((await first)[0]?.name).toBe('call-0');
    expect(new Set(burst.map(([pod]) => pod?.name))).toEqual(new Set(['call-1']));
    expect(lister.calls).toBe(2);
  });

  it('are asked again with a pause when the kubelet wants fewer calls', async () => {
    const lister = await served((call) => (call < 3 ? status.RESOURCE_EXHAUSTED : [POD]));
    expect(await lister.list()).toEqual([POD]);
    expect(lister.calls).toBe(4);
  });

  it('fail with one sentence when the kubelet does not answer well, and work again later', async () => {
    const lister = await served((call) => (call === 0 ? status.INTERNAL : [POD]));
    await expect(lister.list()).rejects.toThrow('the kubelet does not say whose ids these are: refused');
    expect(await lister.list()).toEqual([POD]);
  });
});
