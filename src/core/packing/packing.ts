// SPDX-License-Identifier: Apache-2.0
// What the policy `fragmentation` knows of the cluster's demand, as placing asks it.
import { freeMilli, type Room } from './shape.js';

export interface Packing {
  /** Milli that a room wastes, 0 or more: less is better. */
  wasteOf(room: Room): number;
  /** Milli that it costs to touch the room, above 0 only where it is untouched. */
  openingOf(room: Room): number;
  /** CPU-only pods are told apart in steps of so many milli; 0: exactly. */
  readonly cpuStep: number;
}

/** Before any pod was seen: what is free is wasted, and nothing is kept untouched. */
export const NO_DEMAND: Packing = {
  wasteOf: ({ gpuMilli }) => freeMilli(gpuMilli),
  openingOf: () => 0,
  cpuStep: 0,
};
