// SPDX-License-Identifier: Apache-2.0
// Journey o: a node with GPUs of two vendors. The second one's are placed, handed over and accounted; its library is a
// fake, opened through koffi as the real one; nothing of ours holds the container, and every place that tells says so.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeState } from '../../src/observing/state.js';
import { addAmd, bothMonitorPort, fakeAmdOn, removeAmd } from '../cluster/kerf/amd.js';
import { getInside } from '../cluster/kerf/install.js';
import { amdPluginPort, EXTENDER_PORT } from '../cluster/kerf/ports.js';
import type { PodObject } from './support/api.js';
import {
  devicesOf,
  endJourney,
  execIn,
  type Journey,
  lastJson,
  placementOf,
  type SlotRecord,
  startJourney,
} from './support/journey.js';
import { container, pod } from './support/manifests.js';
import { waitFor } from './support/wait.js';

const NODE = 'n2';
const MIB = 1_048_576;

const amdAsk = (memory: string) => ({
  extra: {
    resources: { limits: { 'amd.com/gpu': '1', 'amd.com/gpu-mem': memory, 'amd.com/gpu-cores': '25' } },
  },
});

describe('a node with GPUs of two vendors', () => {
  let journey: Journey;
  let amd: PodObject;
  let beside: PodObject;

  const metrics = async (): Promise<string> =>
    (await getInside(journey.cluster, `http://127.0.0.1:${bothMonitorPort(NODE)}/metrics`)) ?? '';
  const valueOf = (text: string, name: string, label: string): number =>
    Number(new RegExp(`^${name}\\{[^}]*${label}[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
  const named = (pods: readonly PodObject[], name: string): PodObject =>
    pods.find(({ metadata }) => metadata.name === name) as PodObject;

  beforeAll(async () => {
    journey = await startJourney('o');
    await addAmd(journey.cluster, NODE, 'MI300X-192G', 'MI210-64G');
    const { namespace } = journey;
    const spec = { nodeSelector: { 'kubernetes.io/hostname': NODE } };
    const annotations = { 'kerf.dev/device-type': 'AMD Instinct MI300X' };
    await journey.api.createAll([
      pod('beside', [container({ mem: 4096, cores: 30 })], { namespace, spec }),
      pod('amd', [container(null, amdAsk('48Gi'))], { namespace, spec, annotations }),
    ]);
    const pods = await journey.api.running(namespace, 2);
    [amd, beside] = [named(pods, 'amd'), named(pods, 'beside')];
  });
  afterAll(async () => {
    await endJourney(journey);
    if (journey !== undefined) await removeAmd(journey.cluster, NODE);
  });

  it('gives the pod memory and whole compute units of the model it wants', async () => {
    const [slice] = placementOf(amd).containers.flatMap(({ slices }) => slices);
    // 25 % of 304 compute units are 76.
    expect(slice).toMatchObject({ memory: 48 * 1024, cores: 250 });
    const listed = await fakeAmdOn(journey.cluster, NODE, 'list');
    expect(listed).toContain(`128 ${slice?.deviceId} 196592 AMD Instinct MI300X`);
  });

  it('hands over the device nodes of its device, and its env, and nothing of ours', async () => {
    const seen = await execIn(journey, { pod: 'amd' }, [
      ...['sh', '-c', 'ls /dev/kfd /dev/dri; env; ls -d /usr/local/kerf /etc/ld.so.preload 2>&1; ls /dev'],
    ]);
    expect(seen).toContain('/dev/kfd');
    expect(seen).toContain('renderD128');
    expect(seen).not.toContain('renderD129');
    expect(seen).toContain(`AMD_VISIBLE_DEVICES=${devicesOf(amd)[0]}\n`);
    expect(seen).not.toMatch(/^\/usr\/local\/kerf$|^\/etc\/ld.so.preload$|nvidia/m);
  });

  it('says in slots, usage and metrics that nothing holds it', async () => {
    const url = `http://127.0.0.1:${amdPluginPort(NODE)}/v1/slots`;
    const slots = JSON.parse((await getInside(journey.cluster, url)) ?? '[]') as readonly SlotRecord[];
    expect(slots.map((slot) => [slot.pod?.name, slot.enforcement])).toEqual([['amd', 'off']]);
    const usage = `http://127.0.0.1:${bothMonitorPort(NODE)}/v1/usage`;
    const state = JSON.parse((await getInside(journey.cluster, usage)) ?? '{}') as NodeState;
    expect(state.problems).toEqual([]);
    expect(state.slices.find((slice) => slice.pod === 'amd')).toMatchObject({
      enforcement: 'off',
      usedMiB: null,
    });
    const text = await metrics();
    expect(valueOf(text, 'kerf_slice_enforced', 'pod="amd"')).toBe(0);
    expect(valueOf(text, 'kerf_slice_memory_granted_bytes', 'pod="amd"')).toBe(48 * 1024 * MIB);
    expect(text).not.toMatch(/kerf_slice_unreadable\{[^}]*pod="amd"/);
  });

  it('says so to who asks where the pod sits', async () => {
    const url = `http://127.0.0.1:${EXTENDER_PORT}/v1/explain/${journey.namespace}/amd`;
    const told = JSON.parse((await getInside(journey.cluster, url)) ?? '{}') as { readonly text?: string };
    expect(told.text).toMatch(/^placed on node n2; enforcement of AMD GPU is off/);
  });

  it('tells how much of the device is used and how busy it is, as its driver does', async () => {
    const [id = ''] = devicesOf(amd);
    await fakeAmdOn(journey.cluster, NODE, 'use', id, '20480', '73');
    const text = await metrics();
    const label = `device="${id}"`;
    expect(valueOf(text, 'kerf_device_memory_total_bytes', label)).toBe(196_592 * MIB);
    expect(valueOf(text, 'kerf_device_memory_used_bytes', label)).toBe(20_480 * MIB);
    expect(valueOf(text, 'kerf_device_busy_ratio', label)).toBe(0.73);
    expect(valueOf(text, 'kerf_device_memory_granted_bytes', label)).toBe(48 * 1024 * MIB);
    expect(valueOf(text, 'kerf_device_healthy', label)).toBe(1);
  });

  it('gives what is asked beyond the device to nobody', async () => {
    const annotations = { 'kerf.dev/device-type': 'AMD Instinct MI300X' };
    const spec = { nodeSelector: { 'kubernetes.io/hostname': NODE } };
    const more = pod('more', [container(null, amdAsk('150Gi'))], {
      ...{ namespace: journey.namespace, spec, annotations },
    });
    await journey.api.createAll([more]);
    // Unschedulable at the first look, and a word of patience at those that nothing new came before.
    const waits = async (): Promise<boolean> => {
      const { conditions = [] } = (await journey.api.pod(journey.namespace, 'more')).status;
      return conditions.some(({ type, status }) => type === 'PodScheduled' && status === 'False');
    };
    await waitFor('the pod is told that it waits', waits);
    expect((await journey.api.pod(journey.namespace, 'more')).spec.nodeName).toBeUndefined();
  });

  it('a device with uncorrectable errors is announced as ill, and well again when they are gone', async () => {
    const [id = ''] = devicesOf(amd);
    const announced = async (): Promise<string> => {
      const node = await journey.api.get<PodObject>(`/api/v1/nodes/${NODE}`);
      return node.metadata.annotations?.['kerf.dev/inventory-amd'] ?? '';
    };
    await fakeAmdOn(journey.cluster, NODE, 'fault', id, '2');
    const isIll = async () =>
      (await announced()).includes('"healthy":false,"reason":"RAS_UNCORRECTABLE_UMC"');
    await waitFor('the device is ill', isIll);
    await fakeAmdOn(journey.cluster, NODE, 'heal', id);
    await waitFor('the device is well', async () => !(await announced()).includes('"healthy":false'));
  });

  it('leaves the pod of the other vendor beside it as it was', async () => {
    const seen = await execIn(journey, { pod: 'beside' }, ['kerf-workload', 'info']);
    const { devices } = lastJson<{ devices: readonly { uuid: string; cuda_total_bytes: number }[] }>(seen);
    expect(devices).toMatchObject([{ uuid: devicesOf(beside)[0], cuda_total_bytes: 4096 * MIB }]);
    expect(await execIn(journey, { pod: 'beside' }, ['sh', '-c', 'ls /dev; env'])).not.toMatch(/kfd|AMD_/);
    const text = await metrics();
    expect(valueOf(text, 'kerf_slice_memory_granted_bytes', 'pod="beside"')).toBe(4096 * MIB);
  });
});
