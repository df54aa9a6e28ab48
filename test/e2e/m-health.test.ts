// SPDX-License-Identifier: Apache-2.0
// Journey m: a device that fails under a running pod. The pod runs on and its status says Unhealthy, new pods go
// elsewhere and are told why, and what passes comes back: XIDs, a driver that hangs, devices that leave and come.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/core/device.js';
import type { Explanation } from '../../src/scheduling/explain.js';
import { ARTEFACTS } from '../cluster/kerf/artefacts.js';
import { FAKE_DIR } from '../cluster/kerf/fake-gpus.js';
import { getInside } from '../cluster/kerf/install.js';
import { EXTENDER_PORT, pluginPort } from '../cluster/kerf/ports.js';
import { isReady } from './support/api.js';
import { devicesOf, endJourney, type Journey, startJourney } from './support/journey.js';
import { container, pod } from './support/manifests.js';
import { inventories } from './support/started.js';
import { waitFor } from './support/wait.js';

const on = (node: string) => ({ nodeSelector: { 'kubernetes.io/hostname': node } });
const OFTEN = { everyMs: 20, timeoutMs: 30_000 };

describe('a device that fails', () => {
  let journey: Journey;
  let device = '';
  let runs = '';

  const fake = async (node: string, verb: string, ...words: string[]): Promise<void> => {
    const ran = await journey.cluster.exec(node, [ARTEFACTS.fakeGpus, verb, FAKE_DIR, ...words]);
    if (ran.code !== 0) throw new Error(`kerf-fake-gpus ${verb}: ${ran.stderr}`);
  };
  const announced = async (node: string): Promise<readonly Device[]> =>
    (await inventories(journey)).get(node) ?? [];
  const announcedOf = async (id: string, node = 'n1'): Promise<Device | undefined> =>
    (await announced(node)).find((row) => row.id === id);
  const metric = async (row: string): Promise<string | undefined> => {
    const text = (await getInside(journey.cluster, `http://127.0.0.1:${pluginPort('n1')}/metrics`)) ?? '';
    return text.split('\n').find((line) => line.startsWith(`${row}`));
  };
  const healthOf = async (name: string): Promise<string | undefined> => {
    const [status] = (await journey.api.pod(journey.namespace, name)).status.containerStatuses ?? [];
    return status?.allocatedResourcesStatus?.flatMap(({ resources }) => resources ?? [])[0]?.health;
  };
  const containerOf = async (name: string): Promise<string> => {
    const found = await journey.api.pod(journey.namespace, name);
    expect(isReady(found)).toBe(true);
    return found.status.containerStatuses?.[0]?.containerID ?? '';
  };
  const create = (name: string, node: string, annotations: Readonly<Record<string, string>> = {}) =>
    journey.api.createAll([
      pod(name, [container({ mem: 1000 })], { namespace: journey.namespace, annotations, spec: on(node) }),
    ]);

  beforeAll(async () => {
    journey = await startJourney('m');
    await Promise.all([create('victim', 'n1'), create('far', 'n2')]);
    await journey.api.running(journey.namespace, 2);
    device = devicesOf(await journey.api.pod(journey.namespace, 'victim'))[0] ?? '';
    runs = await containerOf('victim');
    await waitFor(
      'the status of the pod to tell its slot',
      async () => (await healthOf('victim')) === 'Healthy',
    );
  });
  afterAll(async () => {
    await fake('n2', 'hang', 'off');
    for (const { id } of await announced('n1')) await fake('n1', 'heal', id);
    await endJourney(journey);
  });

  it('by what its tenant did is as it was', async () => {
    // Other journeys may have had one here before.
    const counted = async (): Promise<number> =>
      Number((await metric(`kerf_device_xid_total{device="${device}",xid="13"}`))?.split(' ').at(-1) ?? 0);
    const before = await counted();
    await fake('n1', 'fault', device, '13');
    await waitFor('the fault to be counted', async () => (await counted()) === before + 1);
    expect(await announcedOf(device)).toMatchObject({ isHealthy: true });
    expect(await healthOf('victim')).toBe('Healthy');
  });

  it('by XID 79 is Unhealthy in inventory, metrics and the status of its pod, which runs on', async () => {
    const start = performance.now();
    const since = (): string => `${Math.round(performance.now() - start)} ms`;
    const seen: string[] = [];
    await fake('n1', 'fault', device, '79');
    seen.push(`the fault is there after ${since()}`);
    await Promise.all([
      waitFor('the inventory', async () => (await announcedOf(device))?.isHealthy === false, OFTEN).then(() =>
        seen.push(`inventory after ${since()}`),
      ),
      waitFor('the pod’s status', async () => (await healthOf('victim')) === 'Unhealthy', OFTEN).then(() =>
        seen.push(`allocatedResourcesStatus after ${since()}`),
      ),
    ]);
    console.log(`XID 79: ${seen.join(', ')}`);
    expect(await announcedOf(device)).toMatchObject({
      reason: 'XID 79: GPU has fallen off the bus; it must be reset',
    });
    expect(await metric(`kerf_plugin_device_healthy{device="${device}"`)).toMatch(/ 0$/);
    expect(await containerOf('victim')).toBe(runs);
  });

  it('is not given to new pods: they go elsewhere, and explain names the reason', async () => {
    await create('elsewhere', 'n1');
    await create('stubborn', 'n1', { 'kerf.dev/device-uuid': device });
    await journey.api.running(journey.namespace, 3);
    expect(devicesOf(await journey.api.pod(journey.namespace, 'elsewhere'))).not.toContain(device);
    const url = `http://127.0.0.1:${EXTENDER_PORT}/v1/explain/${journey.namespace}/stubborn`;
    const told = await waitFor('explain', async () => {
      const text = await getInside(journey.cluster, url);
      return text === undefined ? undefined : (JSON.parse(text) as Explanation);
    });
    expect(JSON.stringify(told)).toContain('unhealthy: XID 79: GPU has fallen off the bus; it must be reset');
  });

  it('comes back when the driver has it again, and the pod still runs', async () => {
    await fake('n1', 'heal', device);
    await waitFor('the pod’s status', async () => (await healthOf('victim')) === 'Healthy');
    expect(await announcedOf(device)).toMatchObject({ isHealthy: true, reason: '' });
    expect(await containerOf('victim')).toBe(runs);
    await journey.api.running(journey.namespace, 4);
    expect(devicesOf(await journey.api.pod(journey.namespace, 'stubborn'))).toEqual([device]);
  });

  it('by what may pass is in quarantine, and comes back by a look', async () => {
    await fake('n1', 'fault', device, '74');
    const reason = 'XID 74: NVLink error; looked at again after 5 s';
    await waitFor('quarantine', async () => (await announcedOf(device))?.reason === reason, OFTEN);
    await waitFor('its end', async () => (await announcedOf(device))?.isHealthy === true);
    expect(await containerOf('victim')).toBe(runs);
  });

  it('leaves the list when it is gone and nobody sits on it, and is offered again when it is back', async () => {
    const free = (await announced('n1')).find(({ index }) => index === 7)?.id ?? '';
    await fake('n1', 'unplug', free);
    await waitFor('seven devices', async () => (await announced('n1')).length === 7);
    await fake('n1', 'plug', free);
    await waitFor('eight devices', async () => (await announcedOf(free))?.isHealthy === true);
  });

  it('all of them when NVML hangs, with the reason, and recovers; the pod is not touched', async () => {
    const far = await containerOf('far');
    await fake('n2', 'hang', 'on');
    const sick = await waitFor('the silence to be told', async () =>
      (await announced('n2')).find(({ isHealthy }) => !isHealthy),
    );
    expect(sick.reason).toMatch(/NVML/);
    expect(await waitFor('the status', async () => (await healthOf('far')) === 'Unhealthy')).toBe(true);
    await fake('n2', 'hang', 'off');
    await waitFor('NVML to answer', async () => (await announced('n2')).every(({ isHealthy }) => isHealthy));
    expect(await containerOf('far')).toBe(far);
  });
});
