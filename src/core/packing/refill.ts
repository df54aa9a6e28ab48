// SPDX-License-Identifier: Apache-2.0
// What stays free when the room is filled to the end with pods as they come: a few futures, drawn once, tried on every room.
import type { Mix, MixRow } from './mix.js';
import { drawing } from './random.js';
import { allows, askedMilli, freeMilli, isShared, type Room, WHOLE_GPU } from './shape.js';

/** Sequences of pods; what does not fit is left out. */
export type Futures = readonly (readonly MixRow[])[];

export interface FuturesSize {
  readonly futures: number;
  readonly length: number;
}

/** None of an empty mix. */
export function drawFutures(mix: Mix, { futures, length }: FuturesSize, random: () => number): Futures {
  if (mix.length === 0) return [];
  const draw = drawing(
    mix.map(({ share }) => share),
    random,
  );
  return Array.from({ length: futures }, () => Array.from({ length }, () => mix[draw()] as MixRow));
}

/** A room during one future. Devices rise in what is free, so the first that fits is the tightest. */
interface Filling {
  cpuMilli: number;
  leftMilli: number;
  readonly gpuMilli: number[];
}

/** Mean milli left over the futures, 0..all free. */
export function unrefilledOf(room: Room, futures: Futures): number {
  if (futures.length === 0) return 0;
  const sorted = [...room.gpuMilli].sort((a, b) => a - b);
  const free = freeMilli(sorted);
  const filling: Filling = { cpuMilli: 0, leftMilli: 0, gpuMilli: [] };
  let sum = 0;
  for (const future of futures) {
    filling.cpuMilli = room.cpuMilli;
    filling.leftMilli = free;
    for (let i = 0; i < sorted.length; i++) filling.gpuMilli[i] = sorted[i] ?? 0;
    sum += fill(filling, future, room);
  }
  return sum / futures.length;
}

/** Milli left. */
function fill(filling: Filling, future: readonly MixRow[], { kind }: Room): number {
  for (const row of future) {
    if (filling.leftMilli === 0) return 0;
    if (row.cpuMilli > filling.cpuMilli || (row.gpus > 0 && !allows(row, kind))) continue;
    const hasRoom = isShared(row)
      ? takePart(filling.gpuMilli, row.gpuMilli)
      : takeWhole(filling.gpuMilli, row.gpus);
    if (!hasRoom) continue;
    filling.cpuMilli -= row.cpuMilli;
    filling.leftMilli -= askedMilli(row);
  }
  return filling.leftMilli;
}

/** Of the tightest device, which moves to where it then belongs. */
function takePart(gpuMilli: number[], milli: number): boolean {
  const found = firstWith(gpuMilli, milli);
  if (found < 0) return false;
  const rest = (gpuMilli[found] as number) - milli;
  let at = found;
  for (; at > 0 && (gpuMilli[at - 1] as number) > rest; at--) gpuMilli[at] = gpuMilli[at - 1] as number;
  gpuMilli[at] = rest;
  return true;
}

function firstWith(gpuMilli: readonly number[], milli: number): number {
  for (let at = 0; at < gpuMilli.length; at++) if ((gpuMilli[at] as number) >= milli) return at;
  return -1;
}

/** Whole devices stand at the end; taken, they stand in front. */
function takeWhole(gpuMilli: number[], gpus: number): boolean {
  if (gpus === 0) return true;
  const whole = gpuMilli[gpuMilli.length - gpus];
  if (whole !== WHOLE_GPU) return false;
  for (let at = gpuMilli.length - 1; at >= gpus; at--) gpuMilli[at] = gpuMilli[at - gpus] as number;
  for (let at = 0; at < gpus; at++) gpuMilli[at] = 0;
  return true;
}
