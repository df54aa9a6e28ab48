// SPDX-License-Identifier: Apache-2.0
// The placing verbs in process at 5 000 nodes × 8 devices with 40 000 slices held; the peer's stored figures beside.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Ledger } from '../src/core/ledger.js';
import { NODE_POLICY_NAMES } from '../src/core/policies.js';
import { eventTimes } from './filter/events.js';
import { filledLedger } from './filter/fleet.js';
import { ASKERS, type Asker } from './filter/pods.js';
import { eventRows, flatRow, memoryRows, storedRows, verbRows } from './filter/rows.js';
import { samplesOf, timeOf } from './filter/verbs.js';
import type { Row } from './report.js';

export const about =
  'filter + prioritize in process: 5 000 nodes × 8 devices, 40 000 slices held (about a minute)';

const NODES = 5000;
/** kube-scheduler's default sample of 5 000 nodes, and all of them. */
const NAMES = [500, NODES];
/** Of each question to the two ledgers in turn. */
const ROUNDS = 30;

export function run(): Promise<readonly Row[]> {
  const { ledger, rows: memory } = weighed(() => filledLedger({ nodes: NODES, slicesPerDevice: 1 }));
  const verbs = ASKERS.flatMap((asker) => questionRows(asker, ledger));
  const twice = filledLedger({ nodes: NODES, slicesPerDevice: 2 });
  const flat = ASKERS.flatMap((asker) => NAMES.map((names) => flatness({ asker, names, ledger, twice })));
  const events = [
    ...eventRows(8 * NODES, eventTimes(ledger, NODES)),
    ...eventRows(16 * NODES, eventTimes(twice, NODES)),
  ];
  return Promise.resolve([...verbs, ...flat, ...events, ...memory, ...storedRows()]);
}

/** Every policy of the table: one that is added is measured. */
function questionRows(asker: Asker, ledger: Ledger): readonly Row[] {
  return NODE_POLICY_NAMES.flatMap((policy) =>
    NAMES.flatMap((names) => {
      const samples = samplesOf({ asker, policy, names, nodes: NODES }, ledger);
      return verbRows(`${asker.name}, ${policy}`, names, samples);
    }),
  );
}

interface Pair {
  readonly asker: Asker;
  readonly names: number;
  readonly ledger: Ledger;
  readonly twice: Ledger;
}

function flatness({ asker, names, ledger, twice }: Pair): Row {
  const question = { asker, policy: 'binpack', names, nodes: NODES } as const;
  const once: number[] = [];
  const double: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    once.push(timeOf(question, ledger, round));
    double.push(timeOf(question, twice, round));
  }
  return flatRow(`${asker.name}, ${names} names`, once, double);
}

function weighed(make: () => Ledger): { readonly ledger: Ledger; readonly rows: readonly Row[] } {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const ledger = make();
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  return { ledger, rows: memoryRows(heapUsed - before, rss) };
}
