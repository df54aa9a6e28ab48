// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type Asked, askedOf, cpuOnly, shapeOf } from '../../../../src/core/packing/asked.js';
import { Demand } from '../../../../src/core/packing/demand.js';
import { FILLING, TURNING_OVER, weightsFor } from '../../../../src/core/packing/kerf.js';
import { LivePacking } from '../../../../src/core/packing/live.js';
import { fleetIn } from '../../../../src/core/packing/look.js';
import { Prospect } from '../../../../src/core/packing/prospect.js';
import { ANY_MODEL, emptyRoom, type Room } from '../../../../src/core/packing/shape.js';
import { readNodeRoom } from '../../../../src/core/packing/node-room.js';
import type { NodeView } from '../../../../src/core/node.js';
import { ANY_DEVICE } from '../../../../src/core/request.js';
import { aContainer, aDevice, aNode, aRequest, aWish, WHOLE } from '../../../builders/core.js';

const share = (permille: number, cores = 0) => aWish({ memory: { kind: 'share', permille }, cores });
const half: Asked = askedOf(aRequest(share(500, 500)), 4000);
const whole: Asked = askedOf(aRequest(WHOLE), 8000);
const node = (name: string, cpuMilli = 64_000): NodeView => aNode({ name, cpuMilli });
const roomOf = (view: NodeView, packing: Prospect | LivePacking): Room => {
  const room = emptyRoom();
  const vendor = [...view.vendors.values()][0];
  if (vendor !== undefined) readNodeRoom({ node: view, view: vendor, packing }, room);
  return room;
};

describe('what packing remembers of a pod', () => {
  const models = [
    { vendor: 'nvidia', model: 'A100', memoryMiB: 40_960 },
    { vendor: 'nvidia', model: 'T4', memoryMiB: 16_384 },
    { vendor: 'other', model: 'X', memoryMiB: 1000 },
  ];

  it.each([
    ['a share', aRequest(share(300, 200)), { gpus: 1, gpuMilli: 300, models: 3 }],
    ['more compute than memory', aRequest(share(300, 700)), { gpus: 1, gpuMilli: 700, models: 3 }],
    ['MiB of the smallest device that has them', aRequest(aWish({ memory: 8192 })), { gpuMilli: 500 }],
    ['MiB of a larger device', aRequest(aWish({ memory: 20_480 })), { gpuMilli: 500 }],
    ['more MiB than any has', aRequest(aWish({ memory: 50_000 })), { gpuMilli: 1000 }],
    ['a whole device', aRequest(WHOLE), { gpus: 1, gpuMilli: 1000 }],
    [
      'parts of several devices as whole ones',
      aRequest(aWish({ count: 2, memory: 100 })),
      { gpus: 2, gpuMilli: 1000 },
    ],
    [
      'a choice of models',
      aRequest(share(500), { choice: { ...ANY_DEVICE, denyModels: ['a10'] } }),
      { models: 2 },
    ],
    [
      'containers together, an init container only where it asks more',
      aRequest([
        aContainer('i', 'init', share(100)),
        aContainer('a', 'app', share(500)),
        aContainer('b', 'app', share(500)),
      ]),
      { gpus: 2 },
    ],
  ])('is %s', (_, request, shape) => {
    expect(shapeOf(askedOf(request, 4000), models)).toMatchObject({ cpuMilli: 4000, ...shape });
  });

  it('of a pod that asks for CPU alone is its CPU', () => {
    const shape = { cpuMilli: 500, gpus: 0, gpuMilli: 0, models: ANY_MODEL };
    expect(shapeOf(cpuOnly(500), models)).toEqual(shape);
    expect(askedOf(aRequest([aContainer('a', 'app')]), 500)).toEqual(cpuOnly(500));
  });
});

describe('what is left of a device', () => {
  it('is what is left of the scarcer of memory and compute, nothing where it takes nothing more', () => {
    const devices = ['a', 'b', 'c', 'd', 'e'].map((id, index) => aDevice({ id, index, memory: 40_000 }));
    const view = aNode(
      { devices, cpuMilli: 8000, cordoned: new Set(['e']) },
      {
        a: { memory: 18_400, cores: 100, slices: 1 },
        b: { memory: 100, cores: 305, slices: 1 },
        c: { isExclusive: true, slices: 1 },
        d: { memory: 10, slices: 10 },
      },
    );
    expect(roomOf(view, new Prospect({ asked: [], fleet: fleetIn([view]), turnover: 0 }, 1))).toMatchObject({
      cpuMilli: 8000,
      gpuMilli: [540, 695, 0, 0, 0],
    });
  });
});

describe('packing of a live cluster', () => {
  it('looks anew when half as many pods again have come, and counts nothing before it has begun', () => {
    const live = new LivePacking(() => [node('n1')]);
    live.arrive(half);
    live.settle();
    expect(live.version).toBe(0);
    live.begin([]);
    const versions = Array.from({ length: 12 }, () => {
      live.arrive(half);
      live.settle();
      return live.version;
    });
    expect(versions).toEqual([1, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6]);
    expect(live.look.asked).toEqual([{ asked: half, count: 12 }]);
  });

  it('answers by the old look until the new one has its rooms', () => {
    const nodes = [node('n1'), node('n2', 32_000)];
    const live = new LivePacking(() => nodes);
    live.begin([half, whole]);
    expect([live.step(1), live.version]).toEqual([true, 0]);
    let steps = 1;
    while (live.step(1)) steps++;
    expect(live.version).toBe(1);
    // Each node, and each node with either pod.
    expect(steps).toBe(6);
    expect(live.step(100)).toBe(false);
  });

  it('turns over where pods leave', () => {
    const live = new LivePacking(() => [node('n1')]);
    live.begin([]);
    for (const leaves of [false, true]) {
      live.arrive(half);
      if (leaves) live.depart();
      live.arrive(half);
    }
    live.settle();
    expect(live.look.turnover).toBe(0);
    live.arrive(half);
    live.settle();
    expect(live.look.turnover).toBeCloseTo(1 / 2);
    expect(weightsFor(live.look.turnover)).toBe(TURNING_OVER);
    expect(weightsFor(0)).toBe(FILLING);
  });

  it('looks anew when a node of a new kind is asked for', () => {
    const nodes = [node('n1')];
    const live = new LivePacking(() => nodes);
    live.begin([half]);
    live.settle();
    nodes.push(node('n2', 32_000));
    live.settle();
    expect(live.version).toBe(1);
    roomOf(nodes[1] as NodeView, live);
    live.settle();
    expect(live.version).toBe(2);
    expect(live.look.fleet.map(({ cpuMilli, nodes: count }) => [cpuMilli, count])).toEqual([
      [64_000, 1],
      [32_000, 1],
    ]);
  });

  it('gives by the same look the same answers, wherever', () => {
    const nodes = [
      node('n1'),
      aNode({ name: 'n2', cpuMilli: 16_000 }, { 'GPU-0': { memory: 20_480, slices: 1 } }),
    ];
    const live = new LivePacking(() => nodes);
    live.begin([half, whole, cpuOnly(2000), half]);
    live.settle();
    const again = new Prospect(JSON.parse(JSON.stringify(live.look)), 7);
    for (const view of nodes) {
      const rooms = [roomOf(view, live), roomOf(view, again)] as const;
      expect(again.wasteOf(rooms[1])).toBe(live.wasteOf(rooms[0]));
      expect(again.openingOf(rooms[1])).toBe(live.openingOf(rooms[0]));
    }
    expect(live.openingOf(roomOf(node('n1'), live))).toBeGreaterThan(0);
  });
});

describe('the demand of a cluster', () => {
  it('forgets the rarest when there are too many kinds of pods', () => {
    const demand = new Demand();
    for (let pod = 0; pod < 900; pod++) demand.count(half);
    for (let cpu = 0; cpu < 2000; cpu++) demand.count(cpuOnly(cpu));
    const rows = demand.rows();
    expect(rows.length).toBeLessThanOrEqual(1024);
    expect(rows[0]?.asked).toEqual(half);
  });

  it('fades, so that a cluster that has changed is seen to have', () => {
    const demand = new Demand();
    for (let pod = 0; pod < 2 ** 17; pod++) demand.count(half);
    for (let pod = 0; pod < 2 ** 16; pod++) demand.count(whole);
    const [before, now] = [half, whole].map(
      (asked) => demand.rows().find((row) => row.asked === asked)?.count ?? 0,
    );
    expect(now).toBeGreaterThanOrEqual((before ?? 0) / 2);
    expect((before ?? 0) + (now ?? 0)).toBeLessThan(2 ** 17);
  });
});
