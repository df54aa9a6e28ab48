// SPDX-License-Identifier: Apache-2.0
// From suspicions to findings. Three readings are never of one moment: memory may be freed between the driver's answer
// and the region's. So a suspicion counts when it stood in two looks in a row that compared what stood still, or in ten
// where the tenant kept changing it.
import type { Suspicion } from './escape.js';

const BELIEVED = 10;
const STEADY = 5;
const UNSTEADY = 1;

export interface Standing {
  readonly suspicion: Suspicion;
  readonly score: number;
}

export type Watchlist = ReadonlyMap<string, Standing>;

export interface Confirmed {
  readonly watchlist: Watchlist;
  /** Found by this look and not before. */
  readonly begun: readonly Suspicion[];
  /** All that stand, those begun too. */
  readonly standing: readonly Suspicion[];
}

export function confirm(before: Watchlist, suspicions: readonly Suspicion[]): Confirmed {
  const watchlist = new Map<string, Standing>();
  for (const suspicion of suspicions) {
    const gained = suspicion.isSteady ? STEADY : UNSTEADY;
    const score = Math.min(BELIEVED, (before.get(suspicion.key)?.score ?? 0) + gained);
    watchlist.set(suspicion.key, { suspicion, score });
  }
  const standing = [...watchlist.values()].filter(({ score }) => score >= BELIEVED);
  const begun = standing.filter(({ suspicion }) => (before.get(suspicion.key)?.score ?? 0) < BELIEVED);
  return {
    watchlist,
    begun: begun.map(({ suspicion }) => suspicion),
    standing: standing.map(({ suspicion }) => suspicion),
  };
}
