// SPDX-License-Identifier: Apache-2.0
// FGD and BestFit exactly as published, whole scores and all: the yardsticks.
// Facts: "Beware of Fragmentation" (USENIX ATC'23) and its simulator.
import { fragmentationOf } from './fragmentation.js';
import { descending } from './gradient.js';
import type { Mix } from './mix.js';
import type { PackingPolicy } from './policy.js';
import { askedMilli, freeMilli, isShared, tightest } from './shape.js';

const HUNDRED = 100;

/**
 * Fragmentation gradient descent: the node whose fragmentation grows least. The truncation matters: one step is about
 * 40 milli, and among equals the fixed order of nodes packs like first fit.
 */
export const fgd = (mix: Mix): PackingPolicy =>
  descending({
    potential: (room) => fragmentationOf(room, mix),
    score: (fall) => Math.trunc(HUNDRED * sigmoid(fall / 1000)),
  });

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The largest node of the trace: what BestFit measures remains against. */
const MOST_CPU = 128_000;
const MOST_GPU = 8_000;

/** Its published min-max normalisation keeps the order of whole scores, so it is left out. */
export const BEST_FIT: PackingPolicy = {
  like: (room, shape) => {
    const cpu = (room.cpuMilli - shape.cpuMilli) / MOST_CPU;
    const gpu = (freeMilli(room.gpuMilli) - askedMilli(shape)) / MOST_GPU;
    return Math.trunc(HUNDRED * (1 - 0.5 * cpu - 0.5 * gpu));
  },
  device: (room, shape) => (isShared(shape) ? tightest(room.gpuMilli, shape.gpuMilli) : -1),
};
