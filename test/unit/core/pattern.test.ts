// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesPattern } from '../../../src/core/pattern.js';

describe('a pattern', () => {
  it.each([
    ['team-a', 'team-a', true],
    ['team-a', 'team-ab', false],
    ['ml-*', 'ml-', true],
    ['ml-*', 'ml-train', true],
    ['ml-*', 'xml-train', false],
    ['*-dev', 'a-dev-dev', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['**', 'anything', true],
  ])('%j on %j: %j', (pattern, text, answer) => expect(matchesPattern(pattern, text)).toBe(answer));

  it('answers as the regular expression would, and long stars cost no time', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    const texts = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });
    fc.assert(
      fc.property(letters, texts, (pattern, text) => {
        const same = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
        expect(matchesPattern(pattern, text)).toBe(same.test(text));
      }),
    );
    expect(matchesPattern(`${'a*'.repeat(31)}b`, 'a'.repeat(63))).toBe(false);
  });
});
