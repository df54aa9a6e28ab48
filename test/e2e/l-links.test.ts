// SPDX-License-Identifier: Apache-2.0
// Journey l: how a node's devices are linked goes from its driver to the inventory, and from there into the choice of
// devices: a container that asks for four by topology runs on the best connected four, and sees these.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkWordAt } from '../../src/wire/links.js';
import { type Announced, decodeInventory } from '../../src/wire/inventory.js';
import { ARTEFACTS } from '../cluster/kerf/artefacts.js';
import { devicesOf, endJourney, execIn, type Journey, lastJson, startJourney } from './support/journey.js';
import { container, pod } from './support/manifests.js';

interface NodeObject {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
}

interface Seen {
  readonly devices: readonly { readonly uuid: string }[];
}

describe('devices that are linked', () => {
  let journey: Journey;
  let announced: Announced;

  beforeAll(async () => {
    journey = await startJourney('l');
    const { metadata } = await journey.api.get<NodeObject>('/api/v1/nodes/n1');
    const letter = decodeInventory('nvidia', metadata.annotations?.['kerf.dev/inventory-nvidia'] ?? '');
    if (!letter.ok) throw new Error(letter.error);
    announced = letter.value;
    await journey.api.createAll([
      pod('four', [container({ gpu: 4, mem: 1024 })], {
        namespace: journey.namespace,
        annotations: { 'kerf.dev/device-policy': 'topology' },
        spec: { nodeSelector: { 'kubernetes.io/hostname': 'n1' } },
      }),
    ]);
    await journey.api.running(journey.namespace, 1);
  });
  afterAll(() => endJourney(journey));

  it('are announced with their links, as the board of a DGX-1V has them', () => {
    const { links } = announced;
    const first = announced.devices.map((_, at) => (links === null ? '?' : linkWordAt(links, 0, at)));
    expect(first).toEqual([null, 'NV1', 'NV1', 'NV2', 'NV2', 'SYS', 'SYS', 'SYS']);
    expect(announced.devices.map(({ numa }) => numa)).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  });

  it('are given as the best connected four, and the container sees these', async () => {
    const ids = devicesOf(await journey.api.pod(journey.namespace, 'four'));
    const indexes = ids.map((id) => announced.devices.find((device) => device.id === id)?.index).sort();
    expect([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]).toContainEqual(indexes);
    const { devices } = lastJson<Seen>(await execIn(journey, { pod: 'four' }, ['kerf-workload', 'info']));
    expect(new Set(devices.map(({ uuid }) => uuid))).toEqual(new Set(ids));
  });

  it('are shown by kerf devices --links', async () => {
    const argv = ['--kubeconfig', journey.cluster.kubeconfigPath, 'devices', '--links'];
    const { stdout } = await promisify(execFile)(process.execPath, [ARTEFACTS.cli, ...argv]);
    expect(stdout).toMatch(/^n1 {2}nvidia\nDEV {2}0 .*\n +0 {2}X +NV1 +NV1 +NV2 +NV2 +SYS +SYS +SYS +0 /);
  });
});
