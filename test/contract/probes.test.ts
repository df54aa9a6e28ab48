// SPDX-License-Identifier: Apache-2.0
// What every vendor's probe keeps to, asked of a fake of its library through the same dlopen as the real one.
// A probe that has to deviate says so in its row (probe-worlds.ts).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ChildOptions } from '../../src/adapters/probes/child-asker.js';
import { type DeviceProbe, ProbeFault } from '../../src/adapters/probes/contract.js';
import { VENDORS } from '../../src/vendors/index.js';
import { buildNative, type FakeGpu } from '../native/build.js';
import { ended, eventually, MIB, PROBE_WORLDS } from './probe-worlds.js';

beforeAll(() => buildNative(), 120_000);

it('there is a row for every vendor that our agent serves', () => {
  const served = VENDORS.filter(({ hasAgent }) => hasAgent).map(({ name }) => name);
  expect(PROBE_WORLDS.map(({ vendor }) => vendor)).toEqual(served);
});

describe.each(PROBE_WORLDS.map((world) => [world.vendor, world] as const))('the probe of %s', (_, world) => {
  let folder: string;
  let gpus: readonly FakeGpu[];
  const probes: DeviceProbe[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kerf-probe-'));
    gpus = world.make(join(folder, 'm'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(async () => {
    world.hang(join(folder, 'm'), false);
    await Promise.all(probes.splice(0).map((probe) => probe.close()));
  });

  function aProbe(changes: ChildOptions & { readonly library?: string } = {}): DeviceProbe {
    const probe = world.open({
      timeoutMs: 10_000,
      backoffMs: { first: 1, max: 20 },
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, KERF_FAKE_DIR: join(folder, 'm') },
      ...changes,
    });
    probes.push(probe);
    return probe;
  }

  it('tells every device of the machine', async () => {
    const devices = await aProbe().devices();
    expect(
      devices.map(({ uuid, minor, name, memoryTotalBytes }) => ({
        ...{ uuid, minor },
        ...{ memoryMiB: memoryTotalBytes / MIB, model: name },
      })),
    ).toEqual(gpus);
    expect(devices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(new Set(devices.map(({ uuid }) => uuid)).size).toBe(3);
    expect(new Set(devices.map(({ pciBusId }) => pciBusId)).size).toBe(3);
    for (const device of devices)
      expect(device).toMatchObject({ memoryUsedBytes: 0, numaNode: 0, utilizationPercent: 0, error: null });
  });

  it('tells the same of a link from both its ends, and nothing of a device and itself', async () => {
    const probe = aProbe();
    const peers = await probe.peers();
    const ids = (await probe.devices()).map(({ uuid }) => uuid);
    for (const [from, words] of peers)
      for (const [to, word] of words) {
        expect(ids).toEqual(expect.arrayContaining([from, to]));
        expect(to).not.toBe(from);
        expect(peers.get(to)?.get(from)).toBe(word);
      }
  });

  it('tells the driver version', async () => {
    expect(await aProbe().driverVersion()).toMatch(/^\d+\.\d+/);
  });

  it.each([
    ['a library that is not there', { library: '/nowhere/lib.so.1' }, 'LIBRARY_NOT_FOUND'],
    ['a machine without devices', { env: { ...process.env, KERF_FAKE_DIR: '/nowhere' } }, world.noMachine],
    ['a child that cannot start', { childPath: '/nowhere/child.ts' }, 'CHILD_GONE'],
  ])('%s is a fault with its code', async (_name, changes, code) => {
    const [told] = await Promise.allSettled([aProbe(changes).devices()]);
    const fault = told.status === 'rejected' ? (told.reason as ProbeFault) : undefined;
    expect(fault).toBeInstanceOf(ProbeFault);
    expect(fault?.code).toMatch(new RegExp(`^${world.prefix}_`));
    expect(fault?.code).toMatch(new RegExp(`${code}$`));
  });

  it('a lost device is told with its error, its neighbours without, and well again when it is', async () => {
    const probe = aProbe();
    await probe.devices();
    world.lose(join(folder, 'm'), gpus[1]?.uuid ?? '');
    const lost = await probe.devices();
    expect(lost.map(({ error }) => error)).toEqual([null, world.lost, null]);
    expect(lost[0]?.uuid).toBe(gpus[0]?.uuid);
    world.heal(join(folder, 'm'), gpus[1]?.uuid ?? '');
    const healed = await probe.devices();
    expect(healed.map(({ error, uuid }) => [error, uuid])).toEqual(gpus.map(({ uuid }) => [null, uuid]));
  });

  it('a library that hangs: the child is killed, the fault says so, the next child answers', async () => {
    const probe = aProbe({ timeoutMs: 2500 });
    await probe.devices();
    const firstPid = probe.childPid ?? 0;
    world.hang(join(folder, 'm'), true);
    const both = await Promise.allSettled([probe.devices(), probe.driverVersion()]);
    expect(both.map((one) => one.status === 'rejected' && (one.reason as ProbeFault).code)).toEqual([
      `${world.prefix}_TIMEOUT`,
      `${world.prefix}_TIMEOUT`,
    ]);
    await ended(firstPid);
    world.hang(join(folder, 'm'), false);
    expect(await eventually(() => probe.devices())).toHaveLength(3);
    expect(probe.childPid).not.toBe(firstPid);
  });

  it('a child killed from outside is replaced', async () => {
    const probe = aProbe();
    await probe.devices();
    process.kill(probe.childPid ?? 0, 'SIGKILL');
    const [first] = await Promise.allSettled([probe.devices()]);
    if (first.status === 'rejected')
      expect((first.reason as ProbeFault).code).toBe(`${world.prefix}_CHILD_GONE`);
    expect(await eventually(() => probe.devices())).toHaveLength(3);
  });

  it('a closed probe answers no more', async () => {
    const probe = aProbe();
    await probe.devices();
    await probe.close();
    await expect(probe.devices()).rejects.toMatchObject({ code: `${world.prefix}_CLOSED` });
  });
});
