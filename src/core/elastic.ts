// SPDX-License-Identifier: Apache-2.0
// How the memory of one device that is not promised is lent, on a node and by `kerf run` alike.
//
//   ceiling     what a slice may ever hold
//   guaranteed  what it is promised
//   now         where its growth ends at the moment: borrowed memory is given back by refusing growth
import type { MiB } from './units.js';

export interface Burst {
  readonly ceiling: MiB;
  readonly guaranteed: MiB;
  /** Held at the moment, rounded up. */
  readonly used: MiB;
  /** Was refused memory of late, or is near where its growth ends: is given before the others. */
  readonly isWanting?: boolean;
}

/**
 * Where the growth of each slice of one device ends, in the order given. What is neither promised nor taken is divided
 * evenly, first among those who want more and then among all who may have it; what somebody borrowed stays his until he
 * gives it back, and grows no more while the rest is promised to others. Adds up to the device at most, unless more than
 * it has is promised or held.
 */
export function divideMemory(device: MiB, slices: readonly Burst[]): readonly MiB[] {
  const given = slices.map(({ guaranteed, used, ceiling }) => Math.max(guaranteed, Math.min(used, ceiling)));
  fill(device, slices, { given, isIn: ({ isWanting }) => isWanting === true });
  fill(device, slices, { given, isIn: () => true });
  return given as MiB[];
}

interface Round {
  /** Grows. */
  readonly given: number[];
  readonly isIn: (slice: Burst) => boolean;
}

/** Each turn fills at least one slice to its ceiling, or gives all there is. */
function fill(device: MiB, slices: readonly Burst[], { given, isIn }: Round): void {
  let spare = Math.max(0, device - given.reduce((sum, part) => sum + part, 0));
  const room = (at: number): number => (slices[at]?.ceiling ?? 0) - (given[at] ?? 0);
  let open = [...slices.keys()].filter((at) => isIn(slices[at] as Burst) && room(at) > 0);
  while (spare > 0 && open.length > 0) {
    const share = Math.max(1, Math.floor(spare / open.length));
    for (const at of open) {
      const more = Math.min(share, spare, room(at));
      given[at] = (given[at] ?? 0) + more;
      spare -= more;
    }
    open = open.filter((at) => room(at) > 0);
  }
}

/** So near where its growth ends the next request may be refused. */
const NEAR_PERMILLE = 900;

export const isNear = (used: MiB, now: MiB): boolean => used * 1000 >= now * NEAR_PERMILLE;
