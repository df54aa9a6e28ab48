// SPDX-License-Identifier: Apache-2.0
// A question for people may take seconds of work; the verbs and the watches do not wait for it.
import type { Steps } from '../../scheduling/steps.js';

/** As long as kube-scheduler may be kept waiting at once. */
export const SLICE_MS = 3;

export interface Turns {
  /** Milliseconds, of a clock that is never set back. */
  readonly now: () => number;
  /** Lets others have their turn. */
  readonly pause: () => Promise<void>;
}

export const eventLoop: Turns = {
  now: () => performance.now(),
  pause: () => new Promise((resolve) => setImmediate(resolve)),
};

export async function inSlices<T>(steps: Steps<T>, { now, pause }: Turns = eventLoop): Promise<T> {
  let since = now();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (now() - since < SLICE_MS) continue;
    await pause();
    since = now();
  }
}
