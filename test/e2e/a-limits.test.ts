// SPDX-License-Identifier: Apache-2.0
// Journey a: three pods share one 40 GiB device; each sees and gets its own part and no more.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PodObject } from './support/api.js';
import {
  devicesOf,
  endJourney,
  execIn,
  type Journey,
  lastJson,
  placementOf,
  startJourney,
} from './support/journey.js';
import { container, pod } from './support/manifests.js';
import { waitFor } from './support/wait.js';

interface DeviceView {
  readonly uuid: string;
  readonly cuda_total_bytes: number;
  readonly cuda_free_bytes: number;
  readonly nvml_total_bytes: number;
  readonly nvml_used_bytes: number;
}

const MIB = 1024 * 1024;
const ASKS = [
  { name: 'small', ask: { mem: 4096, cores: 30 }, mib: 4096, permille: 300 },
  { name: 'middle', ask: { mem: '8Gi', cores: 20 }, mib: 8192, permille: 200 },
  { name: 'quarter', ask: { percent: 25, cores: 50 }, mib: 10240, permille: 500 },
];

describe('three pods on one device', () => {
  let journey: Journey;
  let pods: readonly PodObject[];
  const see = async (name: string): Promise<readonly DeviceView[]> =>
    lastJson<{ devices: readonly DeviceView[] }>(
      await execIn(journey, { pod: name }, ['kerf-workload', 'info']),
    ).devices;

  beforeAll(async () => {
    journey = await startJourney('a');
    const spec = { nodeSelector: { 'kubernetes.io/hostname': 'n1' } };
    await journey.api.createAll(
      ASKS.map(({ name, ask }) => pod(name, [container(ask)], { namespace: journey.namespace, spec })),
    );
    pods = await journey.api.running(journey.namespace, ASKS.length);
  });
  afterAll(() => endJourney(journey));

  it('sit on the same device', () => {
    expect(new Set(pods.flatMap(devicesOf)).size).toBe(1);
  });

  it.each(ASKS)('$name is granted what it asked', ({ name, mib, permille }) => {
    const found = pods.find((each) => each.metadata.name === name) as PodObject;
    const slices = placementOf(found).containers.flatMap((each) => each.slices);
    const [deviceId] = devicesOf(found);
    expect(slices).toEqual([{ deviceId, memory: mib, cores: permille, isHigh: false, isAlone: false }]);
  });

  it.each(ASKS)('$name sees its part, through CUDA and NVML, and no other device', async ({ name, mib }) => {
    const devices = await see(name);
    expect(devices.map((device) => device.uuid)).toEqual(devicesOf(pods[0] as PodObject));
    const [device] = devices as [DeviceView];
    expect(device.cuda_total_bytes).toBe(mib * MIB);
    expect(device.nvml_total_bytes).toBe(mib * MIB);
    expect(device.cuda_free_bytes).toBeLessThanOrEqual(mib * MIB);
    expect(device.cuda_free_bytes).toBeGreaterThan(mib * MIB * 0.8);
  });

  it.each(ASKS)(
    '$name may fill its part; one MiB more is out of memory, and it goes on',
    async ({ name, mib }) => {
      const filled = lastJson<{ allocated_mib: number; refused_code: number; goes_on: boolean }>(
        await execIn(journey, { pod: name }, ['kerf-workload', 'fill']),
      );
      expect(filled.refused_code).toBe(2); // CUDA_ERROR_OUT_OF_MEMORY
      expect(filled.goes_on).toBe(true);
      expect(filled.allocated_mib).toBeLessThanOrEqual(mib);
      expect(filled.allocated_mib).toBeGreaterThan(mib * 0.8);
    },
  );

  it('four processes of one container never pass the limit together', async () => {
    const hammered = lastJson<{ max_used_bytes: number; refusals: number; operations: number }>(
      await execIn(journey, { pod: 'small' }, ['kerf-workload', 'hammer', '--procs', '4', '--seconds', '3']),
    );
    expect(hammered.operations).toBeGreaterThan(100);
    expect(hammered.refusals).toBeGreaterThan(0);
    expect(hammered.max_used_bytes).toBeLessThanOrEqual(4096 * MIB);
  });

  it('neighbours feel nothing while one is full', async () => {
    const before = (await see('middle'))[0] as DeviceView;
    const full = execIn(journey, { pod: 'small' }, ['kerf-workload', 'alloc', '3500', '--hold', '8']);
    await waitFor(
      'small is full',
      async () => ((await see('small'))[0]?.cuda_free_bytes ?? MIB ** 2) < 900 * MIB,
    );
    const during = (await see('middle'))[0] as DeviceView;
    await full;
    expect(during.cuda_free_bytes).toBe(before.cuda_free_bytes);
    expect(during.cuda_total_bytes).toBe(before.cuda_total_bytes);
  });
});
