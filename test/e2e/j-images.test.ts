// SPDX-License-Identifier: Apache-2.0
// Journey j: the kinds of container there are. A locked-down one is held like any other; a static program is left
// alone, and its slot says so.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endJourney, execIn, type Journey, lastJson, slotsOf, startJourney } from './support/journey.js';
import { BUSYBOX_IMAGE, container, FOREVER, pod } from './support/manifests.js';
import { waitFor } from './support/wait.js';

const N1 = { nodeSelector: { 'kubernetes.io/hostname': 'n1' } };
const LOCKED = {
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 1000,
    runAsGroup: 1000,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
  },
};

describe('kinds of container', () => {
  let journey: Journey;

  const enforcementOf = (name: string, wanted: string) =>
    waitFor(`${name} is judged ${wanted}`, async () => {
      const slots = await slotsOf(journey.cluster, 'n1');
      return slots.find((slot) => slot.pod?.name === name && slot.enforcement === wanted);
    });

  beforeAll(async () => {
    journey = await startJourney('j');
    const { namespace } = journey;
    const still = ['kerf-workload', 'loop'];
    await journey.api.createAll([
      pod('locked', [container({ mem: 2048 }, { command: still, extra: LOCKED })], { namespace, spec: N1 }),
      pod('static', [container({ mem: 2048 }, { image: BUSYBOX_IMAGE, command: FOREVER })], {
        namespace,
        spec: N1,
      }),
      pod('whole', [container({ gpu: 1 }, { command: FOREVER })], { namespace, spec: N1 }),
    ]);
    await journey.api.running(namespace, 3);
  });
  afterAll(() => endJourney(journey));

  it('not root, read-only root file system, no capabilities: held to its part', async () => {
    const filled = lastJson<{ allocated_mib: number; refused_code: number }>(
      await execIn(journey, { pod: 'locked' }, ['kerf-workload', 'fill']),
    );
    expect(filled.refused_code).toBe(2);
    expect(filled.allocated_mib).toBeGreaterThan(1600);
    expect(filled.allocated_mib).toBeLessThanOrEqual(2048);
    await enforcementOf('locked', 'enforced');
  });

  it('its limits cannot be written, moved or unset from inside', async () => {
    const tries =
      'echo x > /usr/local/kerf/limits; rm /usr/local/kerf/limits; echo > /etc/ld.so.preload; true';
    await execIn(journey, { pod: 'locked' }, ['sh', '-c', tries]);
    const env = ['env', 'LD_PRELOAD=', 'CUDA_DISABLE_CONTROL=true', 'CUDA_DEVICE_MEMORY_LIMIT=0'];
    const seen = lastJson<{ devices: readonly { cuda_total_bytes: number }[] }>(
      await execIn(journey, { pod: 'locked' }, [...env, 'kerf-workload', 'info']),
    );
    expect(seen.devices.map((device) => device.cuda_total_bytes)).toEqual([2048 * 1024 * 1024]);
  });

  it('a static program (busybox) runs, and its slot says unenforced', async () => {
    await enforcementOf('static', 'unenforced');
  });

  it('a pod that names only the count has a whole device to itself', async () => {
    const slots = await slotsOf(journey.cluster, 'n1');
    const whole = slots.find((slot) => slot.pod?.name === 'whole')?.slices[0];
    expect(whole).toMatchObject({ memoryMiB: 40960, corePercent: 100 });
    const others = slots.filter((slot) => slot.pod !== null && slot.pod.name !== 'whole');
    expect(others.flatMap((slot) => slot.slices.map(({ deviceId }) => deviceId))).not.toContain(
      whole?.deviceId,
    );
  });
});
