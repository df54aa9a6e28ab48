// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareQuantities, memoryMiB, milliOf, parseQuantity, wholeOf } from '../../../src/wire/quantity.js';

const read = (text: string) => {
  const quantity = parseQuantity(text);
  if (quantity === null) throw new Error(`${text} is no quantity`);
  return quantity;
};

describe('a quantity', () => {
  it.each([
    ['0', 0n],
    ['1', 1000n],
    ['+5', 5000n],
    ['-2', -2000n],
    ['1.5', 1500n],
    ['.5', 500n],
    ['5.', 5000n],
    ['1500m', 1500n],
    ['1n', 1n],
    ['100u', 1n],
    ['3k', 3_000_000n],
    ['1M', 10n ** 9n],
    ['2G', 2n * 10n ** 12n],
    ['1T', 10n ** 15n],
    ['1P', 10n ** 18n],
    ['1E', 10n ** 21n],
    ['1e3', 1_000_000n],
    ['1E3', 1_000_000n],
    ['15e-1', 1500n],
    ['1e+2', 100_000n],
    ['1Ki', 1024n * 1000n],
    ['1.5Gi', 1_610_612_736n * 1000n],
    ['1Ti', (1n << 40n) * 1000n],
    ['1Pi', (1n << 50n) * 1000n],
    ['1Ei', (1n << 60n) * 1000n],
  ])('%s is %s thousandths', (text, milli) => {
    expect(milliOf(read(text))).toBe(milli);
  });

  it.each([
    '',
    'a',
    '1K',
    '1 Gi',
    '--1',
    '1.2.3',
    '1ki',
    '.',
    '-',
    '1e',
    '1Gib',
    '0x10',
    '1e999',
    'NaN',
    '∞',
  ])('%j is none', (text) => expect(parseQuantity(text)).toBeNull());

  it('is the same written in any suffix', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 9n }), (value) => {
        const plain = read(`${value}`);
        expect(compareQuantities(read(`${value}000m`), plain)).toBe(0);
        expect(compareQuantities(read(`${value}k`), read(`${value}000`))).toBe(0);
        expect(compareQuantities(read(`${value}Mi`), read(`${value * 1_048_576n}`))).toBe(0);
        expect(compareQuantities(read(`${value}e3`), read(`${value}k`))).toBe(0);
        expect(wholeOf(plain)).toBe(Number(value));
      }),
    );
  });

  it('orders as numbers do', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (a, b) => {
        expect(compareQuantities(read(`${a}`), read(`${b}m`))).toBe(Math.sign(a * 1000 - b));
      }),
    );
  });
});

describe('memory', () => {
  it.each([
    ['16Gi', 16_384],
    ['3000Mi', 3000],
    ['3000', 3000],
    ['3k', 3000],
    ['1048575', 1_048_575],
    ['1048576', 1],
    ['1048577', 2],
    ['1.5Gi', 1536],
    ['2G', 1908],
    ['0', 0],
  ])('%s is %i MiB', (text, memory) => {
    expect(memoryMiB(read(text))).toEqual({ ok: true, value: memory });
  });

  it.each([
    ['1.5', 'fraction'],
    ['1500m', 'fraction'],
    ['-1', 'negative'],
    ['-16Gi', 'negative'],
    ['1Ti', 'huge'],
    ['1Ei', 'huge'],
  ])('%s is refused as %s', (text, flaw) => {
    expect(memoryMiB(read(text))).toEqual({ ok: false, error: flaw });
  });

  it('reads its own answer as the same', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 40n) - 1_048_576n }), (value) => {
        const once = memoryMiB(read(`${value}`));
        expect(once.ok && memoryMiB(read(`${once.value}`))).toEqual(once);
      }),
    );
  });

  it('in bytes never loses a byte, and never gains a MiB', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_048_576, max: 2 ** 39 }), (bytes) => {
        const memory = memoryMiB(read(`${bytes}`));
        const given = (memory.ok ? memory.value : 0) * 1_048_576;
        expect(given).toBeGreaterThanOrEqual(bytes);
        expect(given - bytes).toBeLessThan(1_048_576);
      }),
    );
  });
});
