// SPDX-License-Identifier: Apache-2.0
// The walk of a pod in figures: API writes, the placing verbs, a real node's bursts, the library's cost.
import type { Row } from './report.js';
import { clusterRows } from './walk/on-cluster.js';
import { nativeRows } from './walk/native.js';
import { verbRows } from './walk/verbs.js';

export const about =
  'a pod from create to Running: writes, verbs, bursts of 60, cost of the library (about 4 minutes)';

export async function run(): Promise<readonly Row[]> {
  const verbs = verbRows();
  const native = nativeRows();
  return [...(await clusterRows()), ...verbs, ...native];
}
