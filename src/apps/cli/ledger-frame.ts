// SPDX-License-Identifier: Apache-2.0
// The pictures of `kerf usage`: a table for people in hours, CSV and JSON in seconds. Pure.
import type { UsageKey, UsageReport, UsageSum } from '../../core/usage-sum.js';
import { type Cell, type Column, paint, renderTable, toned } from './table.js';
import type { Silent } from './usage-frame.js';

export interface LedgerReport extends UsageReport {
  readonly by: UsageKey;
  readonly untilMs: number;
  readonly silent: readonly Silent[];
}

export interface LedgerPaper {
  readonly currency: string;
  readonly hasPrices: boolean;
  readonly hasColour: boolean;
}

const hours = (seconds: number): string => (seconds / 3600).toFixed(seconds < 36_000 ? 3 : 1);
const amount = (cost: number | null): string => (cost === null ? '-' : cost.toFixed(2));

/** Used of granted, where enough was granted to tell. */
function share({ usedGpuSeconds, grantedGpuSeconds }: UsageSum): Cell {
  if (grantedGpuSeconds < 1) return toned('-', 'dim');
  const percent = Math.round((100 * usedGpuSeconds) / grantedGpuSeconds);
  return toned(`${percent} %`, percent < 20 ? 'warn' : 'plain');
}

function columnsOf(by: UsageKey, { currency, hasPrices }: LedgerPaper): readonly Column<UsageSum>[] {
  const right = { align: 'right' } as const;
  return [
    { title: by.toUpperCase(), cell: (row) => row.key },
    { title: 'GRANTED GPU-H', ...right, cell: (row) => hours(row.grantedGpuSeconds) },
    { title: 'USED GPU-H', ...right, cell: (row) => hours(row.usedGpuSeconds) },
    { title: 'USED', ...right, cell: share },
    { title: 'GRANTED GIB-H', ...right, cell: (row) => hours(row.grantedGiBSeconds) },
    { title: 'USED GIB-H', ...right, cell: (row) => hours(row.usedGiBSeconds) },
    ...(hasPrices
      ? [{ title: `COST ${currency}`.trim(), ...right, cell: (row: UsageSum) => amount(row.cost) }]
      : []),
  ];
}

export function ledgerFrame(report: LedgerReport, paper: LedgerPaper): string {
  const { rows, total, silent } = report;
  const dim = (text: string): string => paint(toned(text, 'dim'), paper.hasColour);
  const table =
    rows.length === 0
      ? dim('no slice had device time')
      : renderTable(columnsOf(report.by, paper), rows, paper.hasColour);
  const silence = silent.map(({ node, why }) =>
    paint(toned(`${node} is not counted: ${why}`, 'bad'), paper.hasColour),
  );
  const { usedSeconds, unattributedSeconds, idleSeconds, physicalSeconds, devices } = total;
  const sum =
    `${hours(physicalSeconds)} GPU-h of ${devices} devices: ${hours(usedSeconds)} used by slices, ` +
    `${hours(unattributedSeconds)} unattributed, ${hours(idleSeconds)} idle`;
  return [dim(spanOf(report)), table, '', sum, ...silence].join('\n');
}

const moment = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

const spanOf = ({ fromMs, untilMs }: LedgerReport): string =>
  fromMs === null ? 'nothing is written of that time' : `${moment(fromMs)} to ${moment(untilMs)} UTC`;

const CSV = [
  'grantedGpuSeconds',
  'usedGpuSeconds',
  'grantedGiBSeconds',
  'usedGiBSeconds',
  'cost',
] as const satisfies readonly (keyof UsageSum)[];

/** RFC 4180, with a head; what has no price is empty. Rows of pods, then `(unattributed)` and `(idle)`. */
export function ledgerCsv({ by, rows, total }: LedgerReport): string {
  const lines = rows.map((row) => [row.key, ...CSV.map((name) => row[name] ?? '')]);
  const rest = (key: string, seconds: number): readonly (string | number)[] => [key, '', seconds, '', '', ''];
  const ends = [rest('(unattributed)', total.unattributedSeconds), rest('(idle)', total.idleSeconds)];
  return [[by, ...CSV], ...lines, ...ends].map((line) => line.map(field).join(',')).join('\n');
}

/** A name that a spreadsheet would take for a formula is a tenant's doing. */
function field(value: string | number): string {
  const text =
    typeof value === 'number' ? String(Math.round(value * 1000) / 1000) : value.replace(/^[=+@\t\r-]/, "'$&");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function ledgerJson(
  { by, rows, total, fromMs, untilMs, silent }: LedgerReport,
  currency: string,
): string {
  const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  const head = { by, from: iso(fromMs), until: iso(untilMs), ...(currency === '' ? {} : { currency }) };
  return JSON.stringify({ ...head, rows, total, silent }, null, 2);
}
