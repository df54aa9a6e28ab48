// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { LinkWatch, linksOf } from '../../../device-plugin/links.js';
import type { NvmlDeviceLinks } from '../../../src/adapters/nvml/contract.js';
import { peersOf } from '../../../src/adapters/nvml/links.js';
import type { ProbedDevice } from '../../../src/adapters/probes/contract.js';
import { aNodeDevice } from '../../builders/slots.js';

const told = (uuid: string, error: string | null = null): ProbedDevice => ({
  ...{ index: 0, uuid, minor: 0, name: 'm', pciBusId: '', memoryTotalBytes: 0, memoryUsedBytes: 0 },
  ...{ numaNode: 0, utilizationPercent: null, error },
});

const linked = (level: number | null): NvmlDeviceLinks[] =>
  ['a', 'b'].map((uuid) => ({ uuid, pciBusId: uuid, nvlinks: [], ancestors: [level, level] }));

function aWatch(answers: (NvmlDeviceLinks[] | Error)[]) {
  const seen = { questions: 0, faults: [] as unknown[] };
  const peers = async () => {
    seen.questions += 1;
    const answer = answers.shift() ?? [];
    if (answer instanceof Error) throw answer;
    return peersOf(answer);
  };
  return { watch: new LinkWatch({ peers }, (fault) => seen.faults.push(fault)), seen };
}

const PAIR = [told('a'), told('b')];

describe('the watch over links', () => {
  it('asks when the devices change or fall ill, and else only now and then', async () => {
    const { watch, seen } = aWatch([]);
    for (let look = 0; look < 12; look++) await watch.look(PAIR);
    expect(seen.questions).toBe(1);
    await watch.look([told('a'), told('b', 'NVML_ERROR_GPU_IS_LOST')]);
    expect(seen.questions).toBe(2);
    await watch.look([told('a')]);
    expect(seen.questions).toBe(3);
    for (let look = 0; look < 12; look++) await watch.look([told('a')]);
    expect(seen.questions).toBe(3);
    await watch.look([told('a')]);
    expect(seen.questions).toBe(4);
  });

  it('keeps what it knew of a device that tells nothing any more', async () => {
    const { watch } = aWatch([linked(10), linked(null)]);
    expect((await watch.look(PAIR)).get('a')?.get('b')).toBe('PIX');
    expect((await watch.look([told('a')])).get('a')?.get('b')).toBe('PIX');
  });

  it('takes what it is told anew', async () => {
    const { watch } = aWatch([linked(10), linked(40)]);
    await watch.look(PAIR);
    expect((await watch.look([told('a')])).get('b')?.get('a')).toBe('NODE');
  });

  it('reports a driver that does not answer, keeps what it knew, and lets it rest', async () => {
    const { watch, seen } = aWatch([linked(10), new Error('silent')]);
    await watch.look(PAIR);
    expect((await watch.look([told('a')])).get('a')?.get('b')).toBe('PIX');
    await watch.look([told('a')]);
    expect(seen).toEqual({ questions: 2, faults: [new Error('silent')] });
  });
});

describe('the links of a node', () => {
  const three = ['a', 'b', 'c'].map((id, index) => aNodeDevice({ id, index, numa: index < 2 ? 0 : 1 }));

  it('are unknown where no pair is known', () => expect(linksOf(three)).toBeNull());

  it.each([0, 1])('are unknown of %i devices', (count) => expect(linksOf(three.slice(0, count))).toBeNull());

  it('are the least that can be said where a pair is not known', () => {
    const withPeer = three.map((device) =>
      device.id === 'b' ? { ...device, peers: new Map([['c', 'PHB' as const]]) } : device,
    );
    expect(linksOf(withPeer)).toEqual([['NODE', 'SYS'], ['PHB']]);
    expect(linksOf(withPeer.map((device) => ({ ...device, numa: null })))).toEqual([['SYS', 'SYS'], ['PHB']]);
  });
});
