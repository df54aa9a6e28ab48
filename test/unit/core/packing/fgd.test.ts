// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { replayArrivals, typicalMix } from '../../../../src/core/packing/arrival.js';
import { BEST_FIT, fgd } from '../../../../src/core/packing/fgd.js';
import { fleetOf } from '../../../../src/core/packing/fleet.js';
import { workloadOf } from '../../../../src/core/packing/workload.js';
import { hasNoTrace, openbTrace } from '../../../builders/openb.js';

describe.skipIf(hasNoTrace)('the openb trace, default, seed 42', () => {
  const { nodes, pods, order } = openbTrace('default', 42);

  it('FGD allocates 5 919 410 milli and drops 2 532 pods, as published', () => {
    const fleet = fleetOf(nodes);
    const workload = workloadOf(pods, fleet.models);
    const outcome = replayArrivals({ fleet, workload, order, policy: fgd(typicalMix(workload)) });
    expect(outcome.allocatedMilli).toBe(5_919_410);
    expect(outcome.failed).toEqual({ cpu: 0, share: 1099, gpu1: 1412, gpu2: 6, gpu4: 6, gpu8: 9 });
    expect(Object.values(outcome.failed).reduce((sum, count) => sum + count)).toBe(2_532);
    expect(outcome.arrivals).toBe(10_866);
  });

  it('BestFit lands within the published 93.08 ± 0.13 %, three deviations wide', () => {
    const fleet = fleetOf(nodes);
    const workload = workloadOf(pods, fleet.models);
    const { allocation } = replayArrivals({ fleet, workload, order, policy: BEST_FIT });
    expect(Math.abs(100 * allocation - 93.08)).toBeLessThan(0.39);
  });
});
