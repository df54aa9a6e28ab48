// SPDX-License-Identifier: Apache-2.0
// The openb trace beside the checkout. The project reads it from there and does not carry it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readTrace, type Trace } from '../../src/apps/cli/trace-files.js';
import { ROOT } from '../architecture/tree.js';

const FOLDER = join(ROOT, '../shared/traces/openb');

/** On a machine of somebody's own the trace may be missing; in CI a missing one fails the tests. */
export const hasNoTrace = !existsSync(FOLDER) && process.env.CI === undefined;

export const tracePath = (file: string): string => join(FOLDER, file);

export const openbTrace = (workload: string, seed: number): Trace =>
  readTrace({
    nodes: tracePath('openb_node_list_gpu_node.csv'),
    pods: tracePath(`openb_pod_list_${workload}.csv`),
    order: tracePath(`orders/${workload}_${seed}_1.3.json`),
  });
