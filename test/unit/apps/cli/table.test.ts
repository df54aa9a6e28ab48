// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { bar, type Column, mibText, renderTable, toned } from '../../../../src/apps/cli/table.js';

interface Row {
  readonly name: string;
  readonly count: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', cell: (row) => toned(row.name, 'good') },
  { title: 'N', align: 'right', cell: (row) => String(row.count) },
];

const rows = [
  { name: 'a', count: 1 },
  { name: 'längst', count: 100 },
];

describe('a table', () => {
  it('lines up by characters, not bytes', () =>
    expect(renderTable(COLUMNS, rows, false).split('\n')).toEqual([
      'NAME      N',
      'a         1',
      'längst  100',
    ]));

  it('is as wide with colours as without', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    const bare = renderTable(COLUMNS, rows, true).replaceAll(/\u001b\[\d+m/g, '');
    expect(bare).toBe(renderTable(COLUMNS, rows, false));
  });

  it.each([
    [0, '░░░░'],
    [0.01, '█░░░'],
    [0.5, '██░░'],
    [1, '████'],
    [7, '████'],
  ])('shows %d of a whole as %s', (share, text) => expect(bar(share, 4)).toBe(text));

  it.each([
    [0, '0 MiB'],
    [512, '512 MiB'],
    [1024, '1 GiB'],
    [1536, '1.5 GiB'],
    [3000, '3000 MiB'],
    [40_960, '40 GiB'],
  ])('writes %d MiB as %s', (value, text) => expect(mibText(value)).toBe(text));
});
