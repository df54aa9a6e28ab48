// SPDX-License-Identifier: Apache-2.0
// Remembers one number per state of a room: model, free CPU and the free milli of its devices in any order.
import type { Room } from './shape.js';

const FIRST_SIZE = 1 << 12;
/** Forgets all when so many states are known: 2^18 states of 8 devices are about 14 MB. */
const MOST_STATES = 1 << 18;

const EVERYDAY = { size: FIRST_SIZE, most: MOST_STATES };

export class RoomMemo {
  readonly #stride: number;
  readonly #value: (room: Room) => number;
  readonly #key: Int32Array;
  /** A power of two; growing takes its time. */
  readonly #least: number;
  readonly #most: number;
  #size = 0;
  #known = 0;
  #keys = new Int32Array(0);
  #values = new Float64Array(0);

  /** `devices`: the most any room has; `size`: room for half as many states before it grows; `most`: how many it knows before it forgets all. The value must not depend on the order of devices. */
  constructor(devices: number, value: (room: Room) => number, { size, most } = EVERYDAY) {
    this.#least = size;
    this.#most = most;
    this.#stride = devices + 2;
    this.#value = value;
    this.#key = new Int32Array(this.#stride);
    this.clear();
  }

  /** How many are known. */
  get states(): number {
    return this.#known;
  }

  clear(): void {
    this.#resize(this.#least);
  }

  of(room: Room): number {
    this.#writeKey(room);
    const slot = this.#slot(this.#key, 0);
    const known = this.#values[slot] ?? NaN;
    return Number.isNaN(known) ? this.#learn(slot, room) : known;
  }

  #learn(slot: number, room: Room): number {
    const value = this.#value(room);
    this.#keys.set(this.#key, slot * this.#stride);
    this.#values[slot] = value;
    this.#known++;
    if (this.#known * 2 > this.#size) this.#grow();
    return value;
  }

  #writeKey(room: Room): void {
    const key = this.#key;
    key.fill(-1);
    key[0] = room.kind.model;
    key[1] = room.cpuMilli;
    for (let i = 0; i < room.gpuMilli.length; i++) {
      const milli = room.gpuMilli[i] ?? 0;
      let at = i + 2;
      for (; at > 2 && (key[at - 1] ?? 0) > milli; at--) key[at] = key[at - 1] ?? 0;
      key[at] = milli;
    }
  }

  /** Where the key at `from` stands, or the free slot where it shall stand. */
  #slot(source: Int32Array, from: number): number {
    let hash = 0;
    for (let i = 0; i < this.#stride; i++)
      hash = Math.imul(hash ^ (source[from + i] ?? 0), 0x9e3779b1) ^ (hash >>> 15);
    let slot = (hash ^ (hash >>> 16)) & (this.#size - 1);
    while (!Number.isNaN(this.#values[slot] ?? 0) && !this.#isAt(slot, source, from))
      slot = (slot + 1) & (this.#size - 1);
    return slot;
  }

  #isAt(slot: number, source: Int32Array, from: number): boolean {
    for (let i = 0; i < this.#stride; i++)
      if (this.#keys[slot * this.#stride + i] !== source[from + i]) return false;
    return true;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    const isFull = this.#known >= this.#most;
    this.#resize(isFull ? this.#least : this.#size * 2);
    if (isFull) return;
    for (let old = 0; old < values.length; old++) {
      if (Number.isNaN(values[old] ?? 0)) continue;
      const slot = this.#slot(keys, old * this.#stride);
      this.#keys.set(keys.subarray(old * this.#stride, (old + 1) * this.#stride), slot * this.#stride);
      this.#values[slot] = values[old] ?? 0;
      this.#known++;
    }
  }

  #resize(size: number): void {
    this.#size = size;
    this.#known = 0;
    this.#keys = new Int32Array(size * this.#stride);
    this.#values = new Float64Array(size).fill(NaN);
  }
}
