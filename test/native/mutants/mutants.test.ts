// SPDX-License-Identifier: Apache-2.0
// Each mutant of libkerf is caught by the test it names, which passes without it. All of them with KERF_LONG=1.
import { beforeAll, describe, expect, it } from 'vitest';
import { buildNative } from '../build.js';
import { MUTANTS } from './mutants.js';
import { runMutant, runUnchanged } from './run.js';

const isLong = process.env.KERF_LONG === '1';
const chosen = MUTANTS.filter(({ isQuick }) => isLong || isQuick);

beforeAll(buildNative, 120_000);

describe('a mutant', () => {
  it.each(chosen.map((mutant) => [mutant.name, mutant] as const))(
    '"%s" is caught',
    (_name, mutant) => {
      const { isCaught, said } = runMutant(mutant);
      expect(isCaught, said).toBe(true);
      /* The same run has these tests without a mutation anyway. */
      if (!isLong) return;
      const unchanged = runUnchanged(mutant);
      expect(unchanged.isGood, unchanged.said).toBe(true);
    },
    300_000,
  );

  it('is listed at least twenty times, no name twice', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
  });
});
