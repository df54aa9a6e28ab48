// SPDX-License-Identifier: Apache-2.0
// The matrix `kerf devices --links` shows for each node. Pure.
import type { GrantedDevice, GrantedNode } from '../../observing/granted.js';
import type { LinkTriangle } from '../../wire/links.js';
import { type Cell, type Column, renderTable, toned } from './table.js';

interface Row extends GrantedDevice {
  readonly place: number;
}

export function linksFrame(nodes: readonly GrantedNode[], hasColour: boolean): string {
  return nodes.flatMap((node) => nodeParts(node, hasColour)).join('\n\n');
}

function nodeParts({ node, devices, links }: GrantedNode, hasColour: boolean): readonly string[] {
  return [...new Set(devices.map(({ vendor }) => vendor))].map((vendor) => {
    const rows = devices
      .filter((device) => device.vendor === vendor)
      .map((device, place) => ({ ...device, place }));
    const told = links[vendor];
    const note = told === undefined && rows.length > 1 ? ': how they are linked is not told' : '';
    return `${node}  ${vendor}${note}\n${renderTable(columnsOf(rows, told), rows, hasColour)}`;
  });
}

function columnsOf(rows: readonly Row[], told: LinkTriangle | undefined): readonly Column<Row>[] {
  const matrix = rows.map(
    (column): Column<Row> => ({
      title: String(column.index),
      cell: (row) => linkCell(told, row.place, column.place),
    }),
  );
  return [
    { title: 'DEV', align: 'right', cell: (row) => String(row.index) },
    ...(told === undefined ? [] : matrix),
    { title: 'NUMA', align: 'right', cell: (row) => String(row.numa ?? '-') },
    { title: 'MODEL', cell: (row) => row.model },
    { title: 'ID', cell: (row) => toned(row.id, 'dim') },
  ];
}

function linkCell(told: LinkTriangle | undefined, a: number, b: number): Cell {
  if (a === b) return toned('X', 'dim');
  const [first, second] = a < b ? [a, b] : [b, a];
  const word = told?.[first]?.[second - first - 1] ?? '?';
  return toned(word, word.startsWith('NV') ? 'good' : 'plain');
}
