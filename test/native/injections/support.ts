// SPDX-License-Identifier: Apache-2.0
// What injections share: a program told its steps, in front of a driver that fails where it is told to.
import type { ChildProcess, SpawnSyncReturns } from 'node:child_process';
import { createInterface } from 'node:readline';
import { BUILT } from '../build.js';
import type { Slice } from '../slice.js';

export const MIB = 1_048_576;

export const CODE = {
  success: 0,
  invalidValue: 1,
  outOfMemory: 2,
  notInitialized: 3,
  noDevice: 100,
  invalidDevice: 101,
  invalidContext: 201,
  illegalAddress: 700,
  notFound: 500,
  notSupported: 801,
  unknown: 999,
} as const;

/** One line of bin/steps. */
export interface Step {
  readonly pid: number;
  readonly step: string;
  readonly code: number;
  readonly free?: number;
  readonly total?: number;
  readonly taken?: number;
  readonly status?: number;
  readonly is_found?: boolean;
  readonly symbol?: string;
  readonly library?: string;
}

export interface StepOptions {
  /** Plan of bin/failing (native/test/injections/failing-driver.c), words of CALL[@NTH[+]]=WHAT. */
  readonly failures?: string;
  /** Which driver stands in front of the fake; none is the fake itself. */
  readonly driver?: 'failing' | 'old';
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: number;
  /** Words before the program, as `timeout 10`. */
  readonly under?: readonly string[];
}

const PROGRAM = `${BUILT}/bin/steps`;

function environment({ failures, driver, env }: StepOptions): Record<string, string> {
  const front = driver ?? (failures === undefined ? undefined : 'failing');
  return {
    ...(front === undefined ? {} : { LD_LIBRARY_PATH: `${BUILT}/bin/${front}` }),
    ...(failures === undefined ? {} : { KERF_FAILURES: failures }),
    ...env,
  };
}

const userOf = ({ user }: StepOptions): { readonly user?: number } => (user === undefined ? {} : { user });

export const commandOf = (steps: string, options: StepOptions = {}): string[] => [
  ...(options.under ?? []),
  PROGRAM,
  ...steps.split(/\s+/).filter((step) => step !== ''),
];

export function runSteps(slice: Slice, steps: string, options: StepOptions = {}): SpawnSyncReturns<string> {
  return slice.run(commandOf(steps, options), { ...userOf(options), env: environment(options) });
}

export function linesOf(ran: SpawnSyncReturns<string>): readonly Step[] {
  return ran.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Step);
}

/** The lines of a program that must end well. */
export function stepsIn(slice: Slice, steps: string, options: StepOptions = {}): readonly Step[] {
  const ran = runSteps(slice, steps, options);
  if (ran.status !== 0) throw new Error(`ended with ${ran.status ?? ran.signal}: ${ran.stdout}${ran.stderr}`);
  return linesOf(ran);
}

/** Codes alone, in order. */
export const codesIn = (slice: Slice, steps: string, options: StepOptions = {}): readonly number[] =>
  stepsIn(slice, steps, options).map((line) => line.code);

/** The answer of the last step. */
export function lastStep(slice: Slice, steps: string, options: StepOptions = {}): Step {
  const last = stepsIn(slice, steps, options).at(-1);
  if (last === undefined) throw new Error('the program said nothing');
  return last;
}

/** Bytes a fresh process is told are free on device 0. */
export function freeBytes(slice: Slice, options: StepOptions = {}): number {
  const { free } = lastStep(slice, 'init ctx info', options);
  if (free === undefined) throw new Error('no figure');
  return free;
}

/** MiB that a fresh process really gets, one by one, before it is refused. */
export function takeableMiB(slice: Slice, options: StepOptions = {}): number {
  const { taken, code } = lastStep(slice, 'init ctx fill:malloc:1', options);
  if (taken === undefined || code !== CODE.outOfMemory) throw new Error(`filling ended with ${code}`);
  return taken;
}

/** A program that stays: resolves once it has said the step. */
export async function startSteps(
  slice: Slice,
  steps: string,
  options: StepOptions & { readonly until: string },
): Promise<ChildProcess> {
  const child = slice.start(commandOf(steps, options), { ...userOf(options), env: environment(options) });
  if (child.stdout === null) throw new Error('bug: nobody listens to this program');
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) if ((JSON.parse(line) as Step).step === options.until) return child;
  throw new Error(`the program ended before it said ${options.until}`);
}
