// SPDX-License-Identifier: Apache-2.0
// What a node's pods hold in sum, kept as they come and go: an event costs what its own pod holds, however many stand
// beside it. All figures are whole numbers, so adding and taking away again is exact; where one grows past what a
// double counts exactly (a letter may name any number), all of it is summed anew instead.
import type { Hold } from './device.js';
import { type Holds, NO_HOLD } from './hold.js';
import type { Holding } from './holding.js';

/** A holding with what it holds of its node's devices, worked out. */
export interface WeighedHolding {
  readonly holding: Holding;
  readonly holds: Holds;
}

/** Figures of one device; `owners` are the slices that own it. */
type Figures = { -readonly [K in Exclude<keyof Hold, 'isExclusive'>]: number } & { owners: number };

/** Field by field, in the order of NO_HOLD: filter reads all of a cluster's holds, and reads objects of one make quickest. */
function holdOf({ memory, cores, slices, highMemory, highCores, highSlices, owners }: Figures): Hold {
  const held = { memory, cores, slices, isExclusive: owners > 0, highMemory, highCores, highSlices };
  return held as Hold;
}

const MOST = Number.MAX_SAFE_INTEGER / 4;
const NAMES = ['memory', 'cores', 'slices', 'highMemory', 'highCores', 'highSlices'] as const;

export class NodeSum {
  private readonly devices = new Map<string, Figures>();
  private readonly slotsOf = new Map<string, number>();
  private milli = 0;
  private unreadable = 0;
  private initOnly = 0;
  private isVast = false;

  /** `held` are those counted, and is read again where that is asked about. */
  constructor(private readonly held: ReadonlyMap<string, WeighedHolding>) {}

  /** Of a device, also where nothing is held. */
  hold(id: string): Hold {
    const figures = this.devices.get(id);
    if (figures === undefined) return NO_HOLD;
    return holdOf(figures);
  }

  slots(vendor: string): number {
    return this.slotsOf.get(vendor) ?? 0;
  }

  get cpuMilli(): number {
    return this.milli;
  }

  /** The last come of those whose placement cannot be read. */
  get heldBy(): string | null {
    return this.unreadable === 0 ? null : this.lastOf(isUnreadable);
  }

  /** The last come of those that hold by their init containers alone. */
  get initOnlyPod(): string | null {
    return this.initOnly === 0 ? null : this.lastOf(isInitOnly);
  }

  /** What stands in `held` for the pod now. */
  add(entry: WeighedHolding): void {
    if (!this.isVast) this.count(entry, 1);
    if (this.isVast) this.recount();
  }

  /** What stood there: it is out of `held` already. */
  remove(entry: WeighedHolding): void {
    if (this.isVast) this.recount();
    else this.count(entry, -1);
  }

  /** The one stood for its pod in `held` where the other stands now. */
  replace(before: WeighedHolding, after: WeighedHolding): void {
    if (!this.isVast) this.count(before, -1);
    if (!this.isVast) this.count(after, 1);
    if (this.isVast) this.recount();
  }

  /** All of `held` anew. */
  private recount(): void {
    this.devices.clear();
    this.slotsOf.clear();
    this.milli = 0;
    this.unreadable = 0;
    this.initOnly = 0;
    this.isVast = false;
    for (const entry of this.held.values()) this.count(entry, 1);
  }

  private count(entry: WeighedHolding, sign: 1 | -1): void {
    const { holding, holds } = entry;
    for (const [id, hold] of holds) this.countDevice(id, hold, sign);
    for (const [vendor, count] of holding.slots) this.slotsOf.set(vendor, this.slots(vendor) + sign * count);
    this.milli += sign * holding.cpuMilli;
    if (this.milli > MOST) this.isVast = true;
    if (isUnreadable(entry)) this.unreadable += sign;
    if (isInitOnly(entry)) this.initOnly += sign;
  }

  private countDevice(id: string, hold: Hold, sign: 1 | -1): void {
    let figures = this.devices.get(id);
    if (figures === undefined) {
      figures = { memory: 0, cores: 0, slices: 0, highMemory: 0, highCores: 0, highSlices: 0, owners: 0 };
      this.devices.set(id, figures);
    }
    for (const name of NAMES) {
      figures[name] += sign * hold[name];
      if (figures[name] > MOST) this.isVast = true;
    }
    if (hold.isExclusive) figures.owners += sign;
    if (figures.slices === 0) this.devices.delete(id);
  }

  private lastOf(is: (entry: WeighedHolding) => boolean): string | null {
    let last: string | null = null;
    for (const entry of this.held.values()) if (is(entry)) last = entry.holding.pod;
    return last;
  }
}

const isUnreadable = ({ holding }: WeighedHolding): boolean => holding.claim.kind === 'unreadable';
const isInitOnly = ({ holding }: WeighedHolding): boolean =>
  holding.isInitOnly && holding.claim.kind === 'placed';
