// SPDX-License-Identifier: Apache-2.0
// A list of device policies as one number. The first that tells two sets of devices apart decides: every like but the
// last counts in whole steps, and a step of one weighs more than all that those after it can say.
import type { Company } from './fit.js';
import type { VendorView } from './node.js';
import { DEVICE_POLICIES, type DeviceRow } from './policies.js';
import type { DevicePolicy } from './request.js';
import { newAsker } from './remembered.js';
import type { DeviceSight } from './sight.js';

export interface Chain {
  /** The strictest that the list demands. */
  readonly company: Company;
  /** Rows that like something. */
  readonly rows: readonly DeviceRow[];
}

const BINPACK: DeviceRow = DEVICE_POLICIES.binpack;

/** Where the list leaves devices alike, the fuller one. */
export function chainOf(policy: DevicePolicy): Chain {
  const named = [...new Set(policy)].map((name) => DEVICE_POLICIES[name]);
  const strict = named.map(({ company }) => company);
  const company = strict.includes('none') ? 'none' : strict.includes('own') ? 'own' : 'any';
  const liking = named.filter(({ each, alone, pair }) =>
    [each, alone, pair].some((row) => row !== undefined),
  );
  return { company, rows: liking.some(({ each }) => each !== undefined) ? liking : [...liking, BINPACK] };
}

/** The same company, and tightly. */
export const tightly = ({ company }: Chain): Chain => ({ company, rows: [BINPACK] });

export const isTight = ({ rows }: Chain): boolean => rows.length === 1 && rows[0] === BINPACK;

const STEPS = 1023;

interface Term {
  readonly weight: number;
  /** A last like is taken as it is, all before in whole steps. */
  readonly round: (like: number) => number;
}

const inSteps = (like: number): number => Math.round(like * STEPS);
const asItIs = (like: number): number => like;

/** A chain for sets of so many devices: what a device and what a pair of them adds to the set's number. */
export class ChainOfCount {
  /** Whose likes of untouched devices are remembered by state (see alike); null: something else matters to them. */
  readonly asker: number | null;
  private readonly ones: readonly (Term & { readonly like: (sight: DeviceSight) => number })[];
  private readonly pairs: readonly (Term & { readonly like: NonNullable<DeviceRow['pair']> })[];

  constructor({ rows }: Chain, count: number) {
    const pairsOf = (count * (count - 1)) / 2;
    const said = rows.filter((row) => (count === 1 ? (row.each ?? row.alone) : (row.each ?? row.pair)));
    const base = (STEPS + 1) * Math.max(count, pairsOf);
    const isByState = said.every((row) => (row.each === undefined ? count > 1 : row.isByState === true));
    this.asker = isByState ? newAsker() : null;
    const terms = said.map((row, at) => {
      const isLast = at === said.length - 1;
      const all = row.each === undefined && count > 1 ? pairsOf : count;
      const weight = isLast ? 0.999 / all : base ** (said.length - 2 - at);
      return { row, weight, round: isLast ? asItIs : inSteps };
    });
    this.ones = terms.flatMap(({ row, ...term }) => {
      const like = row.each ?? (count === 1 ? row.alone : undefined);
      return like === undefined ? [] : [{ ...term, like }];
    });
    this.pairs = terms.flatMap(({ row, ...term }) =>
      row.each !== undefined || row.pair === undefined || count === 1 ? [] : [{ ...term, like: row.pair }],
    );
  }

  get hasPairs(): boolean {
    return this.pairs.length > 0;
  }

  ofOne(sight: DeviceSight): number {
    let sum = 0;
    for (let at = 0; at < this.ones.length; at++) {
      const { like, weight, round } = this.ones[at] as (typeof this.ones)[number];
      sum += weight * round(like(sight));
    }
    return sum;
  }

  ofPair(view: VendorView, a: number, b: number): number {
    let sum = 0;
    for (let at = 0; at < this.pairs.length; at++) {
      const { like, weight, round } = this.pairs[at] as (typeof this.pairs)[number];
      sum += weight * round(like(view, a, b));
    }
    return sum;
  }
}
