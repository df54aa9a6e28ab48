// SPDX-License-Identifier: Apache-2.0
// What a room wastes, weighed from three measures. Pure; the same for the live cluster and for a replay.
import { unfilledOf } from './fill.js';
import { fragmentationOf } from './fragmentation.js';
import type { Mix } from './mix.js';
import { type Futures, unrefilledOf } from './refill.js';
import type { Room } from './shape.js';

export interface Weights {
  /** GPU that the next pod cannot use. */
  readonly fragmentation: number;
  /** GPU that one shape alone would leave. */
  readonly fill: number;
  /** GPU that pods as they come would leave. */
  readonly refill: number;
  /** Milli that it costs to touch an empty node of a usual kind. */
  readonly opening: number;
  /**
   * CPU-only pods waste nearly nothing anywhere. Spread by tiny differences they leave no node with room for the next large
   * one; told apart in steps of so many milli, equals fill the first node in order. 0: exactly.
   */
  readonly cpuStep: number;
}

export interface Outlook {
  readonly mix: Mix;
  readonly futures: Futures;
  readonly weights: Weights;
}

/** Milli, 0 or more: less is better. A measure of weight 0 is not taken. */
export function wasteOf(room: Room, { mix, futures, weights }: Outlook): number {
  const { fragmentation, fill, refill } = weights;
  return (
    (fragmentation === 0 ? 0 : fragmentation * fragmentationOf(room, mix)) +
    (fill === 0 ? 0 : fill * unfilledOf(room, mix)) +
    (refill === 0 ? 0 : refill * unrefilledOf(room, futures))
  );
}
