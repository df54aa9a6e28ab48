// SPDX-License-Identifier: Apache-2.0
// What one watch event costs the ledger, on nodes that already hold pods. Microseconds.
import type { Ledger } from '../../src/core/ledger.js';
import { factsOf, sightingOf } from './fleet.js';

const ROUNDS = 5_000;
/** Numbers of the pods that come and go: above all that the fleet holds. */
const NEW_POD = 1000;

export interface EventTimes {
  readonly event: string;
  readonly micros: readonly number[];
}

/** Leaves the ledger as it found it. */
export function eventTimes(ledger: Ledger, nodes: number): readonly EventTimes[] {
  const comes = Array.from({ length: ROUNDS }, (_, at) => sightingOf(at % nodes, NEW_POD));
  const again = Array.from({ length: ROUNDS }, (_, at) => sightingOf(at % nodes, 3));
  const facts = Array.from({ length: ROUNDS }, (_, at) => factsOf(at % nodes));
  return [
    { event: 'pod confirmed', micros: comes.map((sighting) => micros(() => ledger.confirm(sighting))) },
    { event: 'pod seen again', micros: again.map((sighting) => micros(() => ledger.confirm(sighting))) },
    { event: 'pod released', micros: comes.map(({ uid }) => micros(() => ledger.release(uid))) },
    { event: 'node told anew', micros: facts.map((node) => micros(() => ledger.setNode(node))) },
  ];
}

function micros(act: () => void): number {
  const start = performance.now();
  act();
  return 1000 * (performance.now() - start);
}
