// SPDX-License-Identifier: Apache-2.0
// What the loads got, held against what they were granted. Pure.
import type { Got, Load } from '../../test/native/compute-stage.js';
import type { Row } from '../report.js';

const BENCH = 'compute';
const MOST_POINTS_OFF = 2;
const LEAST_THROUGHPUT = 0.95;
const MOST_RATIO_OFF = 5;

export interface Measured {
  readonly limiter: string;
  readonly load: Load;
  readonly native: Got;
  readonly byLimit: readonly { readonly permille: number; readonly got: Got }[];
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export function loadRows({ limiter, load, native, byLimit }: Measured): readonly Row[] {
  const name = `${limiter}: ${load.kernelUs} µs ${load.pattern} ×${load.procs}`;
  const held = byLimit.map(({ permille, got }) => {
    const granted = Math.min(permille / 1000, native.share);
    return {
      points: 100 * mean(got.windows.map((window) => Math.abs(window - granted))),
      part: got.launchesPerSecond / native.launchesPerSecond / (granted / native.share),
    };
  });
  const points = mean(held.map((each) => each.points));
  const part = Math.min(...held.map((each) => each.part));
  return [
    row(`${name}, share off by (mean of limits)`, points, {
      unit: 'points',
      bar: `≤ ${MOST_POINTS_OFF}`,
      holds: points <= MOST_POINTS_OFF,
    }),
    row(`${name}, of the granted throughput (least)`, part, {
      unit: '',
      bar: `≥ ${LEAST_THROUGHPUT}`,
      holds: part >= LEAST_THROUGHPUT,
    }),
  ];
}

/** Of containers that share a GPU: the largest distance of a part from what it was to be. */
export function tenantRow(name: string, parts: readonly number[], got: readonly Got[]): Row {
  const off = Math.max(
    ...got.map((one, at) => 100 * Math.abs(mean(one.windows) / ((parts[at] ?? 0) / 1000) - 1)),
  );
  return row(`${name}, a part off by`, off, {
    unit: '%',
    bar: `≤ ${MOST_RATIO_OFF}`,
    holds: off <= MOST_RATIO_OFF,
  });
}

const row = (metric: string, value: number, rest: Pick<Row, 'unit' | 'bar' | 'holds'>): Row => ({
  bench: BENCH,
  metric,
  value,
  ...rest,
});
