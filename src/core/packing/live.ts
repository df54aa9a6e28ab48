// SPDX-License-Identifier: Apache-2.0
// Packing of a live cluster: learns from pods as they come and go, and looks anew when half as many again have come.
//
//   arrive, depart ─▶ demand ─ time for a look ─▶ prospect ─ step by step: rooms worked out, then likes ─▶ answers
//
// The old prospect answers until the new one is prepared: nobody who asks waits for a look.
import type { NodeView, VendorView } from '../node.js';
import type { Asked } from './asked.js';
import { Demand } from './demand.js';
import { fleetIn, type Look } from './look.js';
import { Pace } from './pace.js';
import type { Packing } from './packing.js';
import { NO_PROSPECT, Prospect } from './prospect.js';
import type { Kind, Room } from './shape.js';
import { warmUp } from './warm-up.js';

export class LivePacking implements Packing {
  readonly #nodes: () => Iterable<NodeView>;
  readonly #foresee: (next: Packing) => Iterable<unknown>;
  readonly #demand = new Demand();
  readonly #pace = new Pace();
  #current = NO_PROSPECT;
  #next: { readonly prospect: Prospect; readonly rooms: Iterator<unknown> } | null = null;
  #hasBegun = false;
  #isDue = false;
  #turnover = 0;
  #version = 0;

  /** `nodes`: as they are when asked for. `foresee`: what else is prepared, step by step, before `next` answers. */
  constructor(nodes: () => Iterable<NodeView>, foresee: (next: Packing) => Iterable<unknown> = () => []) {
    this.#nodes = nodes;
    this.#foresee = foresee;
  }

  get look(): Look {
    return this.#current.look;
  }

  get version(): number {
    return this.#current.version;
  }

  kindOf(node: NodeView, view: VendorView): Kind {
    return this.#current.kindOf(node, view);
  }

  wasteOf(room: Room): number {
    return this.#current.wasteOf(room);
  }

  openingOf(room: Room): number {
    return this.#current.openingOf(room);
  }

  /** Pods that were there before anybody watched; until it is called, those that come and go are not counted. */
  begin(pods: Iterable<Asked>): void {
    let count = 0;
    for (const asked of pods) {
      this.#demand.count(asked);
      count++;
    }
    this.#pace.begin(count);
    this.#hasBegun = true;
    this.#isDue = count > 0;
  }

  /** A pod asks, once. */
  arrive(asked: Asked): void {
    if (!this.#hasBegun) return;
    this.#demand.count(asked);
    const turnover = this.#pace.arrive();
    if (turnover === null) return;
    this.#turnover = turnover;
    this.#isDue = true;
  }

  /** A pod that held something is gone. */
  depart(): void {
    if (this.#hasBegun) this.#pace.depart();
  }

  /** Works out so many rooms at most where a look is due or under way. True: there is more to do. */
  step(rooms: number): boolean {
    const next = (this.#next ??= this.#lookAnew());
    if (next === null) return false;
    for (let done = 0; done < rooms; done++) {
      if (next.rooms.next().done !== true) continue;
      this.#current = next.prospect;
      this.#next = null;
      return this.#isDue;
    }
    return true;
  }

  /** Looks at once where a look is due, and works rooms out when they are asked for. For replays. */
  settle(): void {
    const next = this.#next ?? this.#lookAnew();
    if (next !== null) this.#current = next.prospect;
    this.#next = null;
  }

  #lookAnew(): { readonly prospect: Prospect; readonly rooms: Iterator<unknown> } | null {
    if (!this.#isDue && !(this.#hasBegun && this.#current.isOutdated)) return null;
    this.#isDue = false;
    const nodes = [...this.#nodes()];
    const look = { asked: this.#demand.rows(), fleet: fleetIn(nodes), turnover: this.#turnover };
    const prospect = new Prospect(look, ++this.#version);
    return { prospect, rooms: this.#prepare(prospect, nodes) };
  }

  *#prepare(prospect: Prospect, nodes: readonly NodeView[]): Generator<unknown, void> {
    yield* warmUp(prospect, nodes);
    yield* this.#foresee(prospect);
  }
}
