// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonPieces } from '../../src/wire/json-pieces.js';

const list = fc.array(fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.object()), {
  maxLength: 200,
});
const letter = fc.dictionary(fc.string(), fc.oneof(list, fc.string(), fc.integer(), fc.constant(undefined)));

it('put together are what JSON.stringify gives', () => {
  fc.assert(
    fc.property(letter, (value) => {
      expect([...jsonPieces(value)].join('')).toBe(JSON.stringify(value));
    }),
  );
});

it('are short, however long the list', () => {
  const nodes = Array.from({ length: 5000 }, (_, at) => ({ node: `n${at}`, text: 'x'.repeat(100) }));
  const longest = Math.max(...[...jsonPieces({ nodes })].map(({ length }) => length));
  expect(longest).toBeLessThan(10_000);
});
