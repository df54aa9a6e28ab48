// SPDX-License-Identifier: Apache-2.0
// What native/symbols and native/interposer say of the driver's symbols, for tests.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ROOT } from './build.js';

export type Side = 'cuda' | 'nvml';

export interface Hook {
  readonly symbol: string;
  /** How cuGetProcAddress is asked for it, from which CUDA version on, and with which flags. NVML has none of that. */
  readonly name: string;
  readonly since: number;
  readonly flags: number;
}

/** A row of native/symbols/cuda.tsv. */
export interface Given {
  readonly symbol: string;
  readonly name: string;
  readonly since: number;
  readonly flags: number;
  readonly first: number;
  readonly last: number;
}

const read = (path: string): readonly string[] =>
  readFileSync(`${ROOT}native/${path}`, 'utf8').trim().split('\n');

export function hooks(side: Side): readonly Hook[] {
  const file = side === 'cuda' ? 'hooks.def' : 'nvml-hooks.def';
  return read(`interposer/${file}`)
    .map((line) => /^HOOK\((\w+),(?: "(\w+)", (\d+), (\d+),)?/.exec(line))
    .filter((match) => match !== null)
    .map(([, symbol = '', name = '', since, flags]) => ({
      ...{ symbol, name, since: Number(since), flags: Number(flags) },
    }));
}

export function jumps(side: Side): readonly string[] {
  const { status, stdout, stderr } = spawnSync(`${ROOT}native/interposer/classify.sh`, [side], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim().split('\n');
}

export function givenSymbols(): readonly Given[] {
  return read('symbols/cuda.tsv')
    .filter((line) => !line.startsWith('#'))
    .map((line) => {
      const [symbol = '', name = '', ...numbers] = line.split('\t');
      const [since = 0, flags = 0, first = 0, last = 0] = numbers.map(Number);
      return { symbol, name, since, flags, first, last };
    });
}
