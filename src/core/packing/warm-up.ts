// SPDX-License-Identifier: Apache-2.0
// The rooms that will be asked for soon: every node as it is, and with each of the frequent pods on it.
import type { NodeView } from '../node.js';
import { readNodeRoom, type Yard } from './node-room.js';
import type { Prospect } from './prospect.js';
import { copyRoom, emptyRoom, fits, isShared, type Room, type Shape, take } from './shape.js';

/** openb has 90 shapes. */
const MOST_SHAPES = 256;
/** Half of what is remembered: the other half is for what comes. */
const MOST_STATES = 1 << 16;

/** Rooms that are remembered already cost next to nothing: so many are passed over at once. */
const PASSED = 16;

/** Yields after each room worked out; the nodes as they are first, then with the most frequent pod on each, and so on. */
export function* warmUp(packing: Prospect, nodes: Iterable<NodeView>): Generator<undefined, void> {
  const all = [...nodes];
  yield* withOne(packing, all, null);
  for (const shape of packing.shapes.filter(({ gpus }) => gpus > 0).slice(0, MOST_SHAPES))
    yield* withOne(packing, all, shape);
}

function* withOne(
  packing: Prospect,
  nodes: readonly NodeView[],
  shape: Shape | null,
): Generator<undefined, void> {
  // Rooms of its own: between two steps others are asked for.
  const room = emptyRoom();
  const after = emptyRoom();
  let passed = 0;
  for (const yard of yardsOf(packing, nodes)) {
    if (packing.states > MOST_STATES) return;
    readNodeRoom(yard, room);
    for (const device of shape === null ? AS_IT_IS : devicesFor(room, shape)) {
      copyRoom(room, after);
      if (shape !== null) take(after, shape, device);
      const { states } = packing;
      packing.wasteOf(after);
      if (packing.states === states && ++passed % PASSED !== 0) continue;
      yield;
    }
  }
}

function* yardsOf(packing: Prospect, nodes: readonly NodeView[]): Generator<Yard, void> {
  for (const node of nodes)
    for (const view of node.vendors.values()) if (view.devices.length > 0) yield { node, view, packing };
}

const AS_IT_IS: readonly number[] = [-1];

/** Equal devices once. */
function devicesFor(room: Room, shape: Shape): readonly number[] {
  if (!fits(room, shape)) return [];
  const { gpuMilli } = room;
  if (!isShared(shape)) return [-1];
  return [...gpuMilli.keys()].filter((at) => {
    const free = gpuMilli[at] ?? 0;
    return free >= shape.gpuMilli && gpuMilli.indexOf(free) === at;
  });
}
