// SPDX-License-Identifier: Apache-2.0
// Rows of the table in metrics.ts: what a slice used of compute, as its container counts it.
import type { SliceUsage } from './usage.js';

interface ComputeRow {
  readonly name: string;
  readonly kind: 'counter';
  readonly unit: 'seconds' | 'count';
  readonly help: string;
  readonly valueOf: (slice: SliceUsage) => number | null;
}

const NS_PER_SECOND = 1e9;

const seconds = (ns: number | undefined): number | null => (ns === undefined ? null : ns / NS_PER_SECOND);

const row = (
  unit: ComputeRow['unit'],
  text: readonly [name: string, help: string],
  valueOf: ComputeRow['valueOf'],
): ComputeRow => ({ name: text[0], kind: 'counter', unit, help: text[1], valueOf });

export const COMPUTE_ROWS: readonly ComputeRow[] = [
  row(
    'seconds',
    ['kerf_slice_compute_granted_seconds_total', 'Device time handed out to the slice.'],
    ({ used }) => seconds(used?.compute.grantedNs),
  ),
  row(
    'seconds',
    ['kerf_slice_compute_used_seconds_total', 'Device time the slice used, as measured in its container.'],
    ({ used }) => seconds(used?.compute.busyNs),
  ),
  row(
    'seconds',
    ['kerf_slice_compute_throttled_seconds_total', 'Time the slice’s threads waited for their share.'],
    ({ used }) => seconds(used?.compute.throttledNs),
  ),
  row(
    'count',
    ['kerf_slice_launches_total', 'Kernels and graphs launched while compute was limited.'],
    ({ used }) => used?.compute.launches ?? null,
  ),
  row(
    'count',
    [
      'kerf_slice_unknown_symbols_total',
      'Names the container’s programs asked the driver for that Kerf does not know; on its first slice.',
    ],
    ({ telemetry }) => telemetry?.unknownSymbols ?? null,
  ),
];
