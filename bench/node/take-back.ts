// SPDX-License-Identifier: Apache-2.0
// From the first launch of a high slice until it has nine tenths of its part back from a low one that borrowed it, on
// the real clock, as the fake device itself counts (in pieces of 10 ms, so the least it can tell is 20).
import { milliCores } from '../../src/core/units.js';
import { type Load, loadArgs, onsetMs, readBusy } from '../../test/native/compute-stage.js';
import type { Slice } from '../../test/native/slice.js';
import { ended } from '../../test/native/slice.js';
import type { Row } from '../report.js';
import type { Size } from './size.js';
import { Stage } from './stage.js';

const MOST_MS = 50;
const LOW = { cores: milliCores(200), isSoft: true } as const;
const HIGH = { cores: milliCores(300), isSoft: true, isHigh: true } as const;
/** All but what is the low one's own. */
const HIGH_PART = 0.8;
const ALONE_MS = 2500;

export async function takeBackRows({ repeats }: Size): Promise<readonly Row[]> {
  const times: number[] = [];
  for (let at = 0; at < repeats; at += 1) times.push(await takeBack());
  const sorted = times.toSorted((a, b) => a - b);
  const row = (metric: string, value: number): Row => ({
    ...{
      bench: 'node',
      metric: `take-back by high priority, ${repeats} times: ${metric}`,
      value,
      unit: 'ms',
    },
    ...{ bar: `≤ ${MOST_MS}`, holds: value <= MOST_MS },
  });
  return [
    row('median', sorted[Math.floor(repeats / 2)] ?? Number.POSITIVE_INFINITY),
    row('longest', sorted.at(-1) ?? Number.POSITIVE_INFINITY),
  ];
}

async function takeBack(): Promise<number> {
  const stage = new Stage('A100-40G');
  try {
    const gpu = stage.machine.gpu(0);
    const [low, high] = [LOW, HIGH].map((compute) => stage.slice({ gpu, mib: 1024, compute })) as [
      Slice,
      Slice,
    ];
    await stage.monitor();
    const load: Load = { pattern: 'async', kernelUs: 1000, procs: 1, seconds: 4 };
    const children = [
      stage.start(low, loadArgs(load)),
      stage.start(high, loadArgs({ ...load, seconds: 1, afterMs: ALONE_MS })),
    ];
    await Promise.all(children.map(ended));
    const contexts = readBusy(stage.machine, 'fine').contexts.toSorted((a, b) => a.joined_ns - b.joined_ns);
    return onsetMs(contexts[1], 0.9 * HIGH_PART);
  } finally {
    await stage.end();
  }
}
