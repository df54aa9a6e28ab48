// SPDX-License-Identifier: Apache-2.0
// Every metric of the scheduler (docs/metrics.md is held to this table).

export interface MetricRow {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly unit: 'seconds' | 'count' | 'bool';
  readonly labels: readonly string[];
  readonly help: string;
  /** Of a histogram, in the unit of its name. */
  readonly buckets?: readonly number[];
  /** Label → all it may say: a counter tells 0 of each from the start, so that the first of a kind is seen to be counted. */
  readonly known?: Readonly<Record<string, readonly string[]>>;
}

const VERB_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

export const SCHEDULER_METRICS = {
  verbSeconds: {
    name: 'kerf_scheduler_verb_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: ['verb'],
    help: 'Time from a whole request to its answer.',
    buckets: VERB_SECONDS,
  },
  decisions: {
    name: 'kerf_scheduler_decisions_total',
    kind: 'counter',
    unit: 'count',
    labels: ['verb', 'outcome'],
    known: { verb: ['filter', 'prioritize', 'bind', 'admit'], outcome: ['ok', 'refused', 'error'] },
    help: 'Answers by outcome: ok, refused, error.',
  },
  refusals: {
    name: 'kerf_scheduler_refusals_total',
    kind: 'counter',
    unit: 'count',
    labels: ['verb', 'kind'],
    help: 'Nodes refused, by kind of refusal (docs/errors.md).',
  },
  bindRetries: {
    name: 'kerf_scheduler_bind_retries_total',
    kind: 'counter',
    unit: 'count',
    labels: [],
    help: 'Binds asked of a pod after its first, while none has bound it.',
  },
  holdings: {
    name: 'kerf_scheduler_ledger_pods',
    kind: 'gauge',
    unit: 'count',
    labels: ['state'],
    help: 'Pods in the ledger: assumed, held, troubled (of both).',
  },
  nodes: {
    name: 'kerf_scheduler_ledger_nodes',
    kind: 'gauge',
    unit: 'count',
    labels: [],
    help: 'Nodes in the ledger.',
  },
  expired: {
    name: 'kerf_scheduler_assumptions_expired_total',
    kind: 'counter',
    unit: 'count',
    labels: [],
    help: 'Placements written or begun that the watch never showed.',
  },
  watchAge: {
    name: 'kerf_scheduler_watch_age_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: ['watch'],
    help: 'Time since the API server was last heard of on this watch.',
  },
  watchFaults: {
    name: 'kerf_scheduler_watch_faults_total',
    kind: 'counter',
    unit: 'count',
    labels: ['watch'],
    known: { watch: ['nodes', 'pods', 'policy'] },
    help: 'Lists and watches that failed and were begun again.',
  },
  policyEdits: {
    name: 'kerf_scheduler_policy_edits_total',
    kind: 'counter',
    unit: 'count',
    labels: ['outcome'],
    known: { outcome: ['PolicyApplied', 'PolicyRefused', 'PolicyGone'] },
    help: 'Edits of the policy document by what became of them: PolicyApplied, PolicyRefused, PolicyGone.',
  },
  policyRefused: {
    name: 'kerf_scheduler_policy_refused',
    kind: 'gauge',
    unit: 'bool',
    labels: [],
    help: '1 while the policy document is refused and what was in force before it stays.',
  },
  resizes: {
    name: 'kerf_scheduler_resizes_total',
    kind: 'counter',
    unit: 'count',
    labels: ['outcome'],
    help: 'Resizes of running pods by the reason told at the pod (docs/resize.md), or fault for a try that failed.',
  },
  troubles: {
    name: 'kerf_scheduler_troubles_total',
    kind: 'counter',
    unit: 'count',
    labels: ['kind'],
    known: { kind: ['PlacementUnreadable', 'InventoryUnreadable'] },
    help: 'Placements and inventories that could not be read.',
  },
} as const satisfies Record<string, MetricRow>;
