// SPDX-License-Identifier: Apache-2.0
// The placing verbs in process at 5 000 nodes × 8 devices with 40 000 slices held; the peer's stored figures beside.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Ledger } from '../src/core/ledger.js';
import { DEFAULT_RULES, nodePolicy, type PlacingRules } from '../src/core/policies.js';
import type { NodePolicyName, PodRequest } from '../src/core/request.js';
import { allocatedBy } from './filter/allocation.js';
import { eventTimes } from './filter/events.js';
import { filledLedger } from './filter/fleet.js';
import { ASKERS, type Asker } from './filter/pods.js';
import { allocationRow, eventRows, flatRow, memoryRows, peerRows, verbRows } from './filter/rows.js';
import { filledByTrace, type Tenants, tracePods } from './filter/trace.js';
import { answer, askAs, coldSamples, namesOf, type Stage, streamSamples } from './filter/verbs.js';
import type { Row } from './report.js';

export const about =
  'filter + prioritize in process: 5 000 nodes × 8 devices, 40 000 slices held (about 3 minutes)';

const NODES = 5000;
const SLICES = 40_000;
/** kube-scheduler's default sample of 5 000 nodes, and all of them. */
const NAMES = [500, NODES];
const POLICIES: readonly NodePolicyName[] = ['binpack', 'spread'];
/** Of each question to two ledgers in turn, or under the profiler. */
const ROUNDS = 30;

export function run(): Promise<readonly Row[]> {
  const { ledger, rows: memory } = weighed(() => filledLedger({ nodes: NODES, slicesPerDevice: 1 }));
  const pods = tracePods();
  const tenants = filledByTrace(pods, { nodes: NODES, slices: SLICES });
  const stream = streamRows(pods, tenants);
  const cold = ASKERS.flatMap((asker) => coldRows(asker, asker.needsFree ? tenants.ledger : ledger));
  const twice = filledLedger({ nodes: NODES, slicesPerDevice: 2 });
  const everywhere = ASKERS.filter(({ needsFree }) => !needsFree);
  const flat = everywhere.flatMap((asker) => NAMES.map((names) => flatness(asker, names, { ledger, twice })));
  const events = [
    ...eventRows(SLICES, eventTimes(ledger, NODES)),
    ...eventRows(2 * SLICES, eventTimes(twice, NODES)),
  ];
  return Promise.resolve([...stream, ...cold, ...flat, ...events, ...allocationRows(ledger), ...memory]);
}

const rulesOf = (policy: NodePolicyName): PlacingRules => ({
  ...DEFAULT_RULES,
  nodePolicy: nodePolicy(policy),
  devicePolicy: [policy],
});

function stageOf(snapshot: Ledger, policy: NodePolicyName, names: number): Stage {
  return { snapshot, rules: rulesOf(policy), names, nodes: NODES };
}

function streamRows(pods: readonly PodRequest[], tenants: Tenants): readonly Row[] {
  return POLICIES.flatMap((policy) =>
    NAMES.flatMap((names) => {
      const samples = streamSamples(pods, stageOf(tenants.ledger, policy, names), tenants);
      const rows = verbRows(`openb stream, ${policy}`, names, samples);
      return policy === 'binpack' && names === NODES ? [...rows, ...peerRows(samples)] : rows;
    }),
  );
}

function coldRows(asker: Asker, ledger: Ledger): readonly Row[] {
  return POLICIES.flatMap((policy) =>
    NAMES.flatMap((names) =>
      verbRows(
        `${asker.name}, ${policy}, never seen`,
        names,
        coldSamples(asker, stageOf(ledger, policy, names)),
      ),
    ),
  );
}

interface Pair {
  readonly ledger: Ledger;
  readonly twice: Ledger;
}

function flatness(asker: Asker, names: number, { ledger, twice }: Pair): Row {
  const [once, double] = [stageOf(ledger, 'binpack', names), stageOf(twice, 'binpack', names)];
  const samples = Array.from({ length: ROUNDS }, (_, round) => [
    askAs(asker, once, round).ms,
    askAs(asker, double, round).ms,
  ]);
  const column = (at: number): readonly number[] => samples.map((pair) => pair[at] as number);
  return flatRow(`${asker.name}, never seen, ${names} names`, column(0), column(1));
}

/** Of pods that fit, seen before and never seen. */
function allocationRows(ledger: Ledger): readonly Row[] {
  const stage = stageOf(ledger, 'binpack', NODES);
  const names = namesOf(stage, 0);
  const of = (what: string, pods: readonly PodRequest[]): Row => {
    const allocated = allocatedBy(() => {
      for (const pod of pods) answer(pod, names, stage);
    });
    return allocationRow(what, allocated, pods.length * NODES);
  };
  return ASKERS.filter(({ fits, needsFree }) => fits && !needsFree).flatMap(({ name, podOf }) => {
    const pods = Array.from({ length: ROUNDS }, (_, at) => podOf(1000 + at));
    return [of(`${name}, never seen`, pods), of(`${name}, seen before`, pods)];
  });
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
