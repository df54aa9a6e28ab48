// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../../adapters/clock.js';
import type { LivePacking } from '../../core/packing/live.js';

/** About a millisecond's work: whoever asks meanwhile waits no longer. */
const ROOMS = 128;
/** How often is looked whether there is work. */
const IDLE_MS = 50;

/** Prepares new looks at the demand between the calls of the verbs. Answers how to stop. */
export function startPacking({
  packing,
  clock,
}: {
  readonly packing: LivePacking;
  readonly clock: Clock;
}): () => void {
  let cancel = clock.after(IDLE_MS, turn);
  function turn(): void {
    const isBusy = packing.step(ROOMS);
    cancel = clock.after(isBusy ? 0 : IDLE_MS, turn);
  }
  return () => cancel();
}
