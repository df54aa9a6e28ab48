// SPDX-License-Identifier: Apache-2.0
// How the slices of one device share its time at this moment. Pure: what each may, wants and used goes in, a rate each
// comes out.
//
//   claim   what a slice would use now: all it may where it waits, else a little more than it used of late
//   floor ─▶ guaranteed part, high before low ─▶ what is left, high before low, by weight, to those who may borrow
//
// Claims are filled in this order, so nobody borrows what another claims of his own part. Whoever does not wait keeps
// his guaranteed rate all the same: he may begin at once, and is counted from the next look on.
import { type MilliCores, WHOLE_DEVICE } from './units.js';

export interface Sharer {
  /** Guaranteed, 1..1000. */
  readonly share: MilliCores;
  /** 1..100: its part of what is left over. */
  readonly weight: number;
  /** May borrow; else its share is also the most it gets. */
  readonly isSoft: boolean;
  readonly isHigh: boolean;
  /** Waited for time since the last look or two. */
  readonly isWaiting: boolean;
  /** Of the device's time, of late: by its own word. */
  readonly used: MilliCores;
  /** Held to almost nothing until somebody says otherwise. */
  readonly isClamped?: boolean;
}

export const CLAMPED = 10 as MilliCores;
/** Nobody goes below it while he wants more, however much is promised to others. */
const FLOOR = 20;
/** Who does not wait is left a quarter more than he used, and this. */
const SPARED = 20;

/** Rates in the order given, 1..1000. What slices claim of them adds up to the whole device at most. */
export function ratesOf(sharers: readonly Sharer[]): readonly MilliCores[] {
  const claims = sharers.map(claimOf);
  const given = sharers.map(() => 0);
  for (const step of stepsFor(sharers, claims)) raise(given, sharers, step);
  return sharers.map((sharer, at) => rateOf(sharer, Math.floor((given[at] ?? 0) + ROUNDING)));
}

/** Sums of parts of a thousand come out a hair below whole numbers. */
const ROUNDING = 1e-6;

const mostOf = ({ isSoft, share }: Sharer): number => (isSoft ? WHOLE_DEVICE : share);

export function claimOf(sharer: Sharer): number {
  if (sharer.isClamped === true) return CLAMPED;
  if (sharer.isWaiting) return mostOf(sharer);
  return Math.min(mostOf(sharer), sharer.used * 1.25 + SPARED);
}

function rateOf(sharer: Sharer, given: number): MilliCores {
  if (sharer.isClamped === true) return CLAMPED;
  const rate = sharer.isWaiting ? given : Math.max(given, sharer.share);
  return Math.max(1, rate) as MilliCores;
}

interface Step {
  readonly isHigh: boolean | 'either';
  /** How far each is raised in this step. */
  readonly upTo: readonly number[];
  readonly weightOf: (sharer: Sharer) => number;
}

function stepsFor(sharers: readonly Sharer[], claims: readonly number[]): readonly Step[] {
  const own = sharers.map(({ share }, at) => Math.min(share, claims[at] ?? 0));
  const least = Math.min(FLOOR, WHOLE_DEVICE / 2 / Math.max(1, sharers.length));
  const floors = own.map((part) => Math.min(part, least));
  // More may be promised than there is (overcommit): then promises shrink alike, by their size.
  const bySize = ({ weight, share }: Sharer): number => weight * share;
  const byWeight = ({ weight }: Sharer): number => weight;
  return [
    { isHigh: 'either', upTo: floors, weightOf: byWeight },
    { isHigh: true, upTo: own, weightOf: bySize },
    { isHigh: false, upTo: own, weightOf: bySize },
    { isHigh: true, upTo: claims, weightOf: byWeight },
    { isHigh: false, upTo: claims, weightOf: byWeight },
  ];
}

/** Raises those of the step by weight until each is where it should be or the device is full. */
function raise(given: number[], sharers: readonly Sharer[], step: Step): void {
  let left = WHOLE_DEVICE - given.reduce((sum, part) => sum + part, 0);
  let open = sharers.map((sharer, at) => ({ at, sharer })).filter(({ sharer }) => isIn(sharer, step));
  const missing = (at: number): number => (step.upTo[at] ?? 0) - (given[at] ?? 0);
  // Each round fills at least one, or gives all there is.
  while (left > ROUNDING) {
    open = open.filter(({ at }) => missing(at) > ROUNDING);
    if (open.length === 0) return;
    const perWeight = left / open.reduce((sum, { sharer }) => sum + step.weightOf(sharer), 0);
    for (const { at, sharer } of open) {
      const more = Math.min(perWeight * step.weightOf(sharer), missing(at));
      given[at] = (given[at] ?? 0) + more;
      left -= more;
    }
  }
}

const isIn = ({ isHigh }: Sharer, step: Step): boolean => step.isHigh === 'either' || step.isHigh === isHigh;

/** Whether anybody's rate could ever differ from his share. */
export function needsArbiter(sharers: readonly Pick<Sharer, 'share' | 'isSoft' | 'isClamped'>[]): boolean {
  const promised = sharers.reduce((sum, { share }) => sum + share, 0);
  return promised > WHOLE_DEVICE || sharers.some(({ isSoft, isClamped }) => isSoft || isClamped === true);
}

/** Of what was used before, so much is forgotten at each look. */
const FORGET = 1 / 8;

/** Use grows at once and fades: device time comes in pieces, of which one may be longer than many looks. */
export function usedOf(before: number, part: number): MilliCores {
  const now = Math.min(WHOLE_DEVICE, Math.max(0, part));
  return (now >= before ? now : before + (now - before) * FORGET) as MilliCores;
}
