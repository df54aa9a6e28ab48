// SPDX-License-Identifier: Apache-2.0
// One search for all packing policies: the best node of the fleet for a shape.
// Scores are kept per shape and node, and made anew only for nodes that changed since the shape last asked.
import { type Fleet, type Held, hold, readRoom, release } from './fleet.js';
import type { PackingPolicy } from './policy.js';
import { emptyRoom, fits, isShared, type Room, type Shape, WHOLE_GPU } from './shape.js';

/** Score of a node where the shape does not fit. */
const UNFIT = -Infinity;

interface Column {
  readonly scores: Float64Array;
  /** How much of the log of changes these scores know. */
  seen: number;
}

export class Search {
  readonly #fleet: Fleet;
  readonly #shapes: readonly Shape[];
  readonly #policy: PackingPolicy;
  #columns = new Map<number, Column>();
  /** Nodes in the order they changed; a node may stand here often. */
  #changed: number[] = [];
  readonly #stamps: Int32Array;
  #stamp = 0;
  readonly #room: Room;

  constructor(fleet: Fleet, shapes: readonly Shape[], policy: PackingPolicy) {
    this.#fleet = fleet;
    this.#shapes = shapes;
    this.#policy = policy;
    this.#stamps = new Int32Array(fleet.size);
    this.#room = emptyRoom();
  }

  /** Places a pod of shape number `at`; null when it fits nowhere. */
  place(at: number, memoryMiB: number): Held | null {
    if (this.#policy.arrive?.(at) === true) this.#forget();
    const node = this.#bestNode(this.#scoresOf(at), memoryMiB);
    if (node < 0) return null;
    const shape = this.#shapes[at] as Shape;
    readRoom(this.#fleet, node, this.#room);
    const held = { node, shape, memoryMiB, devices: this.#devices(shape) };
    hold(this.#fleet, held);
    this.#changed.push(node);
    return held;
  }

  remove(held: Held): void {
    release(this.#fleet, held);
    this.#changed.push(held.node);
    this.#policy.depart?.(this.#shapes.indexOf(held.shape));
  }

  #forget(): void {
    this.#columns = new Map();
    this.#changed = [];
  }

  #devices(shape: Shape): readonly number[] {
    if (isShared(shape)) return [this.#policy.device(this.#room, shape)];
    const devices: number[] = [];
    for (let i = 0; i < this.#room.gpuMilli.length && devices.length < shape.gpus; i++)
      if (this.#room.gpuMilli[i] === WHOLE_GPU) devices.push(i);
    return devices;
  }

  #bestNode(scores: Float64Array, memoryMiB: number): number {
    const { memoryMiB: memory, pods } = this.#fleet;
    let best = -1;
    let most = UNFIT;
    for (let node = 0; node < scores.length; node++) {
      const score = scores[node] ?? UNFIT;
      if (score <= most || (memory[node] ?? 0) < memoryMiB || pods[node] === 0) continue;
      best = node;
      most = score;
    }
    return best;
  }

  #scoresOf(at: number): Float64Array {
    const shape = this.#shapes[at] as Shape;
    const known = this.#columns.get(at);
    if (known === undefined) return this.#newColumn(at, shape);
    this.#stamp++;
    for (let i = known.seen; i < this.#changed.length; i++) {
      const node = this.#changed[i] ?? 0;
      if (this.#stamps[node] === this.#stamp) continue;
      this.#stamps[node] = this.#stamp;
      known.scores[node] = this.#scoreOf(node, shape);
    }
    known.seen = this.#changed.length;
    return known.scores;
  }

  #newColumn(at: number, shape: Shape): Float64Array {
    const scores = new Float64Array(this.#fleet.size);
    for (let node = 0; node < scores.length; node++) scores[node] = this.#scoreOf(node, shape);
    this.#columns.set(at, { scores, seen: this.#changed.length });
    return scores;
  }

  #scoreOf(node: number, shape: Shape): number {
    readRoom(this.#fleet, node, this.#room);
    return fits(this.#room, shape) ? this.#policy.like(this.#room, shape) : UNFIT;
  }
}
