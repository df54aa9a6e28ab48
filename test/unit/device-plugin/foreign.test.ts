// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type Announced, damped, ForeignMemory } from '../../../device-plugin/foreign.js';
import type { ProbedDevice } from '../../../src/adapters/probes/contract.js';
import { decodeInventory, encodeInventory } from '../../../src/wire/inventory.js';
import { aNodeDevice, GPU_A } from '../../builders/slots.js';

const MIB = 1_048_576;

/** What is announced after each look. */
function announced(seenMiB: readonly number[]): number[] {
  let state: Announced = { mib: 0, looks: 0 };
  return seenMiB.map((mib) => {
    state = damped(state, mib * MIB);
    return state.mib;
  });
}

describe('foreign memory is announced', () => {
  it.each([
    ['in steps, after two looks', [100, 100], [0, 256]],
    ['not where it comes and goes', [900, 0, 900, 0], [0, 0, 0, 0]],
    ['as it grows', [100, 100, 600, 700], [0, 256, 256, 768]],
    ['less after three looks', [300, 300, 0, 0, 0], [0, 512, 512, 512, 0]],
    ['the same where it moves within its step', [100, 100, 90, 200, 256], [0, 256, 256, 256, 256]],
  ])('%s', (_, seen, told) => expect(announced(seen)).toEqual(told));
});

describe('a device on which others hold memory', () => {
  const sight = (podUid: string) => ({
    ...{ podUid, startTicks: 7, containerId: 'c', slot: '', innerPid: 1 },
  });
  const told = (pid: number) =>
    [{ uuid: GPU_A, processes: [{ pid, usedBytes: 1000 * MIB }] }] as unknown as ProbedDevice[];
  const given = () => [{ slot: 's', podUid: 'ours', deviceIds: [GPU_A] }];
  const device = aNodeDevice({ id: GPU_A });
  const twice = (sightOf: (pid: number) => ReturnType<typeof sight>, one = device) => {
    const foreign = new ForeignMemory({ sight: sightOf }, given);
    foreign.take([one], told(1));
    return foreign.take([one], told(1))[0];
  };

  it('is announced without it, and read back so', () => {
    const seen = twice(() => sight('other'));
    expect(seen?.memory).toBe(device.memory - 1024);
    expect(seen?.physical?.memory).toBe(device.memory);
    const letter = encodeInventory([seen ?? device]);
    expect(letter).toContain(`"memoryMiB":${device.memory},"foreignMiB":1024`);
    const read = decodeInventory('nvidia', letter);
    expect(read.ok && read.value.devices[0]).toMatchObject({
      memory: seen?.memory,
      physical: seen?.physical,
    });
  });

  it.each([
    ['the process is of a pod with a slice of it', () => sight('ours'), device],
    ['the process has ended since', () => ({ ...sight(''), startTicks: 0 }), device],
    ['it is cut in hardware', () => sight('other'), { ...device, mode: 'mig' }],
  ])('is whole where %s', (_, sightOf, one) => expect(twice(sightOf, one)).toEqual(one));
});

it('a letter whose foreign memory is none cannot be read', () => {
  const letter = encodeInventory([aNodeDevice({ id: GPU_A })]).replace(
    '"memoryMiB"',
    '"foreignMiB":-1,"memoryMiB"',
  );
  expect(decodeInventory('nvidia', letter).ok).toBe(false);
});
