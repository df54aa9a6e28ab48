// SPDX-License-Identifier: Apache-2.0
// Samples in, rows with their bars out.
import { median, quantile } from '../walk/statistics.js';
import type { Row } from '../report.js';
import type { Allocated } from './allocation.js';
import type { EventTime } from './events.js';

const MOST_MICROS = 50;
const MOST_RATIO = 1.2;
/** ms for filter + prioritize (p99): the default sample of names, and every name. */
const mostMs = (names: number): number => (names <= 500 ? 5 : 10);
/** HAMi's own Filter in process, its writes stubbed to nothing; measured once on a like machine, not here. */
const PEER_MS = { quiet: 809, logging: 1680 };
const FASTER = 150;
/** The number that a node's like is: 8 bytes, 16 where V8 boxes it. */
const MOST_BYTES = 32;

export function verbRows(what: string, names: number, samples: readonly number[]): readonly Row[] {
  const p99 = quantile(samples, 0.99);
  const most = mostMs(names);
  return [
    row(`${what}, ${names} names, p50`, median(samples), 'ms'),
    { ...row(`${what}, ${names} names, p99`, p99, 'ms'), bar: `≤ ${most}`, holds: p99 <= most },
  ];
}

/** Without a bar. */
export const figureRows = (what: string, names: number, samples: readonly number[]): readonly Row[] =>
  verbRows(what, names, samples).map((each) => ({ ...each, bar: '', holds: null }));

/** Looks at the demand that took over while the stream asked. */
export const looksRow = (what: string, names: number, looks: number): Row =>
  row(`${what}, ${names} names: looks that took over`, looks, '');

export function eventRows(slices: number, times: readonly EventTime[]): readonly Row[] {
  return times.map(({ event, micros }) => ({
    ...row(`${event}, ${slices} slices held, mean`, micros, 'µs'),
    bar: `< ${MOST_MICROS}`,
    holds: micros < MOST_MICROS,
  }));
}

/** The same questions asked in turn of a ledger and of one that holds twice as much. */
export function flatRow(what: string, once: readonly number[], twice: readonly number[]): Row {
  const ratio = median(twice) / median(once);
  const bar = { bar: `≤ ${MOST_RATIO}`, holds: ratio <= MOST_RATIO };
  return { ...row(`${what}: 80000 slices held against 40000, p50`, ratio, '×'), ...bar };
}

/** `asked`: nodes asked about in all. */
export function allocationRow(what: string, { bytes, most }: Allocated, asked: number): Row {
  const each = bytes / asked;
  const metric = `${what}: allocated per node (most in ${most.where})`;
  return { ...row(metric, each, 'B'), bar: `< ${MOST_BYTES}`, holds: each < MOST_BYTES };
}

export function memoryRows(heapBytes: number, rssBytes: number): readonly Row[] {
  return [
    row('heap of the filled ledger', heapBytes / 2 ** 20, 'MiB'),
    row('RSS of the bench with the filled ledger', rssBytes / 2 ** 20, 'MiB'),
  ];
}

/** Mean against mean, ours with prioritize. */
export function peerRows(samples: readonly number[]): readonly Row[] {
  const mean = samples.reduce((sum, each) => sum + each, 0) / samples.length;
  const ratio = PEER_MS.quiet / mean;
  return [
    row('HAMi 2.10.0 filter, 5000 names, quiet, mean (stored)', PEER_MS.quiet, 'ms'),
    row("HAMi 2.10.0 filter, 5000 names, its chart's log level, mean (stored)", PEER_MS.logging, 'ms'),
    {
      ...row('openb stream, binpack, 5000 names: faster than HAMi, quiet (stored)', ratio, '×'),
      bar: `≥ ${FASTER}`,
      holds: ratio >= FASTER,
    },
  ];
}

function row(metric: string, value: number, unit: string): Row {
  return { bench: 'filter', metric, value, unit, bar: '', holds: null };
}
