// SPDX-License-Identifier: Apache-2.0
// The churn protocol: pods come at random times (Poisson), each lives for a random time (exponential, mean 1 lifetime)
// whatever its shape; what does not fit is lost. After a while the fleet is in balance, and allocation is measured over time.
import { fragmentationRatio, noneFailed, type Outcome, type Point, typicalMix } from './arrival.js';
import type { Fleet, Held } from './fleet.js';
import type { PackingPolicy } from './policy.js';
import { Departures } from './departures.js';
import { Search } from './search.js';
import { askedMilli, type Shape } from './shape.js';
import { classOf, type Workload } from './workload.js';

export interface Churn {
  /** GPU asked for at any time, as a share of the fleet's: 1.2 is a fifth too much. */
  readonly load: number;
  /** Lifetimes between which is measured. */
  readonly from: number;
  readonly to: number;
  readonly random: () => number;
}

export interface ChurnReplay {
  readonly fleet: Fleet;
  readonly workload: Workload;
  readonly policy: PackingPolicy;
  readonly churn: Churn;
  /** Told after each arrival; `now` in lifetimes. */
  readonly onStep?: (done: number, now: number) => void;
}

/** Fills `fleet`. */
export function replayChurn(replay: ChurnReplay): Outcome {
  const { churn, fleet, workload, onStep } = replay;
  const { random } = churn;
  const rows = workload.shapeOf.length;
  const rate = arrivalsPerLifetime(fleet, workload, churn.load);
  const balance = new Balance(replay);
  let arrivals = 0;
  for (let now = waiting(random) / rate; now < churn.to; now += waiting(random) / rate) {
    balance.arrive(now, { row: Math.floor(random() * rows), lives: waiting(random) });
    onStep?.(++arrivals, now);
  }
  balance.passTo(churn.to);
  return balance.outcome();
}

/** Exponential, mean 1. */
const waiting = (random: () => number): number => -Math.log(1 - random());

/** So that what is asked for at any time is `load` of the fleet. */
function arrivalsPerLifetime(fleet: Fleet, { shapes, counts, shapeOf }: Workload, load: number): number {
  const asked = shapes.reduce((sum, shape, at) => sum + askedMilli(shape) * (counts[at] ?? 0), 0);
  return (load * fleet.capacityMilli * shapeOf.length) / asked;
}

/** What is on the fleet as time goes by, and its measure. */
class Balance {
  readonly #replay: ChurnReplay;
  readonly #search: Search;
  readonly #leaving = new Departures<Held>();
  readonly #failed = noneFailed();
  readonly #curve: Point[] = [];
  #now = 0;
  #heldMilli = 0;
  /** Milli times lifetimes since the window began. */
  #area = 0;
  #arrivals = 0;

  constructor(replay: ChurnReplay) {
    this.#replay = replay;
    this.#search = new Search(replay.fleet, replay.workload.shapes, replay.policy);
  }

  arrive(now: number, { row, lives }: { readonly row: number; readonly lives: number }): void {
    this.passTo(now);
    const { workload, churn } = this.#replay;
    const number = workload.shapeOf[row] ?? 0;
    const shape = workload.shapes[number] as Shape;
    const held = this.#search.place(number, workload.memoryMiB[row] ?? 0);
    if (now >= churn.from) this.#arrivals++;
    if (held === null) {
      if (now >= churn.from) this.#failed[classOf(shape)]++;
      return;
    }
    this.#heldMilli += askedMilli(shape);
    this.#leaving.put(now + lives, held);
  }

  /** Lets all go that end before then. */
  passTo(now: number): void {
    while (this.#leaving.next <= now) {
      this.#pass(this.#leaving.next);
      const held = this.#leaving.take() as Held;
      this.#search.remove(held);
      this.#heldMilli -= askedMilli(held.shape);
    }
    this.#pass(now);
  }

  #pass(now: number): void {
    const since = Math.max(this.#now, this.#replay.churn.from);
    this.#area += this.#heldMilli * Math.max(0, now - since);
    this.#now = now;
    // Twenty points a lifetime.
    if (now * 20 >= this.#curve.length)
      this.#curve.push({ at: now, allocation: this.#heldMilli / this.#replay.fleet.capacityMilli });
  }

  outcome(): Outcome {
    const { churn, fleet, workload } = this.#replay;
    const allocatedMilli = this.#area / (churn.to - churn.from);
    return {
      allocatedMilli,
      allocation: allocatedMilli / fleet.capacityMilli,
      fragmentation: fragmentationRatio(fleet, typicalMix(workload)),
      failed: this.#failed,
      arrivals: this.#arrivals,
      curve: this.#curve,
    };
  }
}
