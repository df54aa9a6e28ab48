// SPDX-License-Identifier: Apache-2.0
// Over real unix sockets, against the kubelet's side of the protocol.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { allocateSlots } from '../../../device-plugin/allocate-slots.js';
import { idAt, type IdHealth } from '../../../device-plugin/ids.js';
import { PLUGIN_OPTIONS, type PluginDuties, servePlugin } from '../../../device-plugin/plugin.js';
import { prefixOf, Registrar } from '../../../device-plugin/register.js';
import { SlotStore } from '../../../device-plugin/slots.js';
import { type Clock, systemClock } from '../../../src/adapters/clock.js';
import { registerWithKubelet } from '../../../src/adapters/kubelet/registration.js';
import { err, ok } from '../../../src/core/result.js';
import { folders } from '../../fakes/folder.js';
import { allocate, FakeKubelet, preStart } from '../../fakes/kubelet.js';

const newFolder = folders();
const RESOURCE = 'nvidia.com/gpu';

/** Looks every 5 ms instead of every second: sockets are real, so is the time they take. */
const quickly: Clock = {
  now: systemClock.now,
  after: (ms, job) => systemClock.after(Math.min(ms / 200, 50), job),
};

interface Running {
  readonly kubelet: FakeKubelet;
  readonly registrar: Registrar;
  readonly folder: string;
  readonly ids: IdHealth[];
  readonly faults: unknown[];
  readonly store: SlotStore;
}

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function running(duties: Partial<PluginDuties> = {}): Promise<Running> {
  const folder = newFolder();
  const kubelet = new FakeKubelet(join(folder, 'dp'));
  await kubelet.start();
  const store = await SlotStore.open(join(folder, 'slots'), RESOURCE);
  const ids: IdHealth[] = [0, 1].map((at) => ({ id: idAt(at), isHealthy: true }));
  const faults: unknown[] = [];
  let names = 0;
  const randomName = (): string => (names++).toString(16).padStart(32, '0');
  const all: PluginDuties = {
    ids: () => ids,
    allocate: (requests) =>
      allocateSlots({ store, resource: RESOURCE, nowMs: () => 1, randomName }, requests),
    preStart: async () => ok(undefined),
    onFault: (_, fault) => void faults.push(fault),
    ...duties,
  };
  const registrar = new Registrar({
    folder: kubelet.folder,
    vendor: 'acme',
    clock: quickly,
    serve: (socketPath) => servePlugin(socketPath, all),
    register: (socket, endpoint) =>
      registerWithKubelet(socket, {
        version: 'v1beta1',
        endpoint,
        resourceName: RESOURCE,
        options: { ...PLUGIN_OPTIONS },
      }),
    onRegistered: () => {},
    onFault: (_, fault) => void faults.push(fault),
  });
  registrar.start();
  ends.push(async () => {
    await registrar.stop();
    kubelet.stop();
  });
  return { kubelet, registrar, folder: kubelet.folder, ids, faults, store };
}

const ourSockets = (folder: string): string[] =>
  readdirSync(folder).filter((name) => name.startsWith('kerf-'));

describe('the plugin and the kubelet', () => {
  it('registers with its own socket, and wants PreStart', async () => {
    const { kubelet, folder } = await running();
    const { request, options, lists } = await kubelet.registered(1);
    expect(request).toMatchObject({ version: 'v1beta1', resourceName: RESOURCE, options: PLUGIN_OPTIONS });
    expect(request.endpoint).toMatch(/^kerf-acme-[0-9a-f]{8}\.sock$/);
    expect(ourSockets(folder)).toEqual([request.endpoint]);
    expect(options).toEqual(PLUGIN_OPTIONS);
    expect(lists).toEqual([
      {
        devices: [
          { ID: 'slot-0001', health: 'Healthy' },
          { ID: 'slot-0002', health: 'Healthy' },
        ],
      },
    ]);
  });

  it('answers Allocate with a name per container, on disk before', async () => {
    const { kubelet, store } = await running();
    const plugin = await kubelet.registered(1);
    const answer = await allocate(plugin, ['slot-0002'], ['slot-0001', 'slot-0003']);
    expect(answer.containerResponses).toEqual([
      { cdiDevices: [{ name: `kerf.dev/slot=${'0'.repeat(32)}` }] },
      { cdiDevices: [{ name: `kerf.dev/slot=${'0'.repeat(31)}1` }] },
    ]);
    const onDisk = (await SlotStore.open(store.folder, RESOURCE)).all();
    expect(onDisk.map(({ ids, owner }) => [ids, owner])).toEqual([
      [['slot-0002'], null],
      [['slot-0001', 'slot-0003'], null],
    ]);
  });

  it('says the refusal’s sentence to the kubelet', async () => {
    const { kubelet } = await running({ preStart: async ([id]) => err(`${id} is refused`) });
    const plugin = await kubelet.registered(1);
    await expect(preStart(plugin, ['slot-0001'])).rejects.toMatchObject({
      code: 9,
      details: 'slot-0001 is refused',
    });
  });

  it('says a fault to the kubelet, and that it was no refusal', async () => {
    const { kubelet, faults } = await running({ preStart: () => Promise.reject(new Error('disk full')) });
    const plugin = await kubelet.registered(1);
    await expect(preStart(plugin, ['slot-0001'])).rejects.toMatchObject({ code: 14, details: 'disk full' });
    expect(faults).toEqual([new Error('disk full')]);
  });

  it('sends the list when it changed, and only then', async () => {
    const { kubelet, registrar, ids } = await running();
    const plugin = await kubelet.registered(1);
    registrar.publish();
    ids[1] = { id: idAt(1), isHealthy: false };
    registrar.publish();
    await new Promise((resolve) => plugin.stream.once('data', resolve));
    expect(plugin.lists.map(({ devices }) => devices.map(({ health }) => health))).toEqual([
      ['Healthy', 'Healthy'],
      ['Healthy', 'Unhealthy'],
    ]);
  });

  it('registers again under a new name after a kubelet restart', async () => {
    const { kubelet, folder } = await running();
    const first = await kubelet.registered(1);
    await kubelet.restart();
    const second = await kubelet.registered(2);
    expect(second.request.endpoint).not.toBe(first.request.endpoint);
    expect(ourSockets(folder)).toEqual([second.request.endpoint]);
  });

  it('registers again when its socket was removed', async () => {
    const { kubelet, folder } = await running();
    const first = await kubelet.registered(1);
    rmSync(join(folder, first.request.endpoint));
    const second = await kubelet.registered(2);
    expect(ourSockets(folder)).toEqual([second.request.endpoint]);
  });

  it('registers again when the kubelet let go of its stream', async () => {
    const { kubelet } = await running();
    const first = await kubelet.registered(1);
    first.stream.cancel();
    await kubelet.registered(2);
  }, 10_000);

  it('waits for a kubelet that is not there', async () => {
    const { kubelet, registrar, folder, faults } = await running();
    await kubelet.registered(1);
    kubelet.stop();
    rmSync(join(folder, 'kubelet.sock'), { force: true });
    while (registrar.problem === '' || faults.length === 0)
      await new Promise((resolve) => setImmediate(resolve));
    expect(String(faults[0])).toContain('the kubelet is not running');
    await kubelet.start();
    await kubelet.registered(2);
  });

  it('removes sockets of instances that were killed, and no others', async () => {
    const { kubelet, folder, registrar } = await running();
    await kubelet.registered(1);
    await registrar.stop();
    const living = join(folder, 'kerf-acme-00000000.sock');
    const dead = join(folder, 'kerf-acme-ffffffff.sock');
    const other = await servePlugin(living, idle);
    const killed = await servePlugin(join(folder, 'x.sock'), idle);
    const { renameSync } = await import('node:fs');
    renameSync(join(folder, 'x.sock'), dead);
    killed.close();
    expect(existsSync(dead)).toBe(true);
    const again = new Registrar({
      folder,
      vendor: 'acme',
      clock: quickly,
      serve: (path) => servePlugin(path, idle),
      register: (socket, endpoint) =>
        registerWithKubelet(socket, {
          version: 'v1beta1',
          endpoint,
          resourceName: RESOURCE,
          options: undefined,
        }),
      onRegistered: () => {},
      onFault: () => {},
    });
    again.start();
    const { request } = await kubelet.registered(2);
    expect(ourSockets(folder).sort()).toEqual(['kerf-acme-00000000.sock', request.endpoint].sort());
    await again.stop();
    other.close();
  });
});

const idle: PluginDuties = {
  ids: () => [{ id: 'slot-0001', isHealthy: true }],
  allocate: async () => [],
  preStart: async () => ok(undefined),
  onFault: () => {},
};

describe('socket names', () => {
  it('stay short, whatever the vendor is called', () => {
    expect(prefixOf('acme')).toBe('kerf-acme-');
    expect(prefixOf('a-vendor-with-a-very-long-name')).toMatch(/^kerf-[0-9a-f]{12}-$/);
  });

  it('are refused when Node would cut their path', async () => {
    await expect(servePlugin(`/tmp/${'x'.repeat(110)}`, idle)).rejects.toThrow('is longer than 107 bytes');
  });
});
