// SPDX-License-Identifier: Apache-2.0
// Whose end would let this pod in? Each candidate is taken out of a ledger of its own, and the engine asked again.
import { emptied } from '../core/cure.js';
import type { Holding } from '../core/holding.js';
import { Ledger } from '../core/ledger.js';
import type { NodeView } from '../core/node.js';
import { canPlace } from '../core/place.js';
import type { PreparedPod } from '../core/prepared.js';
import type { Snapshot } from '../core/snapshot.js';
import { eachOf, firstOf, type Steps } from './steps.js';

/** A question for people may not keep the verbs waiting: so many pods are tried at most, cheapest first. */
const MOST_TRIALS = 1_000;

/** The one that holds least of those whose end suffices; null where no single one does. */
export function* cheapestEnd(
  prepared: PreparedPod,
  snapshot: Snapshot,
  holdings: Iterable<Holding>,
): Steps<Holding | null> {
  const byNode = grouped(holdings);
  const there: Candidate[] = [];
  yield* eachOf([...byNode], ([name, held]) => {
    if (!wouldFitEmpty(prepared, snapshot.node(name))) return;
    for (const holding of held) there.push({ holding, cost: costOf(holding) });
  });
  const candidates = cheapest(there);
  const trials = new Map<string, Ledger>();
  const found = yield* firstOf(candidates, ({ holding }) => {
    const { node: name } = holding;
    const trial = trials.get(name) ?? trialOf(snapshot.node(name), byNode.get(name) ?? []);
    trials.set(name, trial);
    return fitsWithout(holding, prepared, trial);
  });
  return found?.holding ?? null;
}

interface Candidate {
  readonly holding: Holding;
  readonly cost: number;
}

/** In order; those dearer than the last of them are not sorted at all. */
function cheapest(all: readonly Candidate[]): readonly Candidate[] {
  const limit = Float64Array.from(all, ({ cost }) => cost).sort()[MOST_TRIALS - 1] ?? Infinity;
  return all
    .filter(({ cost }) => cost <= limit)
    .sort((a, b) => a.cost - b.cost || (a.holding.pod < b.holding.pod ? -1 : 1))
    .slice(0, MOST_TRIALS);
}

const wouldFitEmpty = (prepared: PreparedPod, node: NodeView | undefined): boolean =>
  node !== undefined && canPlace(prepared, emptied(node));

function grouped(holdings: Iterable<Holding>): ReadonlyMap<string, Holding[]> {
  const byNode = new Map<string, Holding[]>();
  for (const holding of holdings) {
    const there = byNode.get(holding.node);
    if (there === undefined) byNode.set(holding.node, [holding]);
    else there.push(holding);
  }
  return byNode;
}

/** MiB held in all, and compute as if a whole device's were 100 GiB; what nobody can read is the dearest. */
function costOf({ claim }: Holding): number {
  if (claim.kind !== 'placed') return Number.MAX_SAFE_INTEGER;
  const slices = claim.placement.containers.flatMap((container) => container.slices);
  return slices.reduce((sum, { memory, cores }) => sum + memory + cores * 100, 0);
}

/** The node alone, with all its holders. */
function trialOf(node: NodeView | undefined, holdings: readonly Holding[]): Ledger {
  const ledger = new Ledger();
  if (node !== undefined) ledger.setNode(node.facts);
  for (const holding of holdings) ledger.confirm(holding);
  return ledger;
}

function fitsWithout(holding: Holding, prepared: PreparedPod, trial: Ledger): boolean {
  trial.release(holding.uid);
  const left = trial.node(holding.node);
  const fits = left !== undefined && canPlace(prepared, left);
  trial.confirm(holding);
  return fits;
}
