// SPDX-License-Identifier: Apache-2.0
// One row per figure. Pure: rows in, text out.

export interface Row {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** What was promised, in words (`≤ 5`); empty where the figure only informs. */
  readonly bar: string;
  /** Whether the bar holds; null where there is none. */
  readonly holds: boolean | null;
}

const MARK = new Map<boolean | null, string>([
  [true, 'holds'],
  [false, 'MISSED'],
  [null, ''],
]);

export function jsonLines(rows: readonly Row[]): string {
  return rows.map((row) => JSON.stringify(row)).join('\n');
}

export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.metric,
    figure(row.value),
    row.unit,
    row.bar,
    MARK.get(row.holds) ?? '',
  ]);
  const all = [['figure', 'value', 'unit', 'bar', ''], ...cells];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, at) => pad(cell, at, widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Three digits that matter; whole numbers stay whole. */
export function figure(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function pad(cell: string, column: number, width: number): string {
  return column === 1 ? cell.padStart(width) : cell.padEnd(width);
}
