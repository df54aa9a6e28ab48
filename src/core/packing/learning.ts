// SPDX-License-Identifier: Apache-2.0
// What a policy knows of the demand: only what it has seen. No clairvoyance.
import { type Mix, mixOf } from './mix.js';
import type { Shape } from './shape.js';

/** A new look whenever half as many pods again have come: often while little is known, seldom later. */
const GROWTH = 1.5;
const MOST_BETWEEN = 8192;

export interface Demand {
  readonly mix: Mix;
  /** Pods that left for each that came since the last look, 0..: 0 while a fleet is only being filled. */
  readonly turnover: number;
}

export class Learning {
  readonly #shapes: readonly Shape[];
  readonly #counts: number[];
  #came = 0;
  #left = 0;
  #seen = 0;
  #next = 1;

  constructor(shapes: readonly Shape[]) {
    this.#shapes = shapes;
    this.#counts = shapes.map(() => 0);
  }

  /** A pod asks. Null: nothing new to say. */
  arrive(shape: number): Demand | null {
    this.#counts[shape] = (this.#counts[shape] ?? 0) + 1;
    this.#came++;
    if (++this.#seen < this.#next) return null;
    const turnover = this.#left / this.#came;
    this.#came = 0;
    this.#left = 0;
    this.#next = this.#seen + Math.min(MOST_BETWEEN, Math.ceil(this.#seen * (GROWTH - 1)));
    return { mix: mixOf(this.#shapes, this.#counts), turnover };
  }

  depart(): void {
    this.#left++;
  }
}
