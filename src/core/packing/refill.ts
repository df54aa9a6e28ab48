// SPDX-License-Identifier: Apache-2.0
// What stays free when the room is filled to the end with pods as they come: a few futures, drawn once, tried on every room.
import type { Mix, MixRow } from './mix.js';
import { drawing } from './random.js';
import { allows, freeMilli, type Room, WHOLE_GPU } from './shape.js';

/** Sequences of pods; what does not fit is left out. */
export interface Futures {
  readonly rows: readonly (readonly MixRow[])[];
  /** By model: the futures without the pods that its nodes never take, made when a node of it is first asked for. */
  readonly tables: (FutureTable | undefined)[];
}

export interface FuturesSize {
  readonly futures: number;
  readonly length: number;
}

/** None of an empty mix. */
export function drawFutures(mix: Mix, { futures, length }: FuturesSize, random: () => number): Futures {
  if (mix.length === 0) return { rows: [], tables: [] };
  const draw = drawing(
    mix.map(({ share }) => share),
    random,
  );
  const future = (): readonly MixRow[] => Array.from({ length }, () => mix[draw()] as MixRow);
  return { rows: Array.from({ length: futures }, future), tables: [] };
}

/** All futures one after another, FIELDS numbers a pod: this is asked some ten thousand times a second. */
interface FutureTable {
  readonly numbers: Int32Array;
  /** Where each future ends. */
  readonly ends: Int32Array;
}

const CPU = 0;
const GPUS = 1;
const MILLI = 2;
/** The least that any pod from here on asks that asks for a device: when the room has less, the future is over. */
const LEAST_CPU = 3;
const LEAST_MILLI = 4;
const FIELDS = 5;

function tableOf(futures: Futures, { kind }: Room): FutureTable {
  const known = futures.tables[kind.model];
  if (known !== undefined) return known;
  const made = makeTable(
    futures.rows.map((future) => future.filter((row) => row.gpus === 0 || allows(row, kind))),
  );
  futures.tables[kind.model] = made;
  return made;
}

function makeTable(rows: readonly (readonly MixRow[])[]): FutureTable {
  const pods = rows.reduce((sum, future) => sum + future.length, 0);
  const numbers = new Int32Array(pods * FIELDS);
  const ends = new Int32Array(rows.length);
  let end = 0;
  rows.forEach((future, at) => {
    const begin = end;
    end += future.length * FIELDS;
    ends[at] = end;
    writeFuture(numbers.subarray(begin, end), future);
  });
  return { numbers, ends };
}

/** From the last to the first: each pod knows what those after it ask at least. */
function writeFuture(numbers: Int32Array, future: readonly MixRow[]): void {
  let leastCpu = 2 ** 31 - 1;
  let leastMilli = 2 ** 31 - 1;
  for (let at = future.length - 1; at >= 0; at--) {
    const { cpuMilli, gpus, gpuMilli } = future[at] as MixRow;
    if (gpus > 0) {
      leastCpu = Math.min(leastCpu, cpuMilli);
      leastMilli = Math.min(leastMilli, gpuMilli);
    }
    numbers.set([cpuMilli, gpus, gpuMilli, leastCpu, leastMilli], at * FIELDS);
  }
}

/** Of a node: more than any has. Further ones would be passed over. */
const MOST_DEVICES = 256;

/** Free milli per device, rising, so that the first that fits is the tightest; and the same during one future. */
const sorted = new Int32Array(MOST_DEVICES);
const filling = new Int32Array(MOST_DEVICES);

/** Mean milli left over the futures, 0..all free. */
export function unrefilledOf(room: Room, futures: Futures): number {
  if (futures.rows.length === 0) return 0;
  const { numbers, ends } = tableOf(futures, room);
  const devices = sortDevices(room.gpuMilli);
  const free = freeMilli(room.gpuMilli);
  let sum = 0;
  let begin = 0;
  for (let at = 0; at < ends.length; at++) {
    for (let i = 0; i < devices; i++) filling[i] = sorted[i] as number;
    const end = ends[at] as number;
    sum += free - fill(numbers, { begin, end, devices, cpuMilli: room.cpuMilli });
    begin = end;
  }
  return sum / ends.length;
}

/** How many there are. */
function sortDevices(gpuMilli: readonly number[]): number {
  const devices = Math.min(gpuMilli.length, MOST_DEVICES);
  for (let i = 0; i < devices; i++) {
    const milli = gpuMilli[i] as number;
    let at = i;
    for (; at > 0 && (sorted[at - 1] as number) > milli; at--) sorted[at] = sorted[at - 1] as number;
    sorted[at] = milli;
  }
  return devices;
}

interface Span {
  readonly begin: number;
  readonly end: number;
  readonly devices: number;
  readonly cpuMilli: number;
}

/** Milli taken. */
function fill(numbers: Int32Array, { begin, end, devices, cpuMilli }: Span): number {
  let cpu = cpuMilli;
  let taken = 0;
  for (let at = begin; at < end; at += FIELDS) {
    const most = devices === 0 ? 0 : (filling[devices - 1] as number);
    if (most < (numbers[at + LEAST_MILLI] as number) || cpu < (numbers[at + LEAST_CPU] as number)) break;
    const asked = numbers[at + CPU] as number;
    const milli = numbers[at + MILLI] as number;
    if (asked > cpu || milli > most) continue;
    const gpus = numbers[at + GPUS] as number;
    if (gpus === 1 && milli < WHOLE_GPU) takePart(milli);
    else if (!takeWhole(devices, gpus)) continue;
    cpu -= asked;
    taken += gpus * milli;
  }
  return taken;
}

/** Of the tightest device, which moves to where it then belongs. The last one is large enough. */
function takePart(milli: number): void {
  let at = 0;
  while ((filling[at] as number) < milli) at++;
  const rest = (filling[at] as number) - milli;
  for (; at > 0 && (filling[at - 1] as number) > rest; at--) filling[at] = filling[at - 1] as number;
  filling[at] = rest;
}

/** Whole devices stand at the end; taken, they stand in front. */
function takeWhole(devices: number, gpus: number): boolean {
  if (gpus === 0) return true;
  if (gpus > devices || filling[devices - gpus] !== WHOLE_GPU) return false;
  for (let at = devices - 1; at >= gpus; at--) filling[at] = filling[at - gpus] as number;
  for (let at = 0; at < gpus; at++) filling[at] = 0;
  return true;
}
