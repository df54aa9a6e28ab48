// SPDX-License-Identifier: Apache-2.0
// Work that takes long on a large cluster, in steps of well under a millisecond: whoever runs it may let others in
// between two of them. What it looks at must be frozen before.

export type Steps<T> = Generator<undefined, T, undefined>;

/** All steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Things looked at in one step: nodes, at some microseconds each. */
const AT_ONCE = 16;

export function* eachOf<T>(things: readonly T[], look: (thing: T) => void): Steps<void> {
  for (let at = 0; at < things.length; at++) {
    if (at % AT_ONCE === AT_ONCE - 1) yield;
    look(things[at] as T);
  }
}

/** The first that is. */
export function* firstOf<T>(things: readonly T[], is: (thing: T) => boolean): Steps<T | undefined> {
  for (let at = 0; at < things.length; at++) {
    if (at % AT_ONCE === AT_ONCE - 1) yield;
    if (is(things[at] as T)) return things[at];
  }
  return undefined;
}
