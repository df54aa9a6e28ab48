// SPDX-License-Identifier: Apache-2.0
// Journey c: 60 pods (500 in the long test) at once for one node. How long it takes stands in `npm run bench -- walk`;
// here: all run, each with exactly its own slice, none failed, and Kerf wrote once per pod.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../cluster/index.js';
import type { PodObject } from './support/api.js';
import { endJourney, type Journey, placementOf, slotsOf, startJourney } from './support/journey.js';
import { container, pod } from './support/manifests.js';
import { SIZE } from './support/size.js';
import { inventories, overfull } from './support/started.js';

const COUNT = SIZE.burst;
/** MiB of pod `index`: all differ, and 500 of them fit into eight devices. */
const sizeOf = (index: number): number => 300 + index;

describe(`${COUNT} pods at once`, () => {
  let journey: Journey;
  let pods: readonly PodObject[];
  let since: Date;

  beforeAll(async () => {
    journey = await startJourney('c');
    since = new Date();
    const spec = { nodeSelector: { 'kubernetes.io/hostname': 'n1' } };
    await journey.api.createAll(
      Array.from({ length: COUNT }, (_, index) =>
        pod(`burst-${index}`, [container({ mem: sizeOf(index), cores: 1 })], {
          namespace: journey.namespace,
          spec,
        }),
      ),
    );
    pods = await journey.api.running(journey.namespace, COUNT, 120_000 + COUNT * 1_000);
  });
  afterAll(() => endJourney(journey));

  it('all run, none failed on the way', async () => {
    const all = await journey.api.pods(journey.namespace);
    expect(all.map((each) => each.status.phase)).toEqual(Array.from({ length: COUNT }, () => 'Running'));
    expect(all.filter((each) => each.status.reason === 'UnexpectedAdmissionError')).toEqual([]);
  });

  it('each asked part was given', () => {
    for (const each of pods) {
      const [slice] = placementOf(each).containers.flatMap(({ slices }) => slices);
      expect(slice?.memory).toBe(sizeOf(Number(each.metadata.name.slice('burst-'.length))));
    }
  });

  it('every container’s slot on the node means what its annotation says', async () => {
    const slots = new Map((await slotsOf(journey.cluster, 'n1')).map((slot) => [slot.pod?.uid, slot]));
    for (const each of pods) {
      const given = placementOf(each).containers[0]?.slices.map((slice) => ({
        deviceId: slice.deviceId,
        memoryMiB: slice.memory,
        corePercent: slice.cores / 10,
      }));
      expect(slots.get(each.metadata.uid)?.slices).toEqual(given);
    }
  });

  it('every page in a container is the page of its own slice', async () => {
    for (const each of pods.slice(0, 10)) {
      const argv = ['exec', '-n', journey.namespace, each.metadata.name, '--', 'kerf-workload', 'info'];
      const { stdout } = await journey.cluster.kubectl(argv);
      const [slice] = placementOf(each).containers.flatMap(({ slices }) => slices);
      expect(stdout).toContain(String((slice?.memory ?? 0) * 1024 * 1024));
      expect(stdout).toContain(slice?.deviceId);
    }
  });

  it('no device is overfull', async () => {
    const devices = (await inventories(journey)).get('n1') ?? [];
    expect(overfull(await journey.api.allPods(), devices)).toEqual([]);
  });

  it('Kerf made exactly one write per pod', async () => {
    const writes = (
      await readAudit(journey.cluster, { since, writesOnly: true, stage: 'ResponseComplete' })
    ).filter(
      ({ user, resource, userAgent }) =>
        user.startsWith('system:serviceaccount:kerf-system:') &&
        resource !== 'leases' &&
        !isStockScheduler(userAgent),
    );
    const bindings = writes.filter(({ subresource, code }) => subresource === 'binding' && code === 201);
    expect(bindings).toHaveLength(COUNT);
    expect(writes).toHaveLength(COUNT);
  });
});

/** The stock kube-scheduler beside us uses the same account; its events and statuses are its own habit. */
function isStockScheduler(userAgent: string): boolean {
  return userAgent.startsWith('kube-scheduler/');
}
