// SPDX-License-Identifier: Apache-2.0
// Columns of text for people. Pure: rows in, lines out; a tone becomes a colour only where colours are wanted.

export type Tone = 'plain' | 'dim' | 'good' | 'warn' | 'bad' | 'bold';

export interface Cell {
  readonly text: string;
  readonly tone: Tone;
}

export interface Column<Row> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Left out where the paper is too narrow; the lowest number goes first. */
  readonly spare?: number;
  /** Shortened, with an ellipsis, where the paper is still too narrow. */
  readonly shrinks?: true;
  cell(row: Row): Cell | string;
}

export interface Paper {
  readonly hasColour: boolean;
  /** Columns of the terminal; undefined where lines may be as long as they like. */
  readonly width?: number | undefined;
}

const CODES: Readonly<Record<Tone, string>> = {
  plain: '',
  dim: '\u001b[2m',
  good: '\u001b[32m',
  warn: '\u001b[33m',
  bad: '\u001b[31m',
  bold: '\u001b[1m',
};

const RESET = '\u001b[0m';

export const toned = (text: string, tone: Tone): Cell => ({ text, tone });

export function paint({ text, tone }: Cell, hasColour: boolean): string {
  return hasColour && CODES[tone] !== '' && text !== '' ? `${CODES[tone]}${text}${RESET}` : text;
}

export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  hasColour: boolean,
): string {
  const titles = columns.map((column) => toned(column.title, 'dim'));
  const grid = [titles, ...rows.map((row) => columns.map((column) => asCell(column.cell(row))))];
  const widths = columns.map((_, at) => Math.max(...grid.map((line) => widthOf(line[at]?.text ?? ''))));
  const lineOf = (cells: readonly Cell[]): string =>
    cells
      .map((cell, at) => {
        const gap = ' '.repeat((widths[at] ?? 0) - widthOf(cell.text));
        const text = paint(cell, hasColour);
        return columns[at]?.align === 'right' ? gap + text : text + gap;
      })
      .join('  ')
      .trimEnd();
  return grid.map(lineOf).join('\n');
}

const GAP = 2;
/** What is left of a column that shrinks before others leave for it. */
const SHRUNK = 24;

/** The same on paper of a given width: spare columns leave, one shrinks, so that nothing is cut unseen. */
export function renderOn<Row>(columns: readonly Column<Row>[], rows: readonly Row[], paper: Paper): string {
  const { width, hasColour } = paper;
  if (width === undefined) return renderTable(columns, rows, hasColour);
  const kept = [...columns];
  const spare = columns.filter((column) => column.spare !== undefined);
  for (const column of spare.sort((a, b) => (a.spare ?? 0) - (b.spare ?? 0))) {
    if (lengthOf(kept, rows) <= width) break;
    kept.splice(kept.indexOf(column), 1);
  }
  const firm = kept.filter((column) => column.shrinks !== true);
  const room = Math.max(1, width - lengthOf(firm, rows) - GAP);
  return renderTable(
    kept.map((column) => (column.shrinks ? shortened(column, room) : column)),
    rows,
    hasColour,
  );
}

function lengthOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): number {
  const widths = columns.map((column) => {
    const texts = [column.title, ...rows.map((row) => asCell(column.cell(row)).text)];
    const longest = Math.max(...texts.map(widthOf));
    return column.shrinks ? Math.min(longest, SHRUNK) : longest;
  });
  return widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1));
}

function shortened<Row>(column: Column<Row>, room: number): Column<Row> {
  const cell = (row: Row): Cell => {
    const { text, tone } = asCell(column.cell(row));
    return toned(widthOf(text) <= room ? text : `${[...text].slice(0, room - 1).join('')}…`, tone);
  };
  return { ...column, cell };
}

/** A bar of full and empty cells, `share` 0..1. What is used a little shows a little. */
export function bar(share: number, width: number): string {
  const cells = Math.max(0, Math.min(1, share)) * width;
  const full = share > 0 ? Math.max(1, Math.round(cells)) : 0;
  return '█'.repeat(full) + '░'.repeat(width - full);
}

/** 4096 MiB is `4 GiB`, 3000 MiB stays `3000 MiB`: only what comes out even is shortened. */
export function mibText(value: number): string {
  return value >= 1024 && value % 512 === 0 ? `${value / 1024} GiB` : `${value} MiB`;
}

const asCell = (cell: Cell | string): Cell => (typeof cell === 'string' ? toned(cell, 'plain') : cell);
const widthOf = (text: string): number => [...text].length;
