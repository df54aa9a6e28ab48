// SPDX-License-Identifier: Apache-2.0
// What the ledger knows of one pod that has a node.
import type { Device } from './device.js';
import { type Holds, holdsOf, NO_HOLDS, peakHolds } from './hold.js';
import type { Placement } from './placement.js';
import type { ContainerKind } from './request.js';
import { isSame } from './same.js';

/** Containers in the kubelet's order. */
export type ContainerKinds = readonly { readonly name: string; readonly kind: ContainerKind }[];

/** What a pod says of itself, whoever placed it. */
export interface HolderFacts {
  readonly uid: string;
  /** namespace/name, for people. */
  readonly pod: string;
  readonly containers: ContainerKinds;
  /** Vendor → slots the kubelet gives it. */
  readonly slots: ReadonlyMap<string, number>;
  /** Its init containers alone ask, and not all of them have started. */
  readonly isInitOnly: boolean;
  /** CPU it requests, in thousandths, as the kubelet counts. */
  readonly cpuMilli: number;
}

/** What its placement says. `unreadable`: there is one and nobody can read it. `none`: there is none. */
export type Claim =
  | { readonly kind: 'placed'; readonly placement: Placement }
  | { readonly kind: 'unreadable'; readonly detail: string }
  | { readonly kind: 'none' };

/** A bound pod as the watch shows it. */
export interface Sighting extends HolderFacts {
  readonly node: string;
  readonly claim: Claim;
}

export interface Holding extends HolderFacts {
  readonly node: string;
  readonly state: 'assumed' | 'held';
  readonly claim: Claim;
  /** What is wrong with its placement, in a sentence; empty when nothing is. */
  readonly trouble: string;
  /** When an assumed one may be given up, in the caller's ms; held ones stay. */
  readonly until: number;
  /** A resize about to be written: until the watch shows which of both placements stands, the more of them is held. */
  readonly next?: Placement;
}

/** Per device what it holds; nothing where its placement is absent or unreadable. */
export function holdsOfHolding(
  { claim, containers, next }: Holding,
  deviceOf: (id: string) => Device | undefined,
): Holds {
  if (claim.kind !== 'placed') return NO_HOLDS;
  const holds = holdsOf(claim.placement, containers, deviceOf);
  return next === undefined ? holds : peakHolds(holds, holdsOf(next, containers, deviceOf));
}

/** Field by field: quicker than spreading, and every holding is an object of one make. */
export function holdingOf(facts: HolderFacts, rest: Omit<Holding, keyof HolderFacts>): Holding {
  const { uid, pod, containers, slots, isInitOnly, cpuMilli } = facts;
  const { node, state, claim, trouble, until } = rest;
  return { uid, pod, containers, slots, isInitOnly, cpuMilli, node, state, claim, trouble, until };
}

/**
 * What to believe when the watch shows a pod that we may know already.
 * A placement once known is kept against a later one that is unreadable, gone or other: the node's agent obeys
 * the first it honoured for a pod's UID, so that is what the containers have. What we are writing over it ourselves
 * (a resize) is believed as soon as it is seen.
 */
export function believe(known: Holding | undefined, seen: Sighting): Holding {
  const { node, claim } = seen;
  const until = Number.POSITIVE_INFINITY;
  const fresh = holdingOf(seen, { node, state: 'held', claim, trouble: troubleOf(claim), until });
  if (known === undefined || known.node !== seen.node || known.claim.kind !== 'placed') return fresh;
  if (known.state === 'assumed') return seen.claim.kind === 'unreadable' ? keep(fresh, known) : fresh;
  const { next } = known;
  if (seen.claim.kind === 'placed') {
    if (isSame(known.claim.placement, seen.claim.placement)) return beside(fresh, next);
    if (next !== undefined && isSame(next, seen.claim.placement)) return fresh;
  }
  return beside(keep(fresh, known), next);
}

const beside = (holding: Holding, next: Placement | undefined): Holding =>
  next === undefined ? holding : { ...holding, next };

function keep(fresh: Holding, known: Holding): Holding {
  const trouble = fresh.trouble === '' ? 'its placement was changed after it was given' : fresh.trouble;
  return { ...fresh, claim: known.claim, trouble };
}

function troubleOf(claim: Claim): string {
  return claim.kind === 'unreadable' ? claim.detail : '';
}

/** Nothing that counts differs. The watch repeats itself, with every change of a pod's status. */
export function isSameHolding(a: Holding, b: Holding): boolean {
  return (
    a.state === b.state &&
    a.node === b.node &&
    a.trouble === b.trouble &&
    a.isInitOnly === b.isInitOnly &&
    isSame(a.claim, b.claim) &&
    isSame(a.next, b.next)
  );
}
