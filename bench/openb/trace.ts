// SPDX-License-Identifier: Apache-2.0
// Where the trace lies: ../shared/traces/openb, or the folder that KERF_OPENB names; the project does not carry it.
import { join } from 'node:path';
import { readTrace, type Trace } from '../../src/apps/cli/trace-files.js';

export const FOLDER =
  process.env.KERF_OPENB ?? new URL('../../../shared/traces/openb', import.meta.url).pathname;

export function traceOf(workload: string, seed: number): Trace {
  return readTrace({
    nodes: join(FOLDER, 'openb_node_list_gpu_node.csv'),
    pods: join(FOLDER, `openb_pod_list_${workload}.csv`),
    order: join(FOLDER, `orders/${workload}_${seed}_1.3.json`),
  });
}
