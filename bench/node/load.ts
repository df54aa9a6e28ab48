// SPDX-License-Identifier: Apache-2.0
// What the monitor takes of a processor and of memory while many processes in many slices launch now and then.
import { setTimeout as sleep } from 'node:timers/promises';
import { milliCores } from '../../src/core/units.js';
import { PATHS } from '../../test/native/build.js';
import type { Row } from '../report.js';
import { median } from '../walk/statistics.js';
import { type Size, wordsOf } from './size.js';
import { costOf, Stage } from './stage.js';

const SCRAPES = 20;
const WARM_UP_MS = 3_000;
const MIB_PER_SLICE = 2048;
/** Each process waits most of the time: the bench's own machine is small, and the monitor looks as often. */
const LOAD = ['launch', '--pattern', 'sync', '--kernel-us', '20000', '--gap-us', '400000'];

export async function loadRows(size: Size): Promise<readonly Row[]> {
  const stage = new Stage(...Array.from({ length: size.devices }, () => 'A100-40G'));
  try {
    fill(stage, size);
    const { child, url } = await stage.monitor();
    await sleep(WARM_UP_MS);
    return [...(await watch(child.pid ?? 0, size)), ...(await scrape(url, size))];
  } finally {
    await stage.end();
  }
}

function fill(stage: Stage, { devices, slicesPerDevice, processesPerSlice, seconds }: Size): void {
  const cores = milliCores(Math.floor(1000 / slicesPerDevice / 10) * 10);
  for (let at = 0; at < devices * slicesPerDevice; at += 1) {
    const compute = { cores, isSoft: true as const };
    const slice = stage.slice({ gpu: stage.machine.gpu(at % devices), mib: MIB_PER_SLICE, compute });
    const procs = ['--procs', String(processesPerSlice), '--seconds', String(seconds + 60)];
    stage.start(slice, [PATHS.workload, ...LOAD, ...procs]);
  }
}

/** What Prometheus would ask and get, while the processes run. */
async function scrape(url: string, size: Size): Promise<readonly Row[]> {
  const times: number[] = [];
  let text = '';
  for (let round = 0; round < SCRAPES; round += 1) {
    const start = performance.now();
    text = await (await fetch(`${url}/metrics`)).text();
    times.push(performance.now() - start);
  }
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  const slices = `${size.devices * size.slicesPerDevice} slices`;
  const row = { bench: 'node', bar: '', holds: null };
  return [
    { ...row, metric: `scrape of the monitor at ${slices}: median`, value: median(times), unit: 'ms' },
    { ...row, metric: `scrape of the monitor at ${slices}: series`, value: series, unit: '' },
  ];
}

async function watch(pid: number, size: Size): Promise<readonly Row[]> {
  const [before, since] = [costOf(pid), performance.now()];
  await sleep(size.seconds * 1000);
  const [after, elapsedMs] = [costOf(pid), performance.now() - since];
  const of = `monitor with ${wordsOf(size)}`;
  const row = (metric: string, value: number, unit: string): Row => ({
    ...{ bench: 'node', metric: `${of}: ${metric}`, value, unit },
    ...{ bar: '', holds: null },
  });
  return [
    row('processor', ((after.cpuMs - before.cpuMs) / elapsedMs) * 100, '% of one core'),
    row('memory', after.rssMiB, 'MiB resident'),
  ];
}
