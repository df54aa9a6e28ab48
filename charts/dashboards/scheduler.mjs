// SPDX-License-Identifier: Apache-2.0
// How fast the scheduler answers, what it answers, and what it knows by.
export const scheduler = {
  title: 'Scheduler',
  panels: [
    {
      type: 'timeseries',
      title: 'Time to answer, 99 %',
      unit: 's',
      help: 'By verb; admit is the webhook.',
      ask: {
        '{{verb}}':
          'histogram_quantile(0.99, sum by (le, verb) (rate(kerf_scheduler_verb_duration_seconds_bucket[$__rate_interval])))',
      },
    },
    {
      type: 'timeseries',
      title: 'Time to answer, half of them',
      unit: 's',
      help: 'By verb; admit is the webhook.',
      ask: {
        '{{verb}}':
          'histogram_quantile(0.5, sum by (le, verb) (rate(kerf_scheduler_verb_duration_seconds_bucket[$__rate_interval])))',
      },
    },
    {
      type: 'timeseries',
      title: 'Answers',
      unit: 'cps',
      help: 'By verb and outcome.',
      ask: {
        '{{verb}} {{outcome}}': 'sum by (verb, outcome) (rate(kerf_scheduler_decisions_total[$__rate_interval]))',
      },
    },
    {
      type: 'timeseries',
      title: 'Refused nodes',
      unit: 'cps',
      help: 'By kind of refusal (docs/errors.md).',
      ask: { '{{verb}} {{kind}}': 'sum by (verb, kind) (rate(kerf_scheduler_refusals_total[$__rate_interval]))' },
    },
    {
      type: 'timeseries',
      title: 'Ledger',
      unit: 'short',
      help: 'Pods by state: assumed until the watch shows them, held, troubled where a placement cannot be read.',
      ask: { '{{state}}': 'max by (state) (kerf_scheduler_ledger_pods)', nodes: 'max(kerf_scheduler_ledger_nodes)' },
    },
    {
      type: 'timeseries',
      title: 'Age of the watches',
      unit: 's',
      help: 'Since the API server was last heard of; a bookmark comes each minute.',
      ask: { '{{instance}} {{watch}}': 'kerf_scheduler_watch_age_seconds' },
    },
    {
      type: 'timeseries',
      title: 'Watches begun again',
      unit: 'cps',
      help: 'After a list or a watch failed.',
      ask: { '{{watch}}': 'sum by (watch) (rate(kerf_scheduler_watch_faults_total[$__rate_interval]))' },
    },
    {
      type: 'timeseries',
      title: 'Binds begun again, placements given up',
      unit: 'cps',
      help: 'A bind is asked again while none has bound the pod; a placement is given up that the watch never showed.',
      ask: {
        'binds again': 'sum(rate(kerf_scheduler_bind_retries_total[$__rate_interval]))',
        'given up': 'sum(rate(kerf_scheduler_assumptions_expired_total[$__rate_interval]))',
      },
    },
    {
      type: 'timeseries',
      title: 'What could not be read',
      unit: 'cps',
      help: 'Placements and inventories; they count as held.',
      ask: { '{{kind}}': 'sum by (kind) (rate(kerf_scheduler_troubles_total[$__rate_interval]))' },
    },
    {
      type: 'timeseries',
      title: 'Policy document',
      unit: 'short',
      help: 'Edits by what became of them, and 1 while the document is refused.',
      ask: {
        '{{outcome}}': 'sum by (outcome) (kerf_scheduler_policy_edits_total)',
        refused: 'max(kerf_scheduler_policy_refused)',
      },
    },
    {
      type: 'timeseries',
      title: 'CPU',
      unit: 'percentunit',
      help: 'Of one core.',
      ask: { '{{instance}}': 'rate(process_cpu_seconds_total{job="kerf-scheduler"}[$__rate_interval])' },
    },
    {
      type: 'timeseries',
      title: 'Event loop, 99 %',
      unit: 's',
      help: 'How late Node comes to what is due.',
      ask: { '{{instance}}': 'nodejs_eventloop_lag_p99_seconds{job="kerf-scheduler"}' },
    },
  ],
};
