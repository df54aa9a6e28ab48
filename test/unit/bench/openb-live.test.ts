// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { runLive } from '../../../bench/openb/live.js';
import { simulate } from '../../../src/apps/cli/simulation.js';
import { randomFrom } from '../../../src/core/packing/random.js';
import type { OpenbNode, OpenbPod } from '../../../src/wire/openb.js';

const nodes: readonly OpenbNode[] = Array.from({ length: 14 }, (_, at) =>
  at % 2 === 0
    ? { name: `n${at}`, cpuMilli: 96_000, memoryMiB: 393_216, gpus: 8, model: 'G2' }
    : { name: `n${at}`, cpuMilli: 16_000, memoryMiB: 122_880, gpus: 2, model: 'P100' },
);
const aPod = (row: Partial<OpenbPod>): OpenbPod => ({
  ...{ name: 'p', cpuMilli: 4000, memoryMiB: 8192, gpus: 1, gpuMilli: 1000, models: [] },
  ...row,
});
const pods: readonly OpenbPod[] = [
  aPod({}),
  aPod({ gpuMilli: 460 }),
  aPod({ gpuMilli: 810, cpuMilli: 6000 }),
  aPod({ gpuMilli: 190, models: ['P100'] }),
  aPod({ gpus: 8, cpuMilli: 32_000 }),
  aPod({ gpus: 2, models: ['G2', 'P100'] }),
  aPod({ gpus: 0, gpuMilli: 0, cpuMilli: 2000 }),
];

describe('the live verbs', () => {
  it.each([1, 2, 3])('place a trace as simulate does, order %i', async (seed) => {
    const random = randomFrom(seed);
    const order = Array.from({ length: 160 }, () => Math.floor(random() * pods.length));
    const trace = { workload: 'made up', seed, nodes, pods, order };
    const { run } = simulate({ trace, policy: 'fragmentation', churn: null });
    const live = await runLive(trace, 'packed');
    expect(live.failed).toEqual(run.failed);
    expect(live.allocation).toBeCloseTo(run.allocation, 9);
    expect(Object.values(run.failed).some((count) => count > 0)).toBe(true);
  });
});
