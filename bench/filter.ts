// SPDX-License-Identifier: Apache-2.0
// The placing verbs in process at 5 000 nodes × 8 devices with 40 000 slices held; the peer's stored figures beside.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Ledger } from '../src/core/ledger.js';
import { nodePolicy } from '../src/core/policies.js';
import type { NodePolicyName, PodRequest } from '../src/core/request.js';
import { allocatedBy } from './filter/allocation.js';
import { eventTimes } from './filter/events.js';
import { filledLedger } from './filter/fleet.js';
import { ASKERS, type Asker } from './filter/pods.js';
import {
  allocationRow,
  eventRows,
  figureRows,
  flatRow,
  looksRow,
  memoryRows,
  peerRows,
  verbRows,
} from './filter/rows.js';
import { type Ahead, aheadFor, filledByTrace, idle, type Tenants, tracePods } from './filter/trace.js';
import { answer, askAs, coldSamples, namesOf, type Stage, askStream } from './filter/verbs.js';
import type { Row } from './report.js';

export const about =
  'filter + prioritize in process: 5 000 nodes × 8 devices, 40 000 slices held (about 5 minutes)';

const NODES = 5000;
const SLICES = 40_000;
/** kube-scheduler's default sample of 5 000 nodes, and all of them. */
const NAMES = [500, NODES];
const POLICIES: readonly NodePolicyName[] = ['binpack', 'fragmentation'];
/** Of each question to two ledgers in turn. */
const TURNS = 60;
/** Of each question under the profiler. */
const ROUNDS = 20;
/** Of questions without a bar, some of which take a tenth of a second. */
const FEW = 25;

export function run(): Promise<readonly Row[]> {
  const { ledger, rows: memory } = weighed(() => filledLedger({ nodes: NODES, slicesPerDevice: 1 }));
  const pods = tracePods();
  const tenants = filledByTrace(pods, { nodes: NODES, slices: SLICES });
  const traced = fleetOf(tenants.ledger, pods);
  const stream = streamRows(pods, tenants, traced);
  const once = fleetOf(ledger, pods);
  const cold = ASKERS.flatMap((asker) => coldRows(asker, asker.needsFree ? traced : once));
  const apart = ASKERS.filter(isAskedApart).flatMap((asker) => apartRows(asker, traced));
  const twice = fleetOf(filledLedger({ nodes: NODES, slicesPerDevice: 2 }), pods);
  const everywhere = ASKERS.filter(({ needsFree }) => !needsFree);
  const flat = everywhere.flatMap((asker) => NAMES.map((names) => flatness(asker, names, { once, twice })));
  const events = [
    ...eventRows(SLICES, eventTimes(ledger, NODES)),
    ...eventRows(2 * SLICES, eventTimes(twice.ledger, NODES)),
  ];
  return Promise.resolve([
    ...stream,
    ...cold,
    ...apart,
    ...flat,
    ...events,
    ...allocationRows(once),
    ...memory,
  ]);
}

/** A filled fleet, and what packing knows of the demand there. */
interface Fleet {
  readonly ledger: Ledger;
  readonly ahead: Ahead;
}

const fleetOf = (ledger: Ledger, pods: readonly PodRequest[]): Fleet => ({
  ledger,
  ahead: aheadFor(ledger, pods),
});

function stageOf({ ledger, ahead: { packing } }: Fleet, policy: NodePolicyName, names: number): Stage {
  const rules = { nodePolicy: nodePolicy(policy), devicePolicy: [policy], packing };
  return { snapshot: ledger, rules, names, nodes: NODES };
}

function streamRows(pods: readonly PodRequest[], tenants: Tenants, fleet: Fleet): readonly Row[] {
  return POLICIES.flatMap((policy) =>
    NAMES.flatMap((names) => {
      const stage = stageOf(fleet, policy, names);
      const { samples, looks } = askStream(pods, stage, { tenants, ahead: fleet.ahead });
      const what = `openb stream, ${policy}`;
      const rows = [...verbRows(what, names, samples), looksRow(what, names, looks)];
      return policy === 'binpack' && names === NODES ? [...rows, ...peerRows(samples)] : rows;
    }),
  );
}

function coldRows(asker: Asker, fleet: Fleet): readonly Row[] {
  return POLICIES.flatMap((policy) =>
    NAMES.flatMap((names) => {
      const rows = hasBar(asker, policy, names) ? verbRows : figureRows;
      const samples = coldSamples(asker, stageOf(fleet, policy, names));
      return rows(`${asker.name}, ${policy}, never seen`, names, samples);
    }),
  );
}

/**
 * What the issue asks is the stream. Of kinds never seen one row alone has no bar: two thousand nodes that are like no
 * other, of each of which `fragmentation` has to work out a room that it never met (see docs/benchmarks.md).
 */
const hasBar = ({ needsFree }: Asker, policy: NodePolicyName, names: number): boolean =>
  needsFree !== true || policy !== 'fragmentation' || names < NODES;

const isAskedApart = ({ fits, needsFree }: Asker): boolean => fits && needsFree !== true;

/** Of the fleet that the trace has filled, where four nodes of five are like no other: no bar speaks of these. */
function apartRows(asker: Asker, fleet: Fleet): readonly Row[] {
  return POLICIES.flatMap((policy) =>
    NAMES.flatMap((names) => {
      const samples = coldSamples(asker, stageOf(fleet, policy, names), FEW);
      return figureRows(`${asker.name}, ${policy}, never seen, fleet of the trace`, names, samples);
    }),
  );
}

interface Pair {
  readonly once: Fleet;
  readonly twice: Fleet;
}

/** By kinds of pods that no row before has asked for. */
function flatness(asker: Asker, names: number, pair: Pair): Row {
  const once = stageOf(pair.once, 'binpack', names);
  const double = stageOf(pair.twice, 'binpack', names);
  const samples = Array.from({ length: TURNS }, (_, round) => [
    askAs(asker, once, names + round).ms,
    askAs(asker, double, names + round).ms,
  ]);
  const column = (at: number): readonly number[] => samples.map((pair) => pair[at] as number);
  return flatRow(`${asker.name}, never seen, ${names} names`, column(0), column(1));
}

/** Of pods that fit, seen before and never seen. */
function allocationRows(fleet: Fleet): readonly Row[] {
  // The events have touched every node: what follows is worked out between the calls, as the scheduler does.
  idle(fleet.ahead, Infinity);
  const stage = stageOf(fleet, 'binpack', NODES);
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
