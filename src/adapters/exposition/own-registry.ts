// SPDX-License-Identifier: Apache-2.0
// What every program tells of itself: how it was built, and Node's own process metrics.
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { REVISION, VERSION } from '../../core/version.js';
import type { Metric } from '../../observing/metrics.js';

export const BUILD_METRIC: Metric = {
  name: 'kerf_build_info',
  kind: 'gauge',
  unit: 'info',
  labels: ['program', 'version', 'revision'],
  help: 'How the program was built; revision is the commit, unknown where it was not told.',
};

/** Of the program's own; two of them in one process do not share anything. */
export function ownRegistry(program: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const { name, help, labels } = BUILD_METRIC;
  const build = new Gauge({ name, help, labelNames: [...labels], registers: [registry] });
  build.set({ program, version: VERSION, revision: REVISION }, 1);
  return registry;
}
