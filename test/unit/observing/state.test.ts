// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { readState, stateOf } from '../../../src/observing/state.js';
import { usageOf } from '../../../src/observing/usage.js';
import { NO_COMPUTE } from '../../../src/wire/region.js';
import { aNode, aRegion, MIB } from './readings.js';

const NONE = new Array<number>(24).fill(0);
const QUIET = {
  allocHistogram: NONE,
  launchHistogram: NONE,
  throttleHistogram: NONE,
  unknownSymbols: 0,
  driverBytesUnknown: 0,
};

describe('the monitor’s JSON', () => {
  it('is written as it always was', () => {
    const regions = new Map([['s1', aRegion({ usedBytes: MIB + 1, peakBytes: 2 * MIB, refusals: 1 })]]);
    expect(stateOf(usageOf(aNode({ regions })))).toEqual({
      v: 1,
      node: 'n1',
      problems: [],
      devices: [
        {
          id: 'GPU-1',
          index: 0,
          model: 'A100-40G',
          healthy: true,
          memoryMiB: 40_960,
          usedMiB: 0,
          grantedMiB: 4096,
          grantedCorePercent: 30,
          slices: 1,
        },
      ],
      slices: [
        {
          namespace: 'a',
          pod: 'p',
          uid: 'u1',
          container: 'main',
          device: 'GPU-1',
          memoryMiB: 4096,
          corePercent: 30,
          usedMiB: 2,
          peakMiB: 2,
          refusals: 1,
          counted: { classBytes: {}, compute: NO_COMPUTE, telemetry: QUIET },
          enforcement: 'enforced',
          problem: '',
        },
      ],
    });
  });

  it('is read as it was written', () => {
    const state = stateOf(usageOf(aNode({ regions: new Map() })));
    expect(readState(JSON.stringify(state))).toEqual({ ok: true, value: state });
  });

  it.each([
    ['text', 'nope'],
    ['an unknown version', '{"v":2,"node":"n","devices":[],"slices":[]}'],
    ['a lack', '{"v":1,"node":"n"}'],
  ])('is refused with %s', (_, text) => expect(readState(text).ok).toBe(false));
});
