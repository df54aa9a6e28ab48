// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { confirm, type Watchlist } from '../../../src/observing/confirm.js';
import type { Suspicion } from '../../../src/observing/escape.js';

const aSuspicion = (change: Partial<Suspicion> = {}): Suspicion => ({
  key: 'Drift/s1/GPU-1',
  reason: 'Drift',
  sentence: 'x',
  pod: null,
  container: 'main',
  slot: 's1',
  culprits: [],
  isSteady: true,
  ...change,
});

/** Which looks begin a finding, 1 for the first. */
function begunAt(looks: readonly (readonly Suspicion[])[]): number[] {
  let watchlist: Watchlist = new Map();
  return looks.flatMap((suspicions, at) => {
    const told = confirm(watchlist, suspicions);
    watchlist = told.watchlist;
    return told.begun.length > 0 ? [at + 1] : [];
  });
}

it('what stands in two looks is found, once', () => {
  expect(begunAt([[aSuspicion()], [aSuspicion()], [aSuspicion()]])).toEqual([2]);
});

it('what comes and goes is not found', () => {
  expect(begunAt([[aSuspicion()], [], [aSuspicion()], []])).toEqual([]);
});

it('what ceased and comes again is found again', () => {
  const twice = [[aSuspicion()], [aSuspicion()]];
  expect(begunAt([...twice, [], ...twice])).toEqual([2, 5]);
});

it('what changed while it was compared must stand ten times', () => {
  const unsteady = Array.from({ length: 12 }, () => [aSuspicion({ isSteady: false })]);
  expect(begunAt(unsteady)).toEqual([10]);
});

it('each stands for itself, with what is said of it last', () => {
  const other = aSuspicion({ key: 'other', sentence: 'y' });
  const { watchlist } = confirm(new Map(), [aSuspicion()]);
  const told = confirm(watchlist, [aSuspicion({ sentence: 'now' }), other]);
  expect(told.standing.map(({ sentence }) => sentence)).toEqual(['now']);
});
