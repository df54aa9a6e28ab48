// SPDX-License-Identifier: Apache-2.0
// Runs in, figures out. Pure.
import type { Run } from '../../src/apps/cli/simulation.js';
import { POD_CLASSES, type PodClass } from '../../src/core/packing/workload.js';
import type { Row } from '../report.js';

const KERF = 'fragmentation';
const FGD = 'fgd';
/** Points above FGD that the issue asks for. */
const BARS: Readonly<Record<string, number>> = { default: 0.5 };
const CHURN_BAR = 0.2;
/** Allocated by FGD on default, order 42, as published. */
const EXACT_MILLI = 5_919_410;
const CAPACITY_MILLI = 6_212_000;
/** Refusing these early would buy allocation: they may not fail more often than with FGD. */
const AWKWARD: readonly PodClass[] = ['cpu', 'gpu8'];

export function exactRow(runs: readonly Run[]): readonly Row[] {
  const run = runs.find(({ policy, seed }) => policy === FGD && seed === 42);
  if (run === undefined) return [];
  const value = Math.round(run.allocation * CAPACITY_MILLI);
  const holds = value === EXACT_MILLI;
  return [rowOf('default, seed 42: fgd allocates', { value, unit: 'milli', bar: `= ${EXACT_MILLI}`, holds })];
}

export const workloadRows = (workload: string, runs: readonly Run[]): readonly Row[] =>
  rowsOf(`${workload}, ${seedsOf(runs)} orders`, runs, BARS[workload] ?? 0);

export const churnRows = (runs: readonly Run[]): readonly Row[] =>
  rowsOf(`churn, ${seedsOf(runs)} seeds`, runs, CHURN_BAR);

function rowsOf(what: string, runs: readonly Run[], bar: number): readonly Row[] {
  const policies = [...new Set(runs.map(({ policy }) => policy))];
  const gain = 100 * (meanOf(runs, KERF) - meanOf(runs, FGD));
  return [
    ...policies.map((policy) => allocationRow(`${what}: ${policy}`, runs, policy)),
    rowOf(`${what}: above fgd`, { value: gain, unit: 'points', bar: `≥ ${bar}`, holds: gain >= bar }),
    ...AWKWARD.flatMap((name) => failedRows(what, runs, name)),
  ];
}

function allocationRow(metric: string, runs: readonly Run[], policy: string): Row {
  const values = allocations(runs, policy);
  return rowOf(`${metric} ± ${deviation(values).toFixed(2)}`, { value: 100 * mean(values), unit: '%' });
}

/** As a share of arrivals: runs may differ in them. */
function failedRows(what: string, runs: readonly Run[], name: PodClass): readonly Row[] {
  const [ours, theirs] = [KERF, FGD].map((policy) => failedOf(runs, policy, name));
  if (ours === undefined || theirs === undefined || (ours === 0 && theirs === 0)) return [];
  const [bar, holds] = [`≤ ${theirs} of fgd`, ours <= theirs];
  return [rowOf(`${what}: failed ${name} pods`, { value: ours, unit: 'pods', bar, holds })];
}

/** All failed pods of a policy by class, over its runs. */
export function failedByClass(runs: readonly Run[], policy: string): Readonly<Record<PodClass, number>> {
  const counts = POD_CLASSES.map((name) => [name, failedOf(runs, policy, name)]);
  return Object.fromEntries(counts) as Record<PodClass, number>;
}

const failedOf = (runs: readonly Run[], policy: string, name: PodClass): number =>
  runs.filter((run) => run.policy === policy).reduce((sum, { failed }) => sum + failed[name], 0);

const allocations = (runs: readonly Run[], policy: string): readonly number[] =>
  runs.filter((run) => run.policy === policy).map(({ allocation }) => allocation);
const meanOf = (runs: readonly Run[], policy: string): number => mean(allocations(runs, policy));
const seedsOf = (runs: readonly Run[]): number => new Set(runs.map(({ seed }) => seed)).size;
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of percent; 0 of a single value. */
function deviation(values: readonly number[]): number {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return values.length < 2 ? 0 : 100 * Math.sqrt(squares / (values.length - 1));
}

function rowOf(
  metric: string,
  { value, unit, bar = '', holds = null }: Pick<Row, 'value' | 'unit'> & Partial<Row>,
): Row {
  return { bench: 'openb', metric, value, unit, bar, holds };
}
