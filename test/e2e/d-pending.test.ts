// SPDX-License-Identifier: Apache-2.0
// Journey d: pods that cannot fit stay pending and are told why: in the event, and per device in explain.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getInside } from '../cluster/kerf/install.js';
import { EXTENDER_PORT } from '../cluster/kerf/ports.js';
import { endJourney, type Journey, startJourney } from './support/journey.js';
import { container, pod } from './support/manifests.js';
import { waitFor } from './support/wait.js';

interface Explained {
  readonly nodes: readonly {
    readonly node: string;
    readonly curable?: string;
    readonly text: string;
    readonly devices?: readonly {
      readonly device: string;
      readonly text: string;
      readonly curable: string;
    }[];
  }[];
}

describe('a pod that cannot fit', () => {
  let journey: Journey;

  beforeAll(async () => {
    journey = await startJourney('d');
    const { namespace } = journey;
    const blockers = Array.from({ length: 8 }, (_, index) =>
      pod(`blocker-${index}`, [container({ mem: 30000 })], {
        namespace,
        spec: { nodeSelector: { 'kubernetes.io/hostname': 'n1' } },
        annotations: { 'kerf.dev/device-policy': 'spread' },
      }),
    );
    await journey.api.createAll(blockers);
    await journey.api.running(namespace, blockers.length);
    const onN1 = { nodeSelector: { 'kubernetes.io/hostname': 'n1' } };
    await journey.api.createAll([
      pod('too-big', [container({ mem: 200000 })], { namespace }),
      pod('no-room-now', [container({ mem: 20000 })], { namespace, spec: onN1 }),
      pod('wrong-model', [container({ mem: 1000 })], {
        namespace,
        annotations: { 'kerf.dev/device-type': 'MI300' },
      }),
    ]);
  });
  afterAll(() => endJourney(journey));

  const eventOf = (name: string) =>
    waitFor(`an event of ${name}`, async () => {
      const events = await journey.api.events(journey.namespace, name);
      return events.find(({ reason }) => reason === 'FailedScheduling');
    });
  const explain = async (name: string): Promise<Explained> => {
    const url = `http://127.0.0.1:${EXTENDER_PORT}/v1/explain/${journey.namespace}/${name}`;
    return JSON.parse((await getInside(journey.cluster, url)) ?? 'null') as Explained;
  };

  it.each(['too-big', 'no-room-now', 'wrong-model'])('%s stays pending', async (name) => {
    await eventOf(name);
    expect((await journey.api.pod(journey.namespace, name)).status.phase).toBe('Pending');
  });

  it('too-big is told the size that there is, counted over nodes', async () => {
    const { message } = await eventOf('too-big');
    expect(message).toMatch(/0\/2 nodes are available/);
    expect(message).toMatch(/200000 MiB/);
  });

  it('no-room-now could be cured by eviction, too-big never', async () => {
    const now = (await explain('no-room-now')).nodes.find(({ node }) => node === 'n1');
    expect(now?.curable).toBe('by-preemption');
    expect(now?.devices).toHaveLength(8);
    expect(now?.devices?.every((device) => device.text.includes('20000 MiB'))).toBe(true);
    for (const node of (await explain('too-big')).nodes) expect(node.curable).toBe('never');
  });

  it('wrong-model names the model that was asked or those there are', async () => {
    const { nodes } = await explain('wrong-model');
    expect(nodes.length).toBe(2);
    for (const node of nodes) expect(node.curable).toBe('never');
  });
});
