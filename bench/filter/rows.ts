// SPDX-License-Identifier: Apache-2.0
// Samples in, rows with their bars out.
import { median, quantile } from '../walk/statistics.js';
import type { Row } from '../report.js';
import type { EventTimes } from './events.js';

const MOST_MICROS = 50;
const MOST_RATIO = 1.2;
/** ms for filter + prioritize (p99): the default sample of names, and every name. */
const mostMs = (names: number): number => (names <= 500 ? 5 : 10);

export function verbRows(what: string, names: number, samples: readonly number[]): readonly Row[] {
  const p99 = quantile(samples, 0.99);
  const most = mostMs(names);
  return [
    row(`${what}, ${names} names, p50`, median(samples), 'ms'),
    { ...row(`${what}, ${names} names, p99`, p99, 'ms'), bar: `≤ ${most}`, holds: p99 <= most },
  ];
}

export function eventRows(slices: number, times: readonly EventTimes[]): readonly Row[] {
  return times.flatMap(({ event, micros }) => {
    const mean = micros.reduce((sum, each) => sum + each, 0) / micros.length;
    const what = `${event}, ${slices} slices held`;
    return [
      { ...row(`${what}, mean`, mean, 'µs'), bar: `< ${MOST_MICROS}`, holds: mean < MOST_MICROS },
      row(`${what}, p99`, quantile(micros, 0.99), 'µs'),
    ];
  });
}

/** The same questions asked in turn of a ledger and of one that holds twice as much. */
export function flatRow(what: string, once: readonly number[], twice: readonly number[]): Row {
  const ratio = median(twice) / median(once);
  const bar = { bar: `≤ ${MOST_RATIO}`, holds: ratio <= MOST_RATIO };
  return { ...row(`${what}: 80000 slices held against 40000, p50`, ratio, '×'), ...bar };
}

export function memoryRows(heapBytes: number, rssBytes: number): readonly Row[] {
  return [
    row('heap of the filled ledger', heapBytes / 2 ** 20, 'MiB'),
    row('RSS of the bench with the filled ledger', rssBytes / 2 ** 20, 'MiB'),
  ];
}

/** The peer's own Filter in process, API writes stubbed to nothing; measured once on a like machine, not here. */
export function storedRows(): readonly Row[] {
  return [
    row('HAMi 2.10.0 filter, 5000 names, quiet, mean (stored)', 809, 'ms'),
    row("HAMi 2.10.0 filter, 5000 names, its chart's log level, mean (stored)", 1680, 'ms'),
  ];
}

function row(metric: string, value: number, unit: string): Row {
  return { bench: 'filter', metric, value, unit, bar: '', holds: null };
}
