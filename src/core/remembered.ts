// SPDX-License-Identifier: Apache-2.0
// Answers by who asked and by the number of a state (see alike), in a table of fixed size: of two that meet in one
// place the later stays, and the other is worked out again. Asking allocates nothing.

const PLACES = 1 << 15;
/** More states than one epoch has. */
const SPAN = 2 ** 20;

const every: Remembered<unknown>[] = [];
let last = 0;

/** Someone whose answers are told apart from all others'. */
export const newAsker = (): number => ++last;

/** Numbers mean something else from now on. */
export function forgetAll(): void {
  for (const table of every) table.forget();
}

export class Remembered<T> {
  private readonly keys = new Float64Array(PLACES).fill(-1);
  private readonly answers: T[];

  /** `none`: what stands where nothing is known. */
  constructor(none: T) {
    this.answers = new Array<T>(PLACES).fill(none);
    every.push(this);
  }

  forget(): void {
    this.keys.fill(-1);
  }

  isKnown(asker: number, state: number): boolean {
    return this.keys[placeOf(asker, state)] === asker * SPAN + state;
  }

  /** What is known; anything where nothing is. */
  get(asker: number, state: number): T {
    return this.answers[placeOf(asker, state)] as T;
  }

  keep(asker: number, state: number, answer: T): T {
    const place = placeOf(asker, state);
    this.answers[place] = answer;
    this.keys[place] = asker * SPAN + state;
    return answer;
  }
}

/** Neighbours of one asker stand side by side. */
const placeOf = (asker: number, state: number): number =>
  (Math.imul(asker, 0x9e3779b1) + state) & (PLACES - 1);
