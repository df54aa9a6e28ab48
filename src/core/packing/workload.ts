// SPDX-License-Identifier: Apache-2.0
// Pods by the number of their shape, so that a replay counts and caches by small numbers.
import { ANY_MODEL, type Shape } from './shape.js';

export interface PackingPod {
  readonly cpuMilli: number;
  readonly memoryMiB: number;
  readonly gpus: number;
  readonly gpuMilli: number;
  /** Names of models that will do; empty: any. */
  readonly models: readonly string[];
}

export interface Workload {
  readonly shapes: readonly Shape[];
  /** Of each pod: the number of its shape. */
  readonly shapeOf: Uint16Array;
  readonly memoryMiB: Int32Array;
  /** Of each shape: how many pods. */
  readonly counts: readonly number[];
}

/** `models` as the fleet numbers them. */
export function workloadOf(pods: readonly PackingPod[], models: readonly string[]): Workload {
  const numbers = new Map<string, number>();
  const shapes: Shape[] = [];
  const counts: number[] = [];
  const shapeOf = Uint16Array.from(pods, (pod) => {
    const shape = shapeOfPod(pod, models);
    const key = `${shape.cpuMilli} ${shape.gpus} ${shape.gpuMilli} ${shape.models}`;
    const number = numbers.get(key) ?? shapes.push(shape) - 1;
    numbers.set(key, number);
    counts[number] = (counts[number] ?? 0) + 1;
    return number;
  });
  return { shapes, shapeOf, memoryMiB: Int32Array.from(pods, ({ memoryMiB }) => memoryMiB), counts };
}

function shapeOfPod(
  { cpuMilli, gpus, gpuMilli, models: named }: PackingPod,
  models: readonly string[],
): Shape {
  if (named.length === 0) return { cpuMilli, gpus, gpuMilli, models: ANY_MODEL };
  const bits = named.map((model) => models.indexOf(model)).filter((at) => at >= 0);
  return { cpuMilli, gpus, gpuMilli, models: bits.reduce((mask, at) => mask | (1 << at), 0) };
}

/** Classes in which refused pods are told. */
export const POD_CLASSES = ['cpu', 'share', 'gpu1', 'gpu2', 'gpu4', 'gpu8'] as const;
export type PodClass = (typeof POD_CLASSES)[number];

/** Other counts of whole devices count with the next smaller class. */
export function classOf(shape: Shape): PodClass {
  if (shape.gpus === 0) return 'cpu';
  if (shape.gpus === 1) return shape.gpuMilli < 1000 ? 'share' : 'gpu1';
  if (shape.gpus < 4) return 'gpu2';
  return shape.gpus < 8 ? 'gpu4' : 'gpu8';
}
