// SPDX-License-Identifier: Apache-2.0

/** How large the bench is. */
export interface Settings {
  /** Ascending: nodes are added between the sizes, never taken away. */
  readonly nodes: readonly number[];
  /** Pods that each kind binds in each round. */
  readonly pods: number;
  readonly rounds: number;
}

const DEFAULT_NODES = '1000,5000';
const DEFAULT_PODS = 2000;
const DEFAULT_ROUNDS = 3;

/** For the list of benches. */
export const KNOBS = `KERF_BENCH_NODES=${DEFAULT_NODES} KERF_BENCH_PODS=${DEFAULT_PODS} KERF_BENCH_ROUNDS=${DEFAULT_ROUNDS}`;

type Env = Readonly<Record<string, string | undefined>>;

/** Throws a sentence where a value is not usable. */
export function readSettings(env: Env): Settings {
  const nodes = (env.KERF_BENCH_NODES ?? DEFAULT_NODES)
    .split(',')
    .map((text) => whole('KERF_BENCH_NODES', text));
  return {
    nodes: [...nodes].sort((a, b) => a - b),
    pods: whole('KERF_BENCH_PODS', env.KERF_BENCH_PODS ?? String(DEFAULT_PODS)),
    rounds: whole('KERF_BENCH_ROUNDS', env.KERF_BENCH_ROUNDS ?? String(DEFAULT_ROUNDS)),
  };
}

/** A rate needs a first pod and a last one. */
const LEAST: Readonly<Record<string, number>> = { KERF_BENCH_PODS: 2 };

function whole(name: string, text: string): number {
  const least = LEAST[name] ?? 1;
  const value = Number(text.trim());
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`${name} has '${text}': whole numbers from ${least} on would be right`);
  return value;
}
