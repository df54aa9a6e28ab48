// SPDX-License-Identifier: Apache-2.0
// How well the book of device time adds up, and what it loses where the monitor is killed at random instants.
import { setTimeout as sleep } from 'node:timers/promises';
import { sumUsage, type UsageReport } from '../../src/core/usage-sum.js';
import { milliCores } from '../../src/core/units.js';
import { decodeBuckets } from '../../src/wire/usage-book.js';
import { PATHS } from '../../test/native/build.js';
import { ended } from '../../test/native/slice.js';
import type { Row } from '../report.js';
import type { Size } from './size.js';
import { type Monitor, Stage } from './stage.js';

const DEVICES = 2;
const LOAD = ['launch', '--pattern', 'sync', '--kernel-us', '5000', '--gap-us', '10000', '--seconds', '600'];
const SETTLE_MS = 2_500;

interface Look {
  readonly atMs: number;
  readonly report: UsageReport;
}

export async function ledgerRows({ repeats }: Size): Promise<readonly Row[]> {
  const stage = new Stage(...Array.from({ length: DEVICES }, () => 'A100-40G'));
  try {
    for (let device = 0; device < DEVICES; device += 1) {
      const compute = { cores: milliCores(500) };
      stage.start(stage.slice({ gpu: stage.machine.gpu(device), mib: 2048, compute }), [
        PATHS.workload,
        ...LOAD,
      ]);
    }
    const first = await stage.monitor();
    await sleep(SETTLE_MS);
    const before = await fresh(first);
    const last = await killed(stage, first, repeats);
    await sleep(SETTLE_MS);
    return rowsOf(before, await fresh(last), repeats);
  } finally {
    await stage.end();
  }
}

async function killed(stage: Stage, first: Monitor, times: number): Promise<Monitor> {
  let monitor = first;
  for (let kill = 0; kill < times; kill += 1) {
    await sleep(300 + Math.random() * 1500);
    monitor.child.kill('SIGKILL');
    await ended(monitor.child);
    monitor = await stage.monitor();
  }
  return monitor;
}

/** The book just after it was written: it is at most a turn of ours old. */
async function fresh(monitor: Monitor): Promise<Look> {
  const old = (await look(monitor)).report.total.physicalSeconds;
  for (;;) {
    await sleep(20);
    const now = await look(monitor);
    if (now.report.total.physicalSeconds !== old) return now;
  }
}

async function look({ url }: Monitor): Promise<Look> {
  const answer = await fetch(`${url}/v1/ledger`);
  const book = decodeBuckets(await answer.text());
  if (!book.ok) throw new Error(book.error);
  return { atMs: Date.now(), report: sumUsage([book.value], 'pod') };
}

function rowsOf(before: Look, after: Look, kills: number): readonly Row[] {
  const { total, rows } = after.report;
  const parts =
    rows.reduce((sum, row) => sum + row.usedGpuSeconds, 0) + total.unattributedSeconds + total.idleSeconds;
  const counted = (total.physicalSeconds - before.report.total.physicalSeconds) / DEVICES;
  const lost = Math.abs((after.atMs - before.atMs) / 1000 - counted);
  const row = (metric: string, value: number, unit: string, most: number): Row => ({
    ...{ bench: 'node', metric: `book of device time: ${metric}`, value, unit },
    ...{ bar: `≤ ${most}`, holds: value <= most },
  });
  const error = Math.abs(parts / total.physicalSeconds - 1) * 100;
  return [
    row('pods + unattributed + idle against physical', error, '%', 0.1),
    row(`lost over ${kills} kills of the monitor`, lost, 's', 1),
  ];
}
