// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { Attempts } from '../../../src/scheduling/attempts.js';

it('every bind of a pod after the first is a retry, until one has bound it', () => {
  const attempts = new Attempts();
  expect([1, 2, 3].map(() => attempts.begin('a'))).toEqual([false, true, true]);
  expect(attempts.begin('b')).toBe(false);
  attempts.done('a');
  expect([attempts.begin('a'), attempts.begin('b')]).toEqual([false, true]);
});

it('pods that never come again are forgotten, the oldest first', () => {
  const attempts = new Attempts();
  attempts.begin('old');
  attempts.begin('tried again');
  for (let index = 0; index < 9_998; index++) attempts.begin(`u${index}`);
  expect(attempts.begin('tried again')).toBe(true);
  attempts.begin('one more');
  expect(attempts.begin('old')).toBe(false);
  expect(attempts.begin('tried again')).toBe(true);
});
