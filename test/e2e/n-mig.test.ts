// SPDX-License-Identifier: Apache-2.0
// Journey n: a GPU that its driver has cut into MIG instances, beside GPUs that Kerf shares, on one node: each instance
// is a device given whole, the GPU itself is never given, and pods of both kinds run beside each other.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/core/device.js';
import { ARTEFACTS } from '../cluster/kerf/artefacts.js';
import { FAKE_DIR } from '../cluster/kerf/fake-gpus.js';
import { endJourney, execIn, type Journey, lastJson, placementOf, startJourney } from './support/journey.js';
import { type Ask, container, pod } from './support/manifests.js';
import { inventories } from './support/started.js';
import { waitFor } from './support/wait.js';

const PROFILES = ['1g.5gb', '2g.10gb', '3g.20gb'];

interface Seen {
  readonly devices: readonly { readonly uuid: string }[];
}

describe('MIG instances beside shared devices', () => {
  let journey: Journey;
  let parent = '';
  let instances: readonly Device[] = [];

  const announced = async (): Promise<readonly Device[]> => (await inventories(journey)).get('n1') ?? [];
  const cut = async (...words: string[]): Promise<void> => {
    const mig = [ARTEFACTS.fakeGpus, 'mig', FAKE_DIR, parent, ...words].join(' ');
    const ran = await journey.cluster.exec('n1', [
      'sh',
      '-c',
      `${mig} && cp ${FAKE_DIR}/cdi/*.json /etc/cdi/`,
    ]);
    if (ran.code !== 0) throw new Error(`kerf-fake-gpus mig: ${ran.stderr}`);
  };
  const onN1 = (name: string, ask: Ask, annotations: Readonly<Record<string, string>>) =>
    pod(name, [container(ask)], {
      namespace: journey.namespace,
      annotations,
      spec: { nodeSelector: { 'kubernetes.io/hostname': 'n1' } },
    });
  const sliceOf = async (name: string) => {
    const [slice] = placementOf(await journey.api.pod(journey.namespace, name)).containers[0]?.slices ?? [];
    if (slice === undefined) throw new Error(`pod ${name} has no slice`);
    return slice;
  };
  const modelOf = async (name: string): Promise<string | undefined> => {
    const { deviceId } = await sliceOf(name);
    return (await announced()).find(({ id }) => id === deviceId)?.model;
  };

  beforeAll(async () => {
    journey = await startJourney('n');
    parent = (await announced()).find(({ index }) => index === 7)?.id ?? '';
    await cut(...PROFILES);
    instances = await waitFor('the instances', async () => {
      const found = (await announced()).filter(({ mode }) => mode === 'instance');
      return found.length === PROFILES.length && found;
    });
    await journey.api.createAll([
      onN1(
        'five',
        { mem: '5Gi' },
        { 'kerf.dev/device-type': 'MIG', 'kerf.dev/device-policy': 'fragmentation' },
      ),
      onN1('named', { mem: 1000 }, { 'kerf.dev/device-type': 'MIG 3g.20gb' }),
      onN1('shared', { mem: 3000, cores: 20 }, { 'kerf.dev/device-type-not': 'MIG' }),
      onN1('stubborn', { mem: 1000 }, { 'kerf.dev/device-uuid': parent }),
    ]);
    await journey.api.running(journey.namespace, 3);
  });
  afterAll(async () => {
    await journey.api.empty(journey.namespace);
    await cut('off');
    await waitFor('the whole device', async () => (await announced()).some(({ id }) => id === parent));
    await endJourney(journey);
  });

  it('are announced with the size they have, and their GPU is not', async () => {
    expect(
      instances.map(({ model, memory, cores, splits }) => [model.split(' MIG ')[1], memory, cores, splits]),
    ).toEqual([
      ['1g.5gb', 4864, 142, 1],
      ['2g.10gb', 9728, 285, 1],
      ['3g.20gb', 19_712, 428, 1],
    ]);
    const all = await announced();
    expect(all).toHaveLength(7 + PROFILES.length);
    expect(all.map(({ id }) => id)).not.toContain(parent);
    const { status } = await journey.api.pod(journey.namespace, 'stubborn');
    expect(status.phase).toBe('Pending');
  });

  it('are given whole: the smallest that holds 5 GiB, and the one that is named', async () => {
    expect(await modelOf('five')).toMatch(/ MIG 2g\.10gb$/);
    expect(await sliceOf('five')).toMatchObject({ memory: 9728 });
    expect(await modelOf('named')).toMatch(/ MIG 3g\.20gb$/);
    expect(await sliceOf('named')).toMatchObject({ memory: 19_712 });
  });

  it('are what their container sees, with the nodes of the instance', async () => {
    const { deviceId } = await sliceOf('five');
    const at = { pod: 'five' };
    const env = await execIn(journey, at, ['sh', '-c', 'echo $NVIDIA_VISIBLE_DEVICES /dev/nvidia-caps/*']);
    expect(env.trim()).toMatch(
      new RegExp(`^${deviceId} /dev/nvidia-caps/nvidia-cap\\d+ /dev/nvidia-caps/nvidia-cap\\d+$`),
    );
    const { devices } = lastJson<Seen>(await execIn(journey, at, ['kerf-workload', 'info']));
    // CUDA tells the bytes alone; whoever prints them writes GPU before them.
    expect(devices.map(({ uuid }) => uuid.slice(4))).toEqual([deviceId.slice(4)]);
  });

  it('leave the shared devices beside them as they are', async () => {
    expect(await modelOf('shared')).toBe('NVIDIA A100-SXM4-40GB');
    expect(await sliceOf('shared')).toMatchObject({ memory: 3000, cores: 200 });
  });
});
