// SPDX-License-Identifier: Apache-2.0
// How often each shape is asked for.
import type { Shape } from './shape.js';

export interface MixRow extends Shape {
  /** 0..1; the rows of a mix sum to 1. */
  readonly share: number;
}

/** Most frequent first; of equals the larger first. */
export type Mix = readonly MixRow[];

/** `counts[i]` pods of `shapes[i]`. Rows are taken until they make up `threshold` of all pods, and scaled to 1. */
export function mixOf(shapes: readonly Shape[], counts: readonly number[], threshold = 1): Mix {
  const seen = shapes
    .map((shape, at) => ({ shape, count: counts[at] ?? 0 }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count || larger(a.shape, b.shape));
  const all = seen.reduce((sum, { count }) => sum + count, 0);
  const taken = [];
  let sum = 0;
  for (const row of seen) {
    if (sum >= threshold * all) break;
    taken.push(row);
    sum += row.count;
  }
  return taken.map(({ shape, count }) => ({ ...shape, share: count / sum }));
}

function larger(a: Shape, b: Shape): number {
  return b.cpuMilli - a.cpuMilli || b.gpuMilli - a.gpuMilli || b.gpus - a.gpus || b.models - a.models;
}
