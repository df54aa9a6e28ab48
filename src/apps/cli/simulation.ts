// SPDX-License-Identifier: Apache-2.0
// One run of `kerf simulate`: a trace, a policy and a protocol in, a report out.
import { type Outcome, replayArrivals } from '../../core/packing/arrival.js';
import { type Churn, replayChurn } from '../../core/packing/churn.js';
import { fleetOf } from '../../core/packing/fleet.js';
import { makePolicy, type PackingPolicyName } from '../../core/packing/policies.js';
import { randomFrom } from '../../core/packing/random.js';
import { workloadOf } from '../../core/packing/workload.js';
import type { Trace } from './trace-files.js';

export type ChurnPlan = Omit<Churn, 'random'>;

export interface Plan {
  readonly trace: Trace;
  readonly policy: PackingPolicyName;
  readonly churn: ChurnPlan | null;
  /** Told after each arrival: how far the run is, 0..1. */
  readonly onStep?: (share: number) => void;
}

/** One line of `--json`. */
export interface Run {
  readonly policy: PackingPolicyName;
  readonly workload: string;
  readonly seed: number;
  readonly allocation: number;
  readonly fragmentation: number;
  readonly failed: Outcome['failed'];
  readonly arrivals: number;
  readonly seconds: number;
  /** Only of a run with churn; allocation is then its mean over the window, and pods are counted in the window. */
  readonly churn?: ChurnPlan;
}

export interface Simulated {
  readonly run: Run;
  readonly outcome: Outcome;
}

export function simulate(plan: Plan): Simulated {
  const { trace, policy, churn } = plan;
  const begun = performance.now();
  const outcome = churn === null ? fill(plan) : turnOver(plan, churn);
  const run: Run = {
    policy,
    workload: trace.workload,
    seed: trace.seed,
    allocation: rounded(outcome.allocation, 9),
    fragmentation: rounded(outcome.fragmentation, 6),
    failed: outcome.failed,
    arrivals: outcome.arrivals,
    seconds: rounded((performance.now() - begun) / 1000, 3),
    ...(churn === null ? {} : { churn }),
  };
  return { run, outcome };
}

function fill({ trace, policy, onStep }: Plan): Outcome {
  const fleet = fleetOf(trace.nodes);
  const workload = workloadOf(trace.pods, fleet.models);
  return replayArrivals({
    fleet,
    workload,
    policy: makePolicy(policy, fleet, workload),
    order: trace.order,
    onStep: (done) => onStep?.(done / trace.order.length),
  });
}

function turnOver({ trace, policy, onStep }: Plan, churn: ChurnPlan): Outcome {
  const fleet = fleetOf(trace.nodes);
  const workload = workloadOf(trace.pods, fleet.models);
  return replayChurn({
    fleet,
    workload,
    policy: makePolicy(policy, fleet, workload),
    churn: { ...churn, random: randomFrom(trace.seed) },
    onStep: (_, now) => onStep?.(now / churn.to),
  });
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
