// SPDX-License-Identifier: Apache-2.0
// When to look anew at what is asked for: often while little is known, seldom later.

/** A new look whenever half as many pods again have come. */
const GROWTH = 1.5;
const MOST_BETWEEN = 8192;
/** After pods that were there already: so many more show whether pods leave. */
const AFTER_BEGIN = 100;

export class Pace {
  #came = 0;
  #left = 0;
  #seen = 0;
  #next = 1;

  /** So many pods are there already: neither came nor left while somebody looked. */
  begin(pods: number): void {
    this.#seen = pods;
    this.#next = pods === 0 ? 1 : pods + AFTER_BEGIN;
  }

  /** A pod asks. Pods that left for each that came since the last look where it is time for one, else null. */
  arrive(): number | null {
    this.#came++;
    if (++this.#seen < this.#next) return null;
    const turnover = this.#left / this.#came;
    this.#came = 0;
    this.#left = 0;
    this.#next = this.#seen + Math.min(MOST_BETWEEN, Math.ceil(this.#seen * (GROWTH - 1)));
    return turnover;
  }

  depart(): void {
    this.#left++;
  }
}
