// SPDX-License-Identifier: Apache-2.0
import { Counter, Gauge, Registry } from 'prom-client';
import type { Family } from '../../observing/metrics.js';

export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/**
 * Prometheus text of the families, after what `own` holds. Families are made anew each time: a slice that is gone
 * leaves no last value behind.
 */
export async function exposition(families: readonly Family[], own?: Registry): Promise<string> {
  const registry = new Registry();
  for (const family of families) addFamily(registry, family);
  return [await own?.metrics(), await registry.metrics()].join('');
}

function addFamily(registry: Registry, { metric, samples }: Family): void {
  const { name, help, labels } = metric;
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  if (metric.kind === 'counter') {
    const counter = new Counter(options);
    for (const sample of samples) counter.inc(sample.labels, sample.value);
    return;
  }
  const gauge = new Gauge(options);
  for (const sample of samples) gauge.set(sample.labels, sample.value);
}
