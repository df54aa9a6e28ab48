// SPDX-License-Identifier: Apache-2.0
// The picture `kerf simulate` shows. Pure.
import { POD_CLASSES } from '../../core/packing/workload.js';
import type { Run } from './simulation.js';
import { type Column, renderTable } from './table.js';

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const COLUMNS: readonly Column<Run>[] = [
  { title: 'POLICY', cell: (row) => row.policy },
  { title: 'WORKLOAD', cell: (row) => row.workload },
  { title: 'SEED', align: 'right', cell: (row) => String(row.seed) },
  { title: 'ALLOCATED', align: 'right', cell: (row) => percent(row.allocation) },
  { title: 'IDLE FRAGMENTED', align: 'right', cell: (row) => percent(row.fragmentation) },
  { title: 'ARRIVALS', align: 'right', cell: (row) => String(row.arrivals) },
  ...POD_CLASSES.map(
    (name): Column<Run> => ({
      title: `FAILED ${name.toUpperCase()}`,
      align: 'right',
      cell: (row) => String(row.failed[name]),
    }),
  ),
  { title: 'SECONDS', align: 'right', cell: (row) => row.seconds.toFixed(1) },
];

export function simulationFrame(runs: readonly Run[], hasColour: boolean): string {
  return renderTable(COLUMNS, runs, hasColour);
}
