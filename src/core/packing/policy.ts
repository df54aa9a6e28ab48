// SPDX-License-Identifier: Apache-2.0
// What the search asks of a packing policy.
import type { Room, Shape } from './shape.js';

export interface PackingPolicy {
  /** Of a room the shape fits. Depends on nothing but its arguments and the mix of the moment. */
  like(room: Room, shape: Shape): number;
  /** Where a shared pod goes. */
  device(room: Room, shape: Shape): number;
  /** A pod asks, `shape` by its number. True: earlier scores are void. */
  arrive?(shape: number): boolean;
  /** A pod has gone. */
  depart?(shape: number): void;
}
