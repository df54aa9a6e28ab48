// SPDX-License-Identifier: Apache-2.0
// The rooms that will be asked for soon: every node as it is, and with each of the frequent pods on it.
import type { NodeView } from '../node.js';
import { readNodeRoom } from './node-room.js';
import type { Prospect } from './prospect.js';
import { copyRoom, emptyRoom, fits, isShared, type Room, type Shape, take } from './shape.js';

/** openb has 90 shapes. */
const MOST_SHAPES = 256;
/** Half of what is remembered: the other half is for what comes. */
const MOST_STATES = 1 << 16;

/** Yields after each room. */
export function* warmUp(packing: Prospect, nodes: Iterable<NodeView>): Generator<undefined, void> {
  const shapes = packing.shapes.filter(({ gpus }) => gpus > 0).slice(0, MOST_SHAPES);
  // Rooms of its own: between two steps others are asked for.
  const room = emptyRoom();
  for (const node of nodes)
    for (const view of node.vendors.values()) {
      if (view.devices.length === 0) continue;
      readNodeRoom({ node, view, packing }, room);
      if (packing.states > MOST_STATES) return;
      packing.wasteOf(room);
      yield;
      yield* withEach(packing, room, shapes);
    }
}

function* withEach(packing: Prospect, room: Room, shapes: readonly Shape[]): Generator<undefined, void> {
  const after = emptyRoom();
  for (const shape of shapes) {
    if (!fits(room, shape)) continue;
    for (const device of devicesFor(room, shape)) {
      copyRoom(room, after);
      take(after, shape, device);
      packing.wasteOf(after);
      yield;
    }
  }
}

/** Equal devices once. */
function devicesFor({ gpuMilli }: Room, shape: Shape): readonly number[] {
  if (!isShared(shape)) return [-1];
  return [...gpuMilli.keys()].filter((at) => {
    const free = gpuMilli[at] ?? 0;
    return free >= shape.gpuMilli && gpuMilli.indexOf(free) === at;
  });
}
