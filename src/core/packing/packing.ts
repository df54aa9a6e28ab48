// SPDX-License-Identifier: Apache-2.0
// What the policy `fragmentation` knows of the cluster's demand, as placing asks it.
import type { NodeView, VendorView } from '../node.js';
import { type Look, NO_LOOK } from './look.js';
import type { Kind, Room } from './shape.js';

export interface Packing {
  /** All that its answers follow from. */
  readonly look: Look;
  /** Another number, other answers: rises with every look at the demand. */
  readonly version: number;
  /** What the node is when it is empty, as far as this vendor's devices go. */
  kindOf(node: NodeView, view: VendorView): Kind;
  /** Milli that a room wastes, 0 or more: less is better. */
  wasteOf(room: Room): number;
  /** Milli that it costs to touch the room, above 0 only where it is untouched. */
  openingOf(room: Room): number;
}

/** Before any pod was seen: no room wastes anything, none is kept untouched, all nodes are liked alike. */
export const NO_DEMAND: Packing = {
  look: NO_LOOK,
  version: 0,
  kindOf: ({ cpu }, { devices }) => ({
    cpuMilli: cpu.allocatable,
    memoryMiB: 0,
    gpus: devices.length,
    model: 0,
    nodes: 1,
  }),
  wasteOf: () => 0,
  openingOf: () => 0,
};
