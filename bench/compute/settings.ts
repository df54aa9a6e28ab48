// SPDX-License-Identifier: Apache-2.0

/** How large the bench is. */
export interface Settings {
  /** Per mille of the GPU. */
  readonly limits: readonly number[];
  readonly kernelsUs: readonly number[];
  readonly procs: readonly number[];
  /** Of each load; the first is for coming to rest. */
  readonly seconds: number;
}

const DEFAULTS = { limits: '100,300,500,700,900', kernels: '10,200,2000,50000', procs: '1,4', seconds: '4' };

/** For the list of benches. */
export const KNOBS = `KERF_BENCH_LIMITS=${DEFAULTS.limits} KERF_BENCH_KERNELS_US=${DEFAULTS.kernels} KERF_BENCH_PROCS=${DEFAULTS.procs} KERF_BENCH_SECONDS=${DEFAULTS.seconds}`;

type Env = Readonly<Record<string, string | undefined>>;

/** Throws a sentence where a value is not usable. */
export function readSettings(env: Env): Settings {
  return {
    limits: list('KERF_BENCH_LIMITS', env.KERF_BENCH_LIMITS ?? DEFAULTS.limits, [1, 999]),
    kernelsUs: list('KERF_BENCH_KERNELS_US', env.KERF_BENCH_KERNELS_US ?? DEFAULTS.kernels, [1, 1_000_000]),
    procs: list('KERF_BENCH_PROCS', env.KERF_BENCH_PROCS ?? DEFAULTS.procs, [1, 32]),
    seconds: whole('KERF_BENCH_SECONDS', env.KERF_BENCH_SECONDS ?? DEFAULTS.seconds, [3, 15]),
  };
}

type Range = readonly [number, number];

const list = (name: string, text: string, range: Range): readonly number[] =>
  text.split(',').map((each) => whole(name, each, range));

function whole(name: string, text: string, [least, most]: Range): number {
  const value = Number(text.trim());
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw new Error(`${name} has '${text}': whole numbers from ${least} to ${most} would be right`);
  return value;
}
