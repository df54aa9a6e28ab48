// SPDX-License-Identifier: Apache-2.0
// What a policy knows of the demand: only what it has seen. No clairvoyance.
import { type Mix, mixOf } from './mix.js';
import { Pace } from './pace.js';
import type { Shape } from './shape.js';

export interface Demand {
  readonly mix: Mix;
  /** Pods that left for each that came since the last look, 0..: 0 while a fleet is only being filled. */
  readonly turnover: number;
}

export class Learning {
  readonly #shapes: readonly Shape[];
  readonly #counts: number[];
  readonly #pace = new Pace();

  constructor(shapes: readonly Shape[]) {
    this.#shapes = shapes;
    this.#counts = shapes.map(() => 0);
  }

  /** A pod asks. Null: nothing new to say. */
  arrive(shape: number): Demand | null {
    this.#counts[shape] = (this.#counts[shape] ?? 0) + 1;
    const turnover = this.#pace.arrive();
    return turnover === null ? null : { mix: mixOf(this.#shapes, this.#counts), turnover };
  }

  depart(): void {
    this.#pace.depart();
  }
}
