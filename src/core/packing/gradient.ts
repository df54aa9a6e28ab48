// SPDX-License-Identifier: Apache-2.0
// Policies that descend a potential: a pod goes where the potential of the node rises least.
import type { PackingPolicy } from './policy.js';
import { copyRoom, emptyRoom, isShared, type Room, type Shape, take } from './shape.js';

export interface Gradient {
  /** What a room wastes, in milli of GPU: less is better. */
  potential(room: Room): number;
  /** Score of a fall of the potential of `room` by `fall` milli (mostly negative: pods waste). More is better. */
  score(fall: number, room: Room, shape: Shape): number;
}

interface Best {
  readonly score: number;
  /** -1 where the shape is not shared. */
  readonly device: number;
}

export function descending({ potential, score }: Gradient): PackingPolicy {
  const after = emptyRoom();
  const potentialWith = (room: Room, shape: Shape, device: number): number => {
    copyRoom(room, after);
    take(after, shape, device);
    return potential(after);
  };
  const best = (room: Room, shape: Shape): Best => {
    const before = potential(room);
    if (!isShared(shape))
      return { score: score(before - potentialWith(room, shape, -1), room, shape), device: -1 };
    let found: Best = { score: -Infinity, device: -1 };
    for (let device = 0; device < room.gpuMilli.length; device++) {
      const free = room.gpuMilli[device] ?? 0;
      // An equal device before this one scored the same, and the first of equals wins.
      if (free < shape.gpuMilli || room.gpuMilli.indexOf(free) < device) continue;
      const reached = score(before - potentialWith(room, shape, device), room, shape);
      if (reached > found.score) found = { score: reached, device };
    }
    return found;
  };
  return {
    like: (room, shape) => best(room, shape).score,
    device: (room, shape) => best(room, shape).device,
  };
}
