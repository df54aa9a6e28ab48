// SPDX-License-Identifier: Apache-2.0
// The arrival protocol: each pod is tried once, in order; what does not fit is dropped; nothing leaves.
import { type Fleet, heldMilli, readRoom } from './fleet.js';
import { fragmentationOf } from './fragmentation.js';
import { type Mix, mixOf } from './mix.js';
import type { PackingPolicy } from './policy.js';
import { Search } from './search.js';
import { askedMilli, emptyRoom, freeMilli, type Shape } from './shape.js';
import { classOf, POD_CLASSES, type PodClass, type Workload } from './workload.js';

export type Failed = Readonly<Record<PodClass, number>>;

/** Allocation is a share of the fleet's GPU; `at` is GPU asked by all pods so far as such a share, or time in lifetimes. */
export interface Point {
  readonly at: number;
  readonly allocation: number;
}

export interface Outcome {
  readonly allocatedMilli: number;
  readonly allocation: number;
  /** Share of the idle GPU that the next pod could not use. */
  readonly fragmentation: number;
  readonly failed: Failed;
  readonly arrivals: number;
  /** One point for each percent of arrived load. */
  readonly curve: readonly Point[];
}

export interface Replay {
  readonly fleet: Fleet;
  readonly workload: Workload;
  readonly policy: PackingPolicy;
  /** Rows of the workload, in order. */
  readonly order: readonly number[];
  /** Told after each arrival. */
  readonly onStep?: (done: number) => void;
}

/** Fills `fleet`. */
export function replayArrivals({ fleet, workload, policy, order, onStep }: Replay): Outcome {
  const search = new Search(fleet, workload.shapes, policy);
  const failed = noneFailed();
  const curve: Point[] = [{ at: 0, allocation: 0 }];
  let asked = 0;
  let allocated = 0;
  order.forEach((row, at) => {
    const number = workload.shapeOf[row] ?? 0;
    const shape = workload.shapes[number] as Shape;
    asked += askedMilli(shape);
    if (search.place(number, workload.memoryMiB[row] ?? 0) === null) failed[classOf(shape)]++;
    else allocated += askedMilli(shape);
    const load = asked / fleet.capacityMilli;
    if (load >= curve.length / 100) curve.push({ at: load, allocation: allocated / fleet.capacityMilli });
    onStep?.(at + 1);
  });
  const allocatedMilli = heldMilli(fleet);
  const allocation = allocatedMilli / fleet.capacityMilli;
  curve.push({ at: asked / fleet.capacityMilli, allocation });
  const fragmentation = fragmentationRatio(fleet, typicalMix(workload));
  return { allocatedMilli, allocation, fragmentation, failed, arrivals: order.length, curve };
}

export const noneFailed = (): Record<PodClass, number> =>
  Object.fromEntries(POD_CLASSES.map((name) => [name, 0])) as Record<PodClass, number>;

/** As published: the most frequent shapes until they make up 95 % of the whole list, CPU-only pods with them. */
export const typicalMix = ({ shapes, counts }: Workload): Mix => mixOf(shapes, counts, 0.95);

/** 0 when nothing is idle. */
export function fragmentationRatio(fleet: Fleet, mix: Mix): number {
  const room = emptyRoom();
  let fragments = 0;
  let idle = 0;
  for (let node = 0; node < fleet.size; node++) {
    readRoom(fleet, node, room);
    fragments += fragmentationOf(room, mix);
    idle += freeMilli(room.gpuMilli);
  }
  return idle === 0 ? 0 : fragments / idle;
}
