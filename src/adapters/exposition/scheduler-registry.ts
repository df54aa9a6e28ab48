// SPDX-License-Identifier: Apache-2.0
// prom-client over the table of the scheduler's metrics.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type MetricRow, SCHEDULER_METRICS } from '../../observing/scheduler-metrics.js';
import type { Family } from '../../observing/metrics.js';
import { ownRegistry } from './own-registry.js';
import { exposition } from './prometheus.js';

type Name = keyof typeof SCHEDULER_METRICS;
type Labels = Readonly<Record<string, string>>;

export class SchedulerRegistry {
  private readonly registry = ownRegistry('scheduler');
  private readonly metrics = new Map<Name, Counter | Gauge | Histogram>();

  constructor() {
    for (const [name, row] of Object.entries(SCHEDULER_METRICS))
      this.metrics.set(name as Name, create(row, this.registry));
  }

  /** A counter by one (or `by`). */
  count(name: Name, labels: Labels = {}, by = 1): void {
    (this.metrics.get(name) as Counter).inc({ ...labels }, by);
  }

  set(name: Name, value: number, labels: Labels = {}): void {
    (this.metrics.get(name) as Gauge).set({ ...labels }, value);
  }

  observe(name: Name, value: number, labels: Labels = {}): void {
    (this.metrics.get(name) as Histogram).observe({ ...labels }, value);
  }

  /** `more` is made anew each time, and stands after what was counted. */
  async text(more: readonly Family[] = []): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.registry.contentType, body: await exposition(more, this.registry) };
  }
}

function create(row: MetricRow, registry: Registry): Counter | Gauge | Histogram {
  const options = { name: row.name, help: row.help, labelNames: [...row.labels], registers: [registry] };
  if (row.kind === 'counter') return startedAtZero(new Counter(options), row.known ?? {});
  if (row.kind === 'gauge') return new Gauge(options);
  return new Histogram({ ...options, buckets: [...(row.buckets ?? [])] });
}

function startedAtZero(counter: Counter, known: Readonly<Record<string, readonly string[]>>): Counter {
  let rows: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(known))
    rows = rows.flatMap((row) => values.map((value) => ({ ...row, [label]: value })));
  for (const row of rows) if (Object.keys(row).length > 0) counter.inc(row, 0);
  return counter;
}
