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
  readonly most?: number | undefined;
}

export const NAMES: Readonly<Record<Kind, string>> = {
  bare: 'bare',
  ...{ kerf: 'Kerf', 'kerf limited': 'Kerf' },
  peer: 'HAMi-core',
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

/** The peer's compute limiter does not start on the fake (see bench/peer), so it has no figure under a limit. */
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
      ...{ metric: 'cuLaunchKernel, under a limit', argv, kinds: ['kerf limited'] as const },
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

interface Crowd {
  readonly who: string;
  readonly argv: readonly string[];
  /** Of the wall time against bare; a program that does nothing else shows our part, and no bar was set for it. */
  readonly wallMost?: number | undefined;
}

/** A batch of Python takes ten seconds of two processors. */
const CROWD_TURNS_MOST = 3;

const ASKS_BY_PYTHON =
  'import ctypes; c = ctypes.CDLL("libcuda.so.1"); t = ctypes.c_size_t();' +
  'exit(c.cuInit(0) or c.cuDeviceTotalMem_v2(ctypes.byref(t), 0))';

/** Processes that ask CUDA for its device, all started at once. */
export function batchRows(stage: Stage, size: Size): readonly Row[] {
  const crowds: readonly Crowd[] = [
    { who: 'of Python', argv: [python(), '-c', ASKS_BY_PYTHON], wallMost: 1.1 },
    { who: 'of C that do nothing else', argv: ['bin/../kerf-workload', 'info'] },
  ];
  return crowds.flatMap((crowd) => crowdRows(stage, size, crowd));
}

function crowdRows(stage: Stage, { turns, processes }: Size, { who, argv, wallMost }: Crowd): readonly Row[] {
  const kinds = (['bare', 'kerf', 'peer'] as const).filter((kind) => stage.has(kind));
  const batches = new Map<Kind, Batch[]>(kinds.map((kind) => [kind, []]));
  const command = ['bin/bench-batch', String(processes), ...argv];
  for (let turn = 0; turn < Math.min(turns, CROWD_TURNS_MOST); turn += 1)
    for (const kind of kinds) batches.get(kind)?.push(JSON.parse(stage.run(kind, command)) as Batch);
  const of = (kind: Kind): Batch => best(batches.get(kind) ?? []);
  const metric = `${processes} at once ${who}`;
  const bare = of('bare');
  return [
    rowOf(`${metric}: wall, bare`, bare.wall_ms, { unit: 'ms' }),
    ...kinds
      .filter((kind) => kind !== 'bare')
      .flatMap((kind) => {
        const name = NAMES[kind];
        const bars = kind === 'kerf' ? { cpu: 5, wall: wallMost, failed: 0 } : {};
        const { wall_ms, cpu_ms, failed } = of(kind);
        return [
          rowOf(`${metric}: processor time of each added by ${name}`, (cpu_ms - bare.cpu_ms) / processes, {
            ...{ unit: 'ms', most: bars.cpu },
          }),
          rowOf(`${metric}: wall against bare, ${name}`, wall_ms / bare.wall_ms, {
            unit: '×',
            most: bars.wall,
          }),
          rowOf(`${metric}: failed, ${name}`, failed, { unit: '', most: bars.failed }),
        ];
      }),
  ];
}

/** The least of each, and the most that failed. */
function best(batches: readonly Batch[]): Batch {
  return {
    wall_ms: Math.min(...batches.map((batch) => batch.wall_ms)),
    cpu_ms: Math.min(...batches.map((batch) => batch.cpu_ms)),
    failed: Math.max(...batches.map((batch) => batch.failed)),
  };
}
