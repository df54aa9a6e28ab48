// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isSame } from '../../../src/core/same.js';

const plain = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(0, 1, '', 'a', true, null),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('x', 'y', 'z'), tie('any'), { noNullPrototype: true }),
    fc.array(fc.tuple(fc.constantFrom('k', 'l'), tie('any')), { maxLength: 2 }).map((rows) => new Map(rows)),
    fc.array(fc.constantFrom('k', 'l'), { maxLength: 2 }).map((rows) => new Set(rows)),
  ),
})).any;

it('says of a copy that it is the same', () => {
  fc.assert(fc.property(plain, (value) => isSame(value, structuredClone(value))));
});

it('says of two values what a test would say', () => {
  const isEqual = (a: unknown, b: unknown): boolean => {
    try {
      expect(a).toEqual(b);
      return true;
    } catch {
      return false;
    }
  };
  fc.assert(
    fc.property(plain, plain, (a, b) => isSame(a, b) === isEqual(a, b)),
    { numRuns: 500 },
  );
});

it.each<[string, unknown, unknown, boolean]>([
  ['a field left out and one undefined', { x: 1 }, { x: 1, y: undefined }, true],
  ['a list and a record', [], {}, false],
  ['a record and a list', {}, [], false],
  ['Maps of other keys', new Map([['a', undefined]]), new Map([['b', undefined]]), false],
  ['Sets of other members', new Set(['a']), new Set(['b']), false],
  ['lists of other lengths', [1], [1, 2], false],
  ['null and a record', null, {}, false],
])('%s', (_title, a, b, want) => expect(isSame(a, b)).toBe(want));
