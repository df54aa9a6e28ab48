// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { score } from '../../../src/core/units.js';
import { equalsOf } from '../../../src/scheduling/equals.js';

const scores = (...values: readonly number[]) =>
  values.map((value, at) => ({ node: `n${at}`, score: score(value) }));

describe('of the short list', () => {
  it.each([
    ['the one node that is liked best', [10, 9, 0], ['n0']],
    ['all that are liked as well as the best, in order', [10, 10, 4, 10], ['n0', 'n1', 'n3']],
    ['all where all are liked alike', [10, 10], ['n0', 'n1']],
    ['the only one', [10], ['n0']],
    ['those liked least where there are no others', [0, 0], ['n0', 'n1']],
    ['nothing where there is nothing', [], []],
  ])('is named: %s', (_what, values, names) => {
    expect(equalsOf(scores(...values), false)).toEqual(names);
  });

  it('all are named for a pod that states preferences of its own', () => {
    expect(equalsOf(scores(10, 9, 0), true)).toEqual(['n0', 'n1', 'n2']);
  });
});
