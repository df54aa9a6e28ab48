// SPDX-License-Identifier: Apache-2.0
// What the compute limit does with launches that are not the usual loop, on the virtual clock (native/test/launches.c).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BUILT, buildNative } from './build.js';
import { clockEnv, limitedSlice } from './compute-stage.js';
import { Machine } from './slice.js';

const KERNELS = [
  'ncclDevKernel_AllReduce_Sum_f16_RING_LL busy_5ms',
  '_Z42ncclDevKernel_AllGather_RING_LLP11ncclDevComm busy_1ms',
];

let machine: Machine;

beforeAll(() => buildNative(), 120_000);
beforeEach(() => {
  machine = new Machine('A100-40G');
  writeFileSync(join(machine.node, 'kernels'), `${KERNELS.join('\n')}\n`);
});
afterEach(() => machine.end());

describe('a slice of 20 % of the compute', () => {
  it.each([
    ['a recording is not charged, delayed or ended; what was recorded is charged when it runs', 'capture'],
    ['launches that the driver refuses are not charged and not delayed', 'nothing'],
    ['cooperative launches and NCCL kernels are charged and never delayed', 'together'],
    ['a grid of more than 2^31 blocks costs what it takes', 'huge'],
    ['tiny launches of ever new shapes are all charged', 'storm'],
  ])('%s', (_, verb) => {
    const command = ['env', ...inTime(), `${BUILT}/bin/launches`, verb];
    const { status, stderr } = limitedSlice(machine, 200).run(command);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

const inTime = (): readonly string[] =>
  Object.entries(clockEnv('/run/kerf-fake', 1)).map(([name, value]) => `${name}=${value}`);
