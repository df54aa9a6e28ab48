// SPDX-License-Identifier: Apache-2.0

/** A heap of what ends when: the earliest first, of equals the one put first. */
export class Departures<T> {
  #heap: { readonly at: number; readonly turn: number; readonly what: T }[] = [];
  #turns = 0;

  /** Infinity when there is none. */
  get next(): number {
    return this.#heap[0]?.at ?? Infinity;
  }

  put(at: number, what: T): void {
    this.#heap.push({ at, turn: this.#turns++, what });
    let child = this.#heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  take(): T | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return first?.what;
    this.#heap[0] = last;
    this.#sink();
    return first?.what;
  }

  #sink(): void {
    let parent = 0;
    for (;;) {
      const child = this.#earlierChild(parent);
      if (child >= this.#heap.length || !this.#isBefore(child, parent)) return;
      this.#swap(child, parent);
      parent = child;
    }
  }

  #earlierChild(parent: number): number {
    const left = 2 * parent + 1;
    return left + 1 < this.#heap.length && this.#isBefore(left + 1, left) ? left + 1 : left;
  }

  #isBefore(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    return x.at < y.at || (x.at === y.at && x.turn < y.turn);
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return;
    this.#heap[a] = y;
    this.#heap[b] = x;
  }
}
