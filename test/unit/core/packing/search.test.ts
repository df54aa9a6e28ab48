// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replayArrivals, typicalMix } from '../../../../src/core/packing/arrival.js';
import { replayChurn } from '../../../../src/core/packing/churn.js';
import { BEST_FIT, fgd } from '../../../../src/core/packing/fgd.js';
import { type Fleet, fleetOf, type Held, heldMilli, readRoom } from '../../../../src/core/packing/fleet.js';
import { makePolicy } from '../../../../src/core/packing/policies.js';
import type { PackingPolicy } from '../../../../src/core/packing/policy.js';
import { randomFrom } from '../../../../src/core/packing/random.js';
import { Search } from '../../../../src/core/packing/search.js';
import { askedMilli, emptyRoom, fits, type Shape } from '../../../../src/core/packing/shape.js';
import { type PackingPod, type Workload, workloadOf } from '../../../../src/core/packing/workload.js';

const NODES = [
  ...Array.from({ length: 6 }, () => ({ cpuMilli: 96_000, memoryMiB: 393_216, gpus: 8, model: 'G2' })),
  ...Array.from({ length: 6 }, () => ({ cpuMilli: 16_000, memoryMiB: 122_880, gpus: 2, model: 'P100' })),
  { cpuMilli: 32_000, memoryMiB: 65_536, gpus: 0, model: '' },
];

const aPod = (row: Partial<PackingPod>): PackingPod => ({
  ...{ cpuMilli: 4000, memoryMiB: 8192, gpus: 1, gpuMilli: 1000, models: [] },
  ...row,
});

const PODS: readonly PackingPod[] = [
  aPod({}),
  aPod({ gpuMilli: 460 }),
  aPod({ gpuMilli: 810, cpuMilli: 6000 }),
  aPod({ gpuMilli: 190, models: ['P100'] }),
  aPod({ gpus: 8, cpuMilli: 64_000 }),
  aPod({ gpus: 2, models: ['G2', 'P100'] }),
  aPod({ gpus: 0, gpuMilli: 0, cpuMilli: 12_000, memoryMiB: 65_536 }),
  aPod({ models: ['none'] }),
];

const world = (): { readonly fleet: Fleet; readonly workload: Workload } => {
  const fleet = fleetOf(NODES);
  return { fleet, workload: workloadOf(PODS, fleet.models) };
};

/** The best node by asking the policy about every one. */
function bestNow(fleet: Fleet, policy: PackingPolicy, shape: Shape, memoryMiB: number): number {
  const room = emptyRoom();
  let best = -1;
  let most = -Infinity;
  for (let node = 0; node < fleet.size; node++) {
    readRoom(fleet, node, room);
    if (!fits(room, shape) || (fleet.memoryMiB[node] ?? 0) < memoryMiB) continue;
    const score = policy.like(room, shape);
    if (score <= most) continue;
    best = node;
    most = score;
  }
  return best;
}

const steps = fc.array(fc.record({ row: fc.nat(PODS.length - 1), leaves: fc.boolean() }), { maxLength: 120 });

describe('the search', () => {
  it.each(['fragmentation', 'fgd', 'best-fit'] as const)(
    'with kept scores finds under %s what asking every node finds',
    (name) => {
      fc.assert(
        fc.property(steps, (list) => {
          const { fleet, workload } = world();
          const policy = makePolicy(name, fleet, workload);
          const { arrive, ...asked } = policy;
          const search = new Search(fleet, workload.shapes, {
            ...policy,
            arrive: (shape) => {
              const isNew = arrive?.(shape) === true;
              const [row, memoryMiB] = [workload.shapes[shape] as Shape, PODS[shape]?.memoryMiB ?? 0];
              expected = bestNow(fleet, asked, row, memoryMiB);
              return isNew;
            },
          });
          let expected = -1;
          const held: Held[] = [];
          for (const { row, leaves } of list) {
            const first = leaves ? held.shift() : undefined;
            if (first !== undefined) search.remove(first);
            const placed = search.place(workload.shapeOf[row] ?? 0, PODS[row]?.memoryMiB ?? 0);
            expect(placed?.node ?? -1).toBe(expected);
            if (placed !== null) held.push(placed);
          }
        }),
        { numRuns: 25 },
      );
    },
  );

  it('never holds more than there is, and gives back all it took', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { fleet, workload } = world();
        const search = new Search(fleet, workload.shapes, makePolicy('fragmentation', fleet, workload));
        const held: Held[] = [];
        for (const { row } of list) {
          const placed = search.place(workload.shapeOf[row] ?? 0, PODS[row]?.memoryMiB ?? 0);
          if (placed !== null) held.push(placed);
        }
        const rest = [fleet.cpuMilli, fleet.memoryMiB, fleet.pods, fleet.gpuMilli];
        for (const array of rest) expect(Math.min(...array)).toBeGreaterThanOrEqual(0);
        expect(heldMilli(fleet)).toBe(held.reduce((sum, { shape }) => sum + askedMilli(shape), 0));
        for (const each of held) search.remove(each);
        expect(rest).toEqual([fleetOf(NODES)].flatMap((f) => [f.cpuMilli, f.memoryMiB, f.pods, f.gpuMilli]));
      }),
      { numRuns: 25 },
    );
  });

  it('does not place where the model is unknown or the memory short', () => {
    const { fleet, workload } = world();
    const search = new Search(fleet, workload.shapes, BEST_FIT);
    expect(search.place(7, 1)).toBeNull();
    expect(search.place(0, 400_000)).toBeNull();
  });

  it('keeps CPU-only pods together while a fleet is filled', () => {
    const { fleet, workload } = world();
    const search = new Search(fleet, workload.shapes, makePolicy('fragmentation', fleet, workload));
    for (let turn = 0; turn < 20; turn++) search.place(turn % 3, 8192);
    const nodes = Array.from({ length: 8 }, () => search.place(6, 8192)?.node);
    expect(new Set(nodes).size).toBeLessThanOrEqual(3);
  });

  it('places a CPU-only pod on a node without devices too', () => {
    const fleet = fleetOf(NODES.slice(-1));
    const workload = workloadOf(PODS, fleet.models);
    const search = new Search(fleet, workload.shapes, fgd(typicalMix(workload)));
    expect(search.place(6, 65_536)).toMatchObject({ node: 0, devices: [] });
  });
});

describe('a replay', () => {
  const order = Array.from({ length: 300 }, (_, at) => (at * 5) % PODS.length);

  it.each(['fragmentation', 'fgd', 'best-fit'] as const)('under %s is the same twice', (name) => {
    const once = (): unknown => {
      const { fleet, workload } = world();
      return replayArrivals({ fleet, workload, order, policy: makePolicy(name, fleet, workload) });
    };
    expect(once()).toEqual(once());
  });

  it('counts what failed by class, and what was asked', () => {
    const { fleet, workload } = world();
    const { failed, arrivals, curve } = replayArrivals({
      fleet,
      workload,
      order: [4, 7, 0],
      policy: BEST_FIT,
    });
    expect(failed).toEqual({ cpu: 0, share: 0, gpu1: 1, gpu2: 0, gpu4: 0, gpu8: 0 });
    expect(arrivals).toBe(3);
    expect(curve.at(-1)).toEqual({ at: 10 / 60, allocation: 9 / 60 });
  });

  it('with churn is the same for the same seed, and near its load while there is room', () => {
    const once = (seed: number): ReturnType<typeof replayChurn> => {
      const { fleet, workload } = world();
      const policy = makePolicy('fragmentation', fleet, workload);
      return replayChurn({
        fleet,
        workload,
        policy,
        churn: { load: 0.3, from: 4, to: 60, random: randomFrom(seed) },
      });
    };
    expect(once(1)).toEqual(once(1));
    expect(once(1)).not.toEqual(once(2));
    // Pods of the model that is nowhere are lost: an eighth of arrivals, a fourteenth of what they ask.
    expect(once(1).allocation).toBeGreaterThan(0.2);
    expect(once(1).allocation).toBeLessThan(0.32);
  });
});
