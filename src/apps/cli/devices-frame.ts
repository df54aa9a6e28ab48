// SPDX-License-Identifier: Apache-2.0
// The picture `kerf devices` shows. Pure.
import type { GrantedDevice, GrantedNode } from '../../observing/granted.js';
import { bar, type Cell, type Column, mibText, paint, renderTable, toned } from './table.js';

interface Row extends GrantedDevice {
  readonly node: string;
}

const BAR_WIDTH = 10;

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NODE', cell: (row) => row.node },
  { title: 'DEV', align: 'right', cell: (row) => String(row.index) },
  { title: 'MODEL', cell: (row) => row.model },
  { title: 'NUMA', align: 'right', cell: (row) => String(row.numa ?? '-') },
  {
    title: 'MEMORY GRANTED',
    align: 'right',
    cell: (row) =>
      `${mibText(row.grantedMiB)} of ${mibText(row.memoryMiB)}${upTo(row.grantableMiB, mibText)}`,
  },
  { title: '', cell: (row) => bar(row.memoryMiB === 0 ? 0 : row.grantedMiB / row.memoryMiB, BAR_WIDTH) },
  {
    title: 'CORES',
    align: 'right',
    cell: (row) =>
      `${row.grantedCorePercent} of ${row.corePercent} %${upTo(row.grantableCorePercent, String)}`,
  },
  { title: 'SLICES', align: 'right', cell: (row) => `${row.slices} of ${row.splits}` },
  { title: 'STATE', cell: stateCell },
  { title: 'ID', cell: (row) => toned(row.id, 'dim') },
];

/** What may be given out of what is there. */
const upTo = (grantable: number | undefined, text: (amount: number) => string): string =>
  grantable === undefined ? '' : ` (up to ${text(grantable)})`;

function stateCell(row: Row): Cell {
  if (!row.healthy) return toned(row.reason === '' ? 'unhealthy' : `unhealthy: ${row.reason}`, 'bad');
  if (row.cordoned) return toned('cordoned', 'warn');
  return row.exclusive ? toned('held whole', 'plain') : toned('healthy', 'good');
}

export function devicesFrame(nodes: readonly GrantedNode[], hasColour: boolean): string {
  const rows = nodes.flatMap(({ node, devices }) => devices.map((device) => ({ ...device, node })));
  const problems = nodes.flatMap(({ node, problems: all }) => all.map((problem) => `${node}: ${problem}`));
  const parts = rows.length === 0 ? [] : [renderTable(COLUMNS, rows, hasColour)];
  return [...parts, ...problems.map((problem) => paint(toned(problem, 'bad'), hasColour))].join('\n');
}
