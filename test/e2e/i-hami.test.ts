// SPDX-License-Identifier: Apache-2.0
// Journey i: HAMi's everyday manifests run unchanged (but for the UUID, which is this cluster's), and each container
// gets what it would have got there.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/core/device.js';
import type { Slice } from '../../src/core/placement.js';
import { HAMI_ROWS, readHami } from '../builders/hami.js';
import type { PodObject } from './support/api.js';
import { endJourney, type Journey, placementOf, startJourney } from './support/journey.js';
import { inventories } from './support/started.js';

const NAMES = Object.keys(HAMI_ROWS);
/** Last: it needs a device that is empty, and must not take the only H200 from who asks for that model. */
const LAST = 'whole-device';

describe('HAMi manifests', () => {
  let journey: Journey;
  let devices: ReadonlyMap<string, Device>;
  /** The device the UUID stands for. */
  let chosen: Device;
  let pods: readonly PodObject[];

  beforeAll(async () => {
    journey = await startJourney('i');
    const all = [...(await inventories(journey)).values()].flat();
    devices = new Map(all.map((device) => [device.id, device]));
    chosen = all.find(({ model, index }) => /A100/.test(model) && index === 7) as Device;
    for (const name of NAMES) if (name !== LAST) await apply(name);
    await journey.api.running(journey.namespace, NAMES.length); // the Deployment has two
    await apply(LAST);
    pods = await journey.api.running(journey.namespace, NAMES.length + 1);
  });
  afterAll(() => endJourney(journey));

  async function apply(name: string): Promise<void> {
    const input = readHami(name).replace('GPU_UUID', chosen.id);
    const { code, stderr } = await journey.cluster.kubectl(['apply', '-n', journey.namespace, '-f', '-'], {
      input,
    });
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain('Warning');
  }

  const podsOf = (name: string): readonly PodObject[] =>
    pods.filter(({ metadata }) => metadata.name === name || metadata.name.startsWith(`${name}-`));
  const slicesOf = (pod: PodObject): readonly Slice[] =>
    placementOf(pod).containers.flatMap(({ slices }) => slices);
  const deviceOf = (slice: Slice): Device => devices.get(slice.deviceId) as Device;
  const wanted = (name: string, device: Device): number => {
    const memory = HAMI_ROWS[name]?.slice.memory;
    if (memory?.kind === 'fixed') return memory.memory;
    return memory?.kind === 'share' ? Math.ceil((device.memory * memory.permille) / 1000) : device.memory;
  };

  it.each(NAMES)('%s runs with the slices it asks for, on distinct devices', (name) => {
    const found = podsOf(name);
    expect(found.length).toBeGreaterThan(0);
    for (const pod of found) {
      const slices = slicesOf(pod);
      const cores = HAMI_ROWS[name]?.slice.cores;
      expect(slices.map(({ memory, cores: given }) => [memory, given])).toEqual(
        slices.map((slice) => [wanted(name, deviceOf(slice)), cores]),
      );
      expect(new Set(slices.map(({ deviceId }) => deviceId)).size).toBe(HAMI_ROWS[name]?.slice.count);
    }
  });

  const modelOf = (name: string): string =>
    podsOf(name)
      .flatMap(slicesOf)
      .map(deviceOf)
      .map(({ model }) => model)
      .join();

  it('use-gputype runs on the model it names', () => expect(modelOf('use-gputype')).toMatch(/H200/));
  it('nouse-gputype runs on another model', () => expect(modelOf('nouse-gputype')).not.toMatch(/H200/));
  it('use-gpuuuid runs on the device it names', () =>
    expect(
      podsOf('use-gpuuuid')
        .flatMap(slicesOf)
        .map(({ deviceId }) => deviceId),
    ).toEqual([chosen.id]));
  it('numa-bind runs on devices of one NUMA node', () => {
    const sockets = podsOf('numa-bind')
      .flatMap(slicesOf)
      .map((slice) => deviceOf(slice).numa);
    expect(sockets).toHaveLength(2);
    expect(new Set(sockets).size).toBe(1);
  });
  it('a whole device is shared with nobody', () => {
    const [whole] = podsOf('whole-device').flatMap(slicesOf);
    const holders = pods.filter((pod) => slicesOf(pod).some(({ deviceId }) => deviceId === whole?.deviceId));
    expect(holders.map(({ metadata }) => metadata.name)).toEqual(['whole-device']);
  });
  it('policies: what it says reaches the scheduler in its own words', () => {
    for (const { metadata } of podsOf('policies'))
      expect(metadata.annotations).toMatchObject({
        'kerf.dev/node-policy': 'binpack',
        'kerf.dev/device-policy': 'spread',
      });
  });
});
