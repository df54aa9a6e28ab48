// SPDX-License-Identifier: Apache-2.0
// What is measured, each the same way bare and in a slice: kinds take turns, and the least of the turns counts, because
// on a shared machine the others measure the neighbours.
import { spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import type { Row } from '../report.js';
import type { Kind, Stage } from './stage.js';

export interface Size {
  readonly turns: number;
  readonly launches: number;
  readonly live: number;
  readonly starts: number;
  readonly processes: number;
}

export const FULL: Size = { turns: 5, launches: 200_000, live: 100_000, starts: 300, processes: 300 };
export const QUICK: Size = { turns: 1, launches: 20_000, live: 2_000, starts: 20, processes: 20 };

/** The peer walks a list of what lives: at 100 000 its figure would take an hour. */
const PEER_LIVE_MOST = 20_000;

interface Bar {
  readonly unit: string;
  /** Absent: the figure only informs. */
  readonly most?: number;
}

export const NAMES: Readonly<Record<Kind, string>> = {
  bare: 'bare',
  ...{ kerf: 'Kerf', 'kerf limited': 'Kerf' },
  ...{ peer: 'HAMi-core', 'peer limited': 'HAMi-core' },
};

export function rowOf(metric: string, value: number, { unit, most }: Bar): Row {
  const bar = most === undefined ? '' : `≤ ${most}`;
  return { bench: 'overhead', metric, value, unit, bar, holds: most === undefined ? null : value <= most };
}

function least(
  stage: Stage,
  kinds: readonly Kind[],
  turns: number,
  argv: readonly string[],
): ReadonlyMap<Kind, number> {
  const found = new Map<Kind, number>();
  for (let turn = 0; turn < turns; turn += 1)
    for (const kind of kinds) {
      const value = Number(stage.run(kind, argv));
      found.set(kind, Math.min(found.get(kind) ?? Infinity, value));
    }
  return found;
}

/** What each kind adds to bare. */
function added(stage: Stage, turns: number, asked: Asked): readonly Row[] {
  const kinds = asked.kinds.filter((kind) => stage.has(kind));
  const values = least(stage, ['bare', ...kinds], turns, asked.argv);
  const bare = values.get('bare') ?? Number.NaN;
  return [
    rowOf(`${asked.metric}: bare`, bare, { unit: asked.unit }),
    ...kinds.map((kind) => {
      const isOurs = NAMES[kind] === 'Kerf';
      const bar = { unit: asked.unit, ...(isOurs && asked.most !== undefined ? { most: asked.most } : {}) };
      return rowOf(`${asked.metric}: added by ${NAMES[kind]}`, (values.get(kind) ?? Number.NaN) - bare, bar);
    }),
  ];
}

interface Asked {
  readonly metric: string;
  readonly argv: readonly string[];
  readonly kinds: readonly Kind[];
  readonly unit: string;
  readonly most?: number;
}

export function launchRows(stage: Stage, { turns, launches }: Size): readonly Row[] {
  const argv = ['bin/bench-launch', String(launches)];
  return [
    ...added(stage, turns, {
      metric: 'cuLaunchKernel, no limit',
      argv,
      kinds: ['kerf', 'peer'],
      unit: 'ns',
      most: 30,
    }),
    ...added(stage, turns, {
      ...{ metric: 'cuLaunchKernel, under a limit', argv, kinds: ['kerf limited', 'peer limited'] as const },
      ...{ unit: 'ns', most: 80 },
    }),
  ];
}

export function allocationRows(stage: Stage, { turns, live }: Size): readonly Row[] {
  const counts = [...new Set([1, Math.min(live, PEER_LIVE_MOST), live])];
  return counts.flatMap((count) => {
    const hasPeer = count <= PEER_LIVE_MOST;
    // A walk of a list is slow, and as slow each time.
    const rounds = hasPeer && count > 1 && stage.has('peer') ? 1_000 : 100_000;
    return added(stage, turns, {
      ...{
        metric: `cuMemAlloc+cuMemFree, ${count} live`,
        argv: ['bin/bench-alloc', String(count), String(rounds)],
      },
      ...{ kinds: hasPeer ? (['kerf', 'peer'] as const) : (['kerf'] as const), unit: 'ns', most: 200 },
    });
  });
}

/** The interpreter itself: what a shell finds first may be a script that looks for it. */
function python(): string {
  const { stdout } = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
  return stdout.trim();
}

const programs = (): readonly (readonly string[])[] => [
  ['ls', '/'],
  ['bash', '-c', ':'],
  [python(), '-c', 'pass'],
];

export function startRows(stage: Stage, { turns, starts }: Size): readonly Row[] {
  return programs().flatMap((program) =>
    added(stage, turns, {
      ...{
        metric: `start and end of ${basename(program[0] ?? '')} ${program.slice(1).join(' ')}`,
        argv: ['bin/bench-start', String(starts), ...program],
      },
      ...{ kinds: ['kerf', 'peer'] as const, unit: 'ms' },
    }),
  );
}

interface Batch {
  readonly wall_ms: number;
  readonly cpu_ms: number;
  readonly failed: number;
}

/** Processes that ask CUDA and NVML for their devices, all started at once. */
export function batchRows(stage: Stage, { turns, processes }: Size): readonly Row[] {
  const argv = ['bin/bench-batch', String(processes), 'bin/../kerf-workload', 'info'];
  const kinds = (['bare', 'kerf', 'peer'] as const).filter((kind) => stage.has(kind));
  const batches = new Map<Kind, readonly Batch[]>();
  for (let turn = 0; turn < turns; turn += 1)
    for (const kind of kinds)
      batches.set(kind, [...(batches.get(kind) ?? []), JSON.parse(stage.run(kind, argv)) as Batch]);
  const of = (kind: Kind, field: keyof Batch): number =>
    Math.min(...(batches.get(kind) ?? []).map((batch) => batch[field]));
  const metric = `${processes} processes at once`;
  return kinds.flatMap((kind) => {
    const name = NAMES[kind];
    const failed = rowOf(
      `${metric}: failed, ${name}`,
      Math.max(...(batches.get(kind) ?? []).map((b) => b.failed)),
      {
        ...{ unit: '', ...(kind === 'peer' ? {} : { most: 0 }) },
      },
    );
    if (kind === 'bare')
      return [rowOf(`${metric}: wall, bare`, of('bare', 'wall_ms'), { unit: 'ms' }), failed];
    const cpu = (of(kind, 'cpu_ms') - of('bare', 'cpu_ms')) / processes;
    const wall = of(kind, 'wall_ms') / of('bare', 'wall_ms');
    const [cpuMost, wallMost] = kind === 'kerf' ? [{ most: 5 }, { most: 1.1 }] : [{}, {}];
    return [
      rowOf(`${metric}: processor time of each added by ${name}`, cpu, { unit: 'ms', ...cpuMost }),
      rowOf(`${metric}: wall against bare, ${name}`, wall, { unit: '×', ...wallMost }),
      failed,
    ];
  });
}
