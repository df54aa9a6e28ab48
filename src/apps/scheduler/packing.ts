// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../../adapters/clock.js';
import type { Foresight } from '../../core/foresight.js';
import type { LivePacking } from '../../core/packing/live.js';

/** About a millisecond's work: whoever asks meanwhile waits no longer. */
const ROOMS = 128;
const ROWS = 192;
/** How often is looked whether there is work. */
const IDLE_MS = 50;

/** Prepares new looks at the demand, and what will be asked again, between the calls of the verbs. Answers how to stop. */
export function startPacking({
  packing,
  foresight,
  clock,
}: {
  readonly packing: LivePacking;
  readonly foresight: Foresight;
  readonly clock: Clock;
}): () => void {
  let cancel = clock.after(IDLE_MS, turn);
  function turn(): void {
    const isLooking = packing.step(ROOMS);
    const isBusy = foresight.step(ROWS) || isLooking;
    cancel = clock.after(isBusy ? 0 : IDLE_MS, turn);
  }
  return () => cancel();
}
