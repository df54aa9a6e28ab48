// SPDX-License-Identifier: Apache-2.0
// Loops of launches on a fake GPU, on the virtual clock or the real one, and what share of the GPU they got in each second.
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { milliCores } from '../../src/core/units.js';
import { PATHS } from './build.js';
import { Machine, type Slice } from './slice.js';

export const PATTERNS = ['async', 'sync', 'graph'] as const;
export type Clock = 'virtual' | 'real';
export type Pattern = (typeof PATTERNS)[number];

export interface Load {
  readonly pattern: Pattern;
  readonly kernelUs: number;
  readonly procs: number;
  readonly seconds: number;
  /** The program's own work between two launches. */
  readonly gapUs?: number;
  readonly afterMs?: number;
}

/** Of one run, parts of 1: what it got in each whole second after the first, and its launches over its whole time. */
export interface Got {
  readonly windows: readonly number[];
  readonly share: number;
  readonly launchesPerSecond: number;
}

interface Launched {
  readonly failed_procs: number;
  readonly failures: number;
  readonly launches_per_second: number;
  readonly busy_share: number;
  readonly processes: readonly { readonly pid: number }[];
}

interface Context {
  readonly pid: number;
  readonly is_live: boolean;
  readonly busy_ns: number;
  readonly joined_ns: number;
  readonly buckets: readonly (readonly [number, number])[];
}

export interface Busy {
  readonly gpus: readonly { readonly now_ns: number; readonly busy_ns: number }[];
  readonly contexts: readonly Context[];
}

const WINDOW_MS = 1000;
const WARM_UP_MS = 1000;
const NS_PER_MS = 1e6;

export const loadArgs = (load: Load): string[] => [
  PATHS.workload,
  'launch',
  ...['--pattern', load.pattern, '--kernel-us', String(load.kernelUs), '--procs', String(load.procs)],
  ...['--seconds', String(load.seconds), '--gap-us', String(load.gapUs ?? 0)],
  ...['--after-ms', String(load.afterMs ?? 0)],
];

/** Environment of a program on the clock of the machine in `folder`; time stands until all parties have come. */
export const clockEnv = (folder: string, parties: number): Readonly<Record<string, string>> => ({
  LD_PRELOAD: PATHS.virtualClock,
  KERF_VIRTUAL_CLOCK: `${folder}/clock`,
  KERF_VIRTUAL_PARTIES: String(parties),
});

const onVirtualClock = (parties: number): readonly string[] => [
  'env',
  ...Object.entries(clockEnv('/run/kerf-fake', parties)).map(([name, value]) => `${name}=${value}`),
];

/** One container with this share of one GPU; 0 is no limit. */
export function limitedSlice(machine: Machine, permille: number): Slice {
  return machine.slice({ gpu: machine.gpu(0), mib: 4096, compute: { cores: milliCores(permille) } });
}

/** Acceptance's loads. Each comes after some idle time, so that none pays what another owed. */
export const loadsOf = (kernelsUs: readonly number[], procs: readonly number[]): readonly Load[] =>
  kernelsUs.flatMap((kernelUs) =>
    PATTERNS.flatMap((pattern) =>
      procs.map((count) => ({
        pattern,
        kernelUs,
        procs: count,
        seconds: secondsFor(kernelUs),
        gapUs: pattern === 'sync' ? SYNC_GAP_US : 0,
        afterMs: IDLE_MS,
      })),
    ),
  );

/** Launches enough for a mean: at a tenth of the GPU there are two kernels of 50 ms in a second. */
const secondsFor = (kernelUs: number): number => (kernelUs < 100 ? 2.2 : kernelUs < 10_000 ? 4.2 : 12.2);

/** What a program does between a wait and the next launch: without it nothing but the limit would bound a loop. */
const SYNC_GAP_US = 5;
const IDLE_MS = 3000;

/** Runs the loads one after another in the slice, each followed by a look at the GPU's time. */
export async function runLoads(slice: Slice, loads: readonly Load[], clock: Clock): Promise<readonly Got[]> {
  const script = loads
    .map((load) => [...(clock === 'virtual' ? onVirtualClock(load.procs) : []), ...loadArgs(load)].join(' '))
    .map((command) => `${command} && ${PATHS.fakeTime} busy /run/kerf-fake`)
    .join(' && ');
  const lines = (await inSlice(slice, ['sh', '-c', script])).trim().split('\n');
  return loads.map((load, at) =>
    gotOf(load, JSON.parse(lines[2 * at] ?? '') as Launched, JSON.parse(lines[2 * at + 1] ?? '') as Busy),
  );
}

export interface Tenant {
  readonly slice: Slice;
  readonly load: Load;
}

export interface Together {
  readonly clock: Clock;
  /** On the virtual clock: who else takes part. */
  readonly others?: number;
}

/** All at once on one machine and its clock. */
export async function runTenants(
  machine: Machine,
  tenants: readonly Tenant[],
  { clock, others = 0 }: Together = { clock: 'virtual' },
): Promise<readonly Got[]> {
  const parties = tenants.reduce((sum, { load }) => sum + load.procs, others);
  const before = clock === 'virtual' ? onVirtualClock(parties) : [];
  const outputs = await Promise.all(
    tenants.map(({ slice, load }) => inSlice(slice, [...before, ...loadArgs(load)])),
  );
  const busy = readBusy(machine);
  return tenants.map(({ load }, at) => gotOf(load, JSON.parse(outputs[at] ?? '') as Launched, busy));
}

/** By pieces of 100 ms; fine: of 10 ms. */
export function readBusy(machine: Machine, ...detail: readonly 'fine'[]): Busy {
  return JSON.parse(
    execFileSync(PATHS.fakeTime, ['busy', machine.node, ...detail], { encoding: 'utf8', maxBuffer: 1 << 28 }),
  ) as Busy;
}

async function inSlice(slice: Slice, command: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', [...slice.argvOf(command)], { maxBuffer: 1 << 28 });
  return stdout;
}

export function gotOf(load: Load, launched: Launched, busy: Busy): Got {
  if (launched.failed_procs > 0 || launched.failures > 0)
    throw new Error(`a launch failed: ${JSON.stringify(launched)}`);
  const contexts = launched.processes.map(({ pid }) =>
    latest(busy.contexts.filter((each) => each.pid === pid)),
  );
  return {
    windows: windowsOf(contexts, load.seconds),
    share: launched.busy_share,
    launchesPerSecond: launched.launches_per_second,
  };
}

function latest(contexts: readonly Context[]): Context {
  const [last] = [...contexts].sort((a, b) => b.joined_ns - a.joined_ns);
  if (last === undefined) throw new Error('a process was never on the GPU');
  return last;
}

/** Whole seconds from the first bucket that begins a second after the first had come, to the end of his loop: others may
 * come late, for their first launch waits its turn. */
function windowsOf(contexts: readonly Context[], seconds: number): readonly number[] {
  const joined = Math.min(...contexts.map((context) => context.joined_ns)) / NS_PER_MS;
  const from = Math.ceil((joined + WARM_UP_MS) / 100) * 100;
  const until = joined + seconds * 1000;
  const windows: number[] = [];
  for (let at = from; at + WINDOW_MS <= until; at += WINDOW_MS)
    windows.push(busyBetween(contexts, at, at + WINDOW_MS) / (WINDOW_MS * NS_PER_MS));
  return windows;
}

/** How long after its first launch a context had this share of the GPU, over 20 ms. */
export function onsetMs(context: Context | undefined, share: number): number {
  if (context === undefined) return Number.POSITIVE_INFINITY;
  const busy = new Map(context.buckets);
  const first = Math.floor(context.joined_ns / NS_PER_MS / 10) * 10;
  for (let at = first; at < first + 10_000; at += 10)
    if ((busy.get(at) ?? 0) + (busy.get(at + 10) ?? 0) >= 20 * NS_PER_MS * share)
      return at + 20 - context.joined_ns / NS_PER_MS;
  return Number.POSITIVE_INFINITY;
}

function busyBetween(contexts: readonly Context[], from: number, to: number): number {
  const inside = contexts.flatMap((context) => context.buckets.filter(([ms]) => ms >= from && ms < to));
  return inside.reduce((sum, [, ns]) => sum + ns, 0);
}
