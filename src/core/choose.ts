// SPDX-License-Identifier: Apache-2.0
// Which of these devices, taken together, are liked best? Each has a number, and so may each pair: the set with the
// largest sum. Exact by branch and bound where there are few sets (16 choose 8 is 12 870), else greedy with exchanges.
// Rows are kept from call to call: nothing is allocated once they are large enough.

/** As many sets as 8 of 16. */
const MOST_SETS = 12_870;
const MOST_EXCHANGES = 64;

export class Chooser {
  /** What was chosen, by place in the list of candidates: the first `count` of it. */
  readonly picked: number[] = [];
  private own = new Float64Array(16);
  private pair = new Float64Array(16 * 16);
  private readonly path: number[] = [];
  private size = 0;
  private count = 0;
  private best = -Infinity;
  private mostOwn = 0;
  private mostPair = 0;

  /** Forgets the last candidates; `size` new ones are told next. */
  begin(size: number): void {
    this.size = size;
    this.mostOwn = -Infinity;
    this.mostPair = 0;
    if (size <= this.own.length) return;
    this.own = new Float64Array(2 * size);
    this.pair = new Float64Array(4 * size * size);
  }

  like(at: number, like: number): void {
    this.own[at] = like;
    if (like > this.mostOwn) this.mostOwn = like;
  }

  likePair(a: number, b: number, like: number): void {
    this.pair[a * this.size + b] = like;
    this.pair[b * this.size + a] = like;
    if (like > this.mostPair) this.mostPair = like;
  }

  /** The likes of the best `count` one by one, best first, of equals the first. Answers their sum. */
  chooseEach(count: number): number {
    let sum = 0;
    for (let taken = 0; taken < count; taken++) {
      let best = -1;
      for (let at = 0; at < this.size; at++)
        if (!this.isPicked(at, taken) && (best < 0 || this.likeOf(at) > this.likeOf(best))) best = at;
      this.picked[taken] = best;
      sum += this.likeOf(best);
    }
    return sum;
  }

  /** The set of `count` liked best with its pairs, in order; of equals the first. Answers its sum. */
  chooseSet(count: number): number {
    this.count = count;
    this.best = -Infinity;
    if (setsOf(this.size, count) <= MOST_SETS) this.extend(0, 0, 0);
    else this.exchange();
    return this.best;
  }

  private extend(from: number, depth: number, sum: number): void {
    if (depth === this.count) {
      this.best = sum;
      for (let at = 0; at < depth; at++) this.picked[at] = this.path[at] as number;
      return;
    }
    for (let at = from; at <= this.size - (this.count - depth); at++) {
      const next = sum + this.gainOf(at, this.path, depth);
      if (this.bound(next, depth + 1) <= this.best) continue;
      this.path[depth] = at;
      this.extend(at + 1, depth + 1, next);
    }
  }

  /** No set that begins with these `depth` is liked better. */
  private bound(sum: number, depth: number): number {
    const rest = this.count - depth;
    return sum + rest * this.mostOwn + (rest * depth + (rest * (rest - 1)) / 2) * this.mostPair;
  }

  /** What `at` adds to the first `length` of a list. */
  private gainOf(at: number, list: readonly number[], length: number): number {
    let gain = this.likeOf(at);
    const row = at * this.size;
    for (let i = 0; i < length; i++) gain += this.pair[row + (list[i] as number)] as number;
    return gain;
  }

  /** One after another, the one that adds most; then one for another as long as that helps. */
  private exchange(): void {
    for (let taken = 0; taken < this.count; taken++) this.picked[taken] = this.mostGaining(taken);
    for (let turn = 0; turn < MOST_EXCHANGES && this.exchangeOne(); turn++);
    this.picked.length = this.count;
    this.picked.sort((a, b) => a - b);
    this.best = 0;
    for (let i = 0; i < this.count; i++) this.best += this.gainOf(this.picked[i] as number, this.picked, i);
  }

  private mostGaining(taken: number): number {
    let best = -1;
    let most = -Infinity;
    for (let at = 0; at < this.size; at++) {
      if (this.isPicked(at, taken)) continue;
      const gain = this.gainOf(at, this.picked, taken);
      if (gain <= most) continue;
      most = gain;
      best = at;
    }
    return best;
  }

  /** Takes one out, and the best back in; true where that was another, and better. */
  private exchangeOne(): boolean {
    const last = this.count - 1;
    for (let i = 0; i < this.count; i++) {
      const out = this.picked[i] as number;
      this.picked[i] = this.picked[last] as number;
      const into = this.mostGaining(last);
      const isBetter = this.gainOf(into, this.picked, last) > this.gainOf(out, this.picked, last);
      this.picked[last] = isBetter ? into : out;
      if (isBetter) return true;
    }
    return false;
  }

  private isPicked(at: number, taken: number): boolean {
    for (let i = 0; i < taken; i++) if (this.picked[i] === at) return true;
    return false;
  }

  private likeOf(at: number): number {
    return this.own[at] as number;
  }
}

/** n choose k; Infinity where it is beyond all doubt too many. */
function setsOf(n: number, k: number): number {
  let sets = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) {
    sets = (sets * (n - i + 1)) / i;
    if (sets > 1e9) return Infinity;
  }
  return sets;
}
