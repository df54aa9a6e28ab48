// SPDX-License-Identifier: Apache-2.0
// Memory that the driver takes and keeps on its own: pools, graphs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILT, buildNative } from './build.js';
import { lastJson, Machine, type Slice } from './slice.js';

const MIB = 1_048_576;

let machine: Machine;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G');
}, 120_000);

afterAll(() => machine.end());

const aSlice = (mib: number): Slice => machine.slice({ gpu: machine.gpu(0), mib });

describe('memory of pools', () => {
  it('is charged by what the pools have reserved, and serves again what they keep', () => {
    const slice = aSlice(256);
    const ran = slice.run([`${BUILT}/bin/pool-memory`]);
    expect(ran.stderr).toBe('');
    expect(lastJson(ran)).toEqual({ held: true });
    expect(slice.region().devices[0]).toMatchObject({ usedBytes: 0, peakBytes: 256 * MIB });
  });
});
