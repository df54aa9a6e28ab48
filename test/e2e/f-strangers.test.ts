// SPDX-License-Identifier: Apache-2.0
// Journey f: nobody but Kerf places. A pod put on a node by hand, a pod of another scheduler, a tenant that
// writes placements: not started with a device, or refused, and told why; running slices stay as they are.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endJourney, execIn, type Journey, lastJson, PLACEMENT, startJourney } from './support/journey.js';
import { container, pod } from './support/manifests.js';
import { pause, waitFor } from './support/wait.js';

const N1 = { nodeSelector: { 'kubernetes.io/hostname': 'n1' } };
const OPT_OUT = { 'kerf.dev/webhook': 'ignore' };

describe('strangers', () => {
  let journey: Journey;
  let forged: string;

  const apply = (object: object) =>
    journey.cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(object) });

  beforeAll(async () => {
    journey = await startJourney('f');
    await journey.api.createAll([
      pod('honest', [container({ mem: 2048, cores: 10 })], { namespace: journey.namespace, spec: N1 }),
    ]);
    const [honest] = await journey.api.running(journey.namespace, 1);
    const letter = honest?.metadata.annotations?.[PLACEMENT] ?? '';
    forged = letter.replace('2048', '30000');
    expect(forged).not.toBe(letter);
  });
  afterAll(() => endJourney(journey));

  it('a pod with nodeName set by hand is refused with a sentence', async () => {
    const spec = { nodeName: 'n1' };
    const answer = await apply(
      pod('by-hand', [container({ mem: 1024 })], { namespace: journey.namespace, spec }),
    );
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toMatch(/spec\.nodeName/);
  });

  it('set by hand past the webhook, it starts without a device: never, and its event says why', async () => {
    const spec = { nodeName: 'n1' };
    const options = { namespace: journey.namespace, spec, labels: OPT_OUT };
    const made = await apply(pod('past-webhook', [container({ gpu: 1 })], options));
    expect(made.code).toBe(0);
    const told = await waitFor('its event', async () => {
      const events = await journey.api.events(journey.namespace, 'past-webhook');
      return events.find(({ message }) => message.includes('not placed by Kerf'));
    });
    expect(told.message).toContain('kerf.dev/placement');
    const found = await journey.api.pod(journey.namespace, 'past-webhook');
    expect(found.status.containerStatuses?.[0]?.state.running).toBeUndefined();
  });

  it('a pod of another scheduler does not start with a device, and is told why', async () => {
    const spec = { schedulerName: 'somebody-else' };
    const answer = await apply(
      pod('other', [container({ mem: 1024 })], { namespace: journey.namespace, spec }),
    );
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toMatch(/schedulerName/);
  });

  it('a placement written at creation is stripped', async () => {
    const options = { namespace: journey.namespace, annotations: { [PLACEMENT]: forged }, spec: N1 };
    expect((await apply(pod('forger', [container({ mem: 512 })], options))).code).toBe(0);
    const found = await waitFor('the forger runs', async () => {
      const each = await journey.api.pod(journey.namespace, 'forger');
      return each.status.phase === 'Running' ? each : undefined;
    });
    expect(found.metadata.annotations?.[PLACEMENT]).toContain('"memoryMiB":512');
  });

  it('a placement written past the webhook is refused', async () => {
    const options = { namespace: journey.namespace, annotations: { [PLACEMENT]: forged }, labels: OPT_OUT };
    const answer = await apply(pod('forger-2', [container(null)], options));
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toContain(PLACEMENT);
  });

  it('kubectl annotate --overwrite on a running pod is refused, for an admin too', async () => {
    const argv = ['annotate', '--overwrite', '-n', journey.namespace, 'pod/honest', `${PLACEMENT}=${forged}`];
    const answer = await journey.cluster.kubectl(argv);
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toContain(PLACEMENT);
  });

  it('a Binding of a tenant that carries a placement is refused', async () => {
    const spec = { schedulingGates: [{ name: 'test/hold' }] };
    await apply(pod('gated', [container({ mem: 512 })], { namespace: journey.namespace, spec }));
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'gated', annotations: { [PLACEMENT]: forged } },
      target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
    };
    const path = `/api/v1/namespaces/${journey.namespace}/pods/gated/binding`;
    const answer = await journey.cluster.api.call({ method: 'POST', path, body });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(answer.body)).toContain(PLACEMENT);
  });

  it('the running slice is what it was', async () => {
    await pause(500);
    const seen = lastJson<{ devices: readonly { cuda_total_bytes: number }[] }>(
      await execIn(journey, { pod: 'honest' }, ['kerf-workload', 'info']),
    );
    expect(seen.devices.map((device) => device.cuda_total_bytes)).toEqual([2048 * 1024 * 1024]);
    expect(
      (await journey.api.pod(journey.namespace, 'honest')).status.containerStatuses?.[0]?.restartCount,
    ).toBe(0);
  });
});
