// SPDX-License-Identifier: Apache-2.0
// Rooms 2 to 4 on a real API server, with a real kube-scheduler, and nodes that are objects only.
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inventoryOf, PLACEMENT } from '../../src/wire/names.js';
import { encodeInventory } from '../../src/wire/inventory.js';
import { decodePlacement } from '../../src/wire/placement.js';
import { aDevice } from '../builders/core.js';
import {
  type Cluster,
  downCluster,
  isWrite,
  readAudit,
  restartIn,
  startApiServer,
  stopApiServer,
  until,
} from './index.js';
import { getInside } from './kerf/install.js';
import {
  EXTENDER,
  EXTENDER_PROGRAM,
  isExtenderReady,
  podOf as pod,
  Pods,
  SCHEDULER_USER as ACCOUNT,
  upPlacingCluster,
} from './kerf/placing-cluster.js';

const NODES = 100;

let cluster: Cluster;
const pods = new Pods(() => cluster);
const create = pods.create.bind(pods);
const read = pods.read.bind(pods);
const readAll = pods.readAll.bind(pods);
const remove = pods.remove.bind(pods);
const isBound = pods.areBound.bind(pods);
const explained = pods.explained.bind(pods);

/** Nodes of 8 × 40 GiB; the last has one T4. */
beforeAll(async () => {
  const devices = (node: number) =>
    node === NODES - 1
      ? [aDevice({ id: `GPU-${node}-0`, model: 'Tesla T4', memory: 15_360 })]
      : Array.from({ length: 8 }, (_, index) => aDevice({ id: `GPU-${node}-${index}`, index }));
  cluster = await upPlacingCluster('scheduler-test', {
    count: NODES,
    annotations: (index) => ({ [inventoryOf('nvidia')]: encodeInventory(devices(index)) }),
    allocatable: { 'nvidia.com/gpu': '80' },
  });
}, 300_000);

afterAll(() => downCluster('scheduler-test'), 60_000);

const part = { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '8192', 'nvidia.com/gpu-cores': '20' };

afterEach(() => remove(''));

describe('a real kube-scheduler with Kerf as its extender', () => {
  it('binds a burst of 60 pods, with one write of Kerf each, and no device holds more than it has', async () => {
    const since = new Date();
    await create(...Array.from({ length: 60 }, (_, index) => pod(`burst-${index}`, part)));
    expect(await until(() => isBound('burst-', 60), 60_000, 100)).toBe(true);
    const writes = (await readAudit(cluster, { user: ACCOUNT, since }))
      .filter((entry) => isWrite(entry) && entry.userAgent === 'kerf-scheduler')
      .map(({ resource, subresource, code }) => `${resource}/${subresource} ${code}`);
    expect(writes).toEqual(Array.from({ length: 60 }, () => 'pods/binding 201'));
    const held = new Map<string, number>();
    for (const { metadata } of await readAll('burst-')) {
      const placement = decodePlacement(metadata.annotations?.[PLACEMENT] ?? '');
      if (!placement.ok) throw new Error(placement.error);
      for (const { slices } of placement.value.containers)
        for (const { deviceId, memory } of slices) held.set(deviceId, (held.get(deviceId) ?? 0) + memory);
    }
    expect(Math.max(...held.values())).toBeLessThanOrEqual(40_960);
    // Binpack: slices of a fifth each, so twelve devices and the small one would do; some were chosen while
    // other binds were under way.
    expect(held.size).toBeLessThanOrEqual(24);
  });

  it('leaves a pod pending that fits nowhere, and says so counted in the event and in full at explain', async () => {
    await create(pod('too-big', { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '50000' }));
    const message = async () => {
      const query = 'fieldSelector=involvedObject.name%3Dtoo-big';
      const { body } = await cluster.api.call({
        method: 'GET',
        path: `/api/v1/namespaces/default/events?${query}`,
      });
      return String(body.items?.[0]?.message ?? '');
    };
    expect(await until(async () => (await message()) !== '', 20_000, 100)).toBe(true);
    expect(await message()).toContain(
      '1 too small on the only device: 50000 MiB wanted, 15360 MiB in all, ' +
        '99 too small on all 8 devices: 50000 MiB wanted, 40960 MiB in all',
    );
    const explanation = await explained('too-big');
    expect(explanation.state).toBe('pending');
    expect(explanation.nodes).toHaveLength(NODES);
    expect(explanation.nodes[0].devices[0]).toMatchObject({
      kind: 'TooSmall',
      curable: 'never',
      fits: false,
    });
  });

  it('places the devices a pod names, and tells where a placed pod sits', async () => {
    await create(pod('choosy', part, { 'kerf.dev/device-type': 't4' }));
    expect(await until(() => isBound('choosy', 1), 20_000, 100)).toBe(true);
    expect((await read('choosy')).spec.nodeName).toBe('node-0100');
    await until(async () => (await explained('choosy'))?.state === 'placed', 5_000, 50);
    expect(await explained('choosy')).toMatchObject({
      state: 'placed',
      node: 'node-0100',
      containers: [{ name: 'main', slices: [{ device: 'GPU-99-0', memoryMiB: 8192, corePercent: 20 }] }],
    });
  });

  it('frees what a deleted pod held, and what it knew before it was killed it knows again', async () => {
    const whole = { 'nvidia.com/gpu': '1' };
    await create(pod('first', whole, { 'kerf.dev/device-uuid': 'GPU-7-3' }));
    expect(await until(() => isBound('first', 1), 20_000, 100)).toBe(true);
    await restartIn(cluster, EXTENDER_PROGRAM, 'SIGKILL');
    expect(await until(() => isExtenderReady(cluster), 30_000, 100)).toBe(true);
    await create(pod('second', whole, { 'kerf.dev/device-uuid': 'GPU-7-3' }));
    expect(await until(async () => (await explained('second')) !== undefined, 10_000, 50)).toBe(true);
    const { nodes } = await explained('second');
    const seventh = nodes.find(({ node }: { node: string }) => node === 'node-0008');
    expect(seventh.devices[3]).toMatchObject({
      id: 'GPU-7-3',
      kind: 'HeldExclusively',
      curable: 'by-preemption',
    });
    await remove('first');
    expect(await until(() => isBound('second', 1), 30_000, 100)).toBe(true);
  });

  it('reports a placement that nobody can read, once, and holds what it knew', async () => {
    const whole = { 'nvidia.com/gpu': '1' };
    await create(pod('spoilt', whole, { 'kerf.dev/device-uuid': 'GPU-20-0' }));
    expect(await until(() => isBound('spoilt', 1), 20_000, 100)).toBe(true);
    await until(async () => (await explained('spoilt'))?.state === 'placed', 5_000, 50);
    const since = new Date();
    const body = { metadata: { annotations: { [PLACEMENT]: 'garbage' } } };
    await cluster.api.call({ method: 'PATCH', path: '/api/v1/namespaces/default/pods/spoilt', body });
    const told = async () => {
      const { body: events } = await cluster.api.call({
        method: 'GET',
        path: '/apis/events.k8s.io/v1/namespaces/default/events',
      });
      return (events.items as { reason: string; note: string }[]).filter(
        ({ reason }) => reason === 'PlacementUnreadable',
      );
    };
    expect(await until(async () => (await told()).length > 0, 10_000, 100)).toBe(true);
    expect((await told()).map(({ note }) => note)).toEqual(['placement is not a JSON object']);
    const { nodes } = await explained('spoilt').then(async () => {
      await create(pod('next', whole, { 'kerf.dev/device-uuid': 'GPU-20-0' }));
      await until(async () => (await explained('next')) !== undefined, 10_000, 50);
      return explained('next');
    });
    const held = nodes.find(({ node }: { node: string }) => node === 'node-0021');
    expect(held.devices[0]).toMatchObject({ kind: 'HeldExclusively' });
    expect(held.devices[1]).toMatchObject({ kind: 'WrongDevice' });
    const writes = (await readAudit(cluster, { user: ACCOUNT, since })).filter(
      (entry) => isWrite(entry) && entry.userAgent === 'kerf-scheduler',
    );
    expect(writes.map(({ resource }) => resource)).toEqual(['events']);
  });

  it('cordons a device within a second', async () => {
    const body = { metadata: { annotations: { 'kerf.dev/cordon': 'GPU-30-0' } } };
    await cluster.api.call({ method: 'PATCH', path: '/api/v1/nodes/node-0031', body });
    await create(pod('shy', part, { 'kerf.dev/device-uuid': 'GPU-30-0' }));
    const seen = async () => {
      const { nodes } = (await explained('shy')) ?? { nodes: [] };
      const node = nodes?.find((each: { node: string }) => each.node === 'node-0031');
      return node?.devices[0]?.kind === 'Cordoned';
    };
    expect(await until(seen, 1_000, 20)).toBe(true);
    const back = { metadata: { annotations: { 'kerf.dev/cordon': null } } };
    await cluster.api.call({ method: 'PATCH', path: '/api/v1/nodes/node-0031', body: back });
    expect(await until(() => isBound('shy', 1), 30_000, 100)).toBe(true);
  });

  it('goes on after the API server was away, and gives nothing out twice', async () => {
    await create(...Array.from({ length: 20 }, (_, index) => pod(`away-${index}`, part)));
    await stopApiServer(cluster);
    // Away long enough for watches to fail, and for the port to be free again.
    await setTimeout(2_000);
    await startApiServer(cluster);
    await create(...Array.from({ length: 20 }, (_, index) => pod(`away-later-${index}`, part)));
    expect(await until(() => isBound('away-', 40), 60_000, 200)).toBe(true);
    const held = new Map<string, number>();
    for (const { metadata } of await readAll('away-')) {
      const placement = decodePlacement(metadata.annotations?.[PLACEMENT] ?? '');
      if (!placement.ok) throw new Error(placement.error);
      for (const { slices } of placement.value.containers)
        for (const { deviceId, memory } of slices) held.set(deviceId, (held.get(deviceId) ?? 0) + memory);
    }
    expect(Math.max(...held.values())).toBeLessThanOrEqual(40_960);
    const counts = async () => (await getInside(cluster, `${EXTENDER}/metrics`)) ?? '';
    const isConfirmed = async () =>
      /^kerf_scheduler_ledger_pods\{state="held"\} 40$/m.test(await counts()) &&
      /^kerf_scheduler_ledger_pods\{state="assumed"\} 0$/m.test(await counts());
    expect(await until(isConfirmed, 10_000, 100)).toBe(true);
  });
});
