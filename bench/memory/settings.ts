// SPDX-License-Identifier: Apache-2.0

/** How large the bench is. */
export interface Settings {
  readonly procs: number;
  /** Of each storm. */
  readonly seconds: number;
  /** Of the slice. */
  readonly mib: number;
  readonly apis: readonly string[];
}

/** Rows of native/workload/apis.c, and all of them at once. */
const ALL_APIS =
  'all,malloc,managed,async,pitch,array,array3d,mipmap,vmm,mapped,sparse,multicast,import,ipc,external';

/** For the list of benches. */
export const KNOBS =
  'KERF_BENCH_PROCS=8 KERF_BENCH_SECONDS=5 KERF_BENCH_MIB=2000 KERF_BENCH_APIS=all,malloc,…';

type Env = Readonly<Record<string, string | undefined>>;

/** Throws a sentence where a value is not usable. */
export function readSettings(env: Env): Settings {
  const known = ALL_APIS.split(',');
  const apis = (env.KERF_BENCH_APIS ?? ALL_APIS).split(',').map((name) => name.trim());
  const stranger = apis.find((name) => !known.includes(name));
  if (stranger !== undefined)
    throw new Error(`KERF_BENCH_APIS has '${stranger}': names of ${ALL_APIS} would be right`);
  return {
    procs: above('KERF_BENCH_PROCS', env.KERF_BENCH_PROCS ?? '8', 1),
    seconds: above('KERF_BENCH_SECONDS', env.KERF_BENCH_SECONDS ?? '5', 0.1),
    mib: above('KERF_BENCH_MIB', env.KERF_BENCH_MIB ?? '2000', 100),
    apis,
  };
}

function above(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < least)
    throw new Error(`${name} has '${text}': a number from ${least} on would be right`);
  return value;
}
