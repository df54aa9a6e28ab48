// SPDX-License-Identifier: Apache-2.0
// A node's programs in figures: what the monitor costs beside many slices, and how fast it does what it must.
//   npm run bench -- node [--quick] [--json]
// One file per row in node/; a stage with slices and a real monitor is there for all of them.
import { buildNative } from '../test/native/build.js';
import { ledgerRows } from './node/ledger.js';
import { loadRows } from './node/load.js';
import { clusterRows } from './node/on-cluster.js';
import { sizeOf, type Size } from './node/size.js';
import { takeBackRows } from './node/take-back.js';
import type { Row } from './report.js';

export const about =
  'what a node’s monitor costs and how fast it acts (about 3 minutes, a cluster among them; --quick: small and short)';

const ROWS: readonly ((size: Size) => Promise<readonly Row[]> | readonly Row[])[] = [
  loadRows,
  takeBackRows,
  ledgerRows,
  clusterRows,
];

export async function run(args: readonly string[]): Promise<readonly Row[]> {
  const size = sizeOf(args);
  buildNative();
  const rows: Row[] = [];
  for (const each of ROWS) rows.push(...(await each(size)));
  return rows;
}
