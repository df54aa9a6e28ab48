// SPDX-License-Identifier: Apache-2.0
// The memory limit under storms of every API from many processes, by three books: the program's, ours and the fake
// driver's own; and what is reported free against what can really be had.
//   npm run bench -- memory [--peer DIR] [--json]
import { buildNative, PATHS } from '../test/native/build.js';
import { ended, firstLine, lastJson, Machine } from '../test/native/slice.js';
import { type Held, KERF, type Limiter, peerLimiter } from './memory/limiters.js';
import { KNOBS, readSettings, type Settings } from './memory/settings.js';
import { peerOf } from './peer/hami-core.js';
import type { Row } from './report.js';

export const about = `bytes beyond a memory limit, all APIs and processes at once (about 3 minutes; --peer DIR: beside HAMi-core; ${KNOBS})`;

const MIB = 1_048_576;
/** Storms beside each other on one machine would see each other's bytes, so each has a GPU. */
const GPUS = 'A100-40G*16';

interface Storm {
  readonly failed_procs: number;
  readonly operations: number;
  readonly refusals: number;
  readonly wrong_codes: number;
  readonly max_used_bytes: number;
  readonly limit_bytes: number;
}

export async function run(args: readonly string[]): Promise<readonly Row[]> {
  const settings = readSettings(process.env);
  const peer = peerOf(args);
  buildNative();
  try {
    const ours = await rowsOf(KERF, settings);
    return peer === null ? ours : [...ours, ...(await rowsOf(peerLimiter(peer), settings))];
  } finally {
    peer?.end();
  }
}

async function rowsOf(limiter: Limiter, settings: Settings): Promise<readonly Row[]> {
  const machine = new Machine(GPUS);
  try {
    const storms = settings.apis.map((api, gpu) => ({ limiter, machine, gpu, api, settings }));
    return [...storms.flatMap(stormRows), await freeRow(limiter, machine, settings)];
  } finally {
    machine.end();
  }
}

interface Case {
  readonly limiter: Limiter;
  readonly machine: Machine;
  readonly gpu: number;
  readonly api: string;
  readonly settings: Settings;
}

function stormRows({ limiter, machine, gpu, api, settings }: Case): readonly Row[] {
  const { procs, seconds, mib } = settings;
  console.error(`memory: ${limiter.name}: ${procs} processes, ${api}, ${seconds} s`);
  const held = limiter.hold(machine, gpu, mib);
  const most = Math.ceil(mib / 10);
  const words = ['hammer', '--api', api, '--procs', procs, '--seconds', seconds, '--most', most];
  const ran = held.run([
    'timeout',
    '-s',
    'KILL',
    String(seconds * 3 + 20),
    PATHS.workload,
    ...words.map(String),
  ]);
  const label = `${limiter.name}, ${procs} processes, ${api}`;
  const isOurs = limiter === KERF;
  if (!isOurs && ran.stdout.trim() === '') return [figureRow(`${label}: ended without an answer`, 1)];
  const storm = lastJson<Storm>(ran);
  const { peakBytes, usedBytes } = machine.physical(gpu);
  const limit = mib * MIB;
  const over = (bytes: number): number => Math.max(0, bytes - limit);
  const tracked = held.trackedPeakBytes();
  return [
    ...(tracked === null ? [] : [bytesRow(`${label}: charged beyond the limit`, over(tracked), isOurs)]),
    bytesRow(`${label}: held by the driver beyond the limit`, over(peakBytes), isOurs),
    bytesRow(`${label}: still held after all was freed`, usedBytes, isOurs),
    countRow(`${label}: refusals that are not out of memory`, storm.wrong_codes + storm.failed_procs, isOurs),
    figureRow(`${label}: operations`, storm.operations),
    figureRow(`${label}: refused`, storm.refusals),
  ];
}

const head = (metric: string, value: number, unit: string) => ({ bench: 'memory', metric, value, unit });

const zeroBar = (value: number, isOurs: boolean) =>
  isOurs ? { bar: '0', holds: value === 0 } : { bar: '', holds: null };

const bytesRow = (metric: string, value: number, isOurs: boolean): Row => ({
  ...head(metric, value, 'bytes'),
  ...zeroBar(value, isOurs),
});

const countRow = (metric: string, value: number, isOurs: boolean): Row => ({
  ...head(metric, value, 'calls'),
  ...zeroBar(value, isOurs),
});

const figureRow = (metric: string, value: number): Row => ({
  ...head(metric, value, 'calls'),
  ...{ bar: '', holds: null },
});

/** Each of these holds a part while another process asks what is free, and then takes all it can. */
const HOLDERS = ['malloc', 'managed', 'pitch', 'array', 'mipmap', 'vmm', 'mapped', 'external'];
const BAR_PERCENT = 2;

async function freeRow(limiter: Limiter, machine: Machine, { mib }: Settings): Promise<Row> {
  const held = limiter.hold(machine, machine.gpus.length - 1, mib);
  const holders = HOLDERS.map((api) => {
    const words = ['alloc', String(Math.floor(mib / 16 / 10) * 10), '--api', api, '--hold', '600'];
    return held.start([PATHS.workload, ...words]);
  });
  try {
    await Promise.all(holders.map(firstLine));
    const percent = freeError(held, mib);
    const metric = `${limiter.name}: free as reported against what could be had, of the limit`;
    const holds = limiter === KERF ? percent <= BAR_PERCENT : null;
    return { ...head(metric, percent, '%'), bar: holds === null ? '' : `≤ ${BAR_PERCENT}`, holds };
  } finally {
    for (const holder of holders) holder.kill('SIGTERM');
    await Promise.all(holders.map(ended));
  }
}

function freeError(held: Held, mib: number): number {
  const info = lastJson<{ devices: readonly { cuda_free_bytes: number }[] }>(
    held.run([PATHS.workload, 'info']),
  );
  const fill = lastJson<{ allocated_mib: number }>(held.run([PATHS.workload, 'fill']));
  const reported = (info.devices[0]?.cuda_free_bytes ?? 0) / MIB;
  return (Math.abs(reported - fill.allocated_mib) / mib) * 100;
}
