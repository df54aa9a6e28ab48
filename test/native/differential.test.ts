// SPDX-License-Identifier: Apache-2.0
// Odd arguments to every hooked memory function: what a program is told in a slice is what the bare driver of a device
// of that size tells it, code by code, and what is in use is the same to the byte.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILT, buildNative } from './build.js';
import { Machine, type Slice } from './slice.js';

const MIB = 1_048_576;
const IS_LONG = process.env.KERF_LONG === '1';
const SEEDS = Array.from({ length: IS_LONG ? 200 : 3 }, (_, index) => index + 1);
/** Much longer and the device is full of what a walk has forgotten: then two refusals race. */
const STEPS = '8000';

let machine: Machine;
let bare: Slice;

beforeAll(() => {
  buildNative();
  machine = new Machine('H200-141G', 'A100-40G');
  bare = machine.slice({ gpu: machine.gpu(1), mib: machine.gpu(1).memoryMiB });
  for (const part of ['preload', 'limits', 'region']) bare.remove(part);
}, 120_000);

afterAll(() => machine.end());

const ran = (slice: Slice, seed: number): string[] => {
  const { status, stdout, stderr } = slice.run([`${BUILT}/bin/differential`, String(seed), STEPS]);
  if (status !== 0) throw new Error(`ended with ${status}: ${stderr}`);
  return stdout.split('\n');
};

describe('NULL, absurd, stale and foreign arguments', () => {
  it.each(SEEDS)('seed %d: the same code with us as without, and the same bytes in use', (seed) => {
    const slice = machine.slice({ gpu: machine.gpu(0), mib: machine.gpu(1).memoryMiB });
    const [with_us, without] = [ran(slice, seed), ran(bare, seed)];
    const at = without.findIndex((line, index) => line !== with_us[index]);
    expect({ line: with_us[at], context: with_us.slice(Math.max(0, at - 3), at) }).toEqual({
      line: without[at],
      context: without.slice(Math.max(0, at - 3), at),
    });
    expect(with_us).toHaveLength(without.length);
    expect(machine.physical(0).peakBytes).toBeLessThanOrEqual(machine.gpu(1).memoryMiB * MIB);
  });
});
