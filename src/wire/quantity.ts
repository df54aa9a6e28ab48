// SPDX-License-Identifier: Apache-2.0
// Letter: a Kubernetes quantity (`16Gi`, `3k`, `1500m`, `1.5e3`), read exactly. Grammar as in
// k8s.io/apimachinery/pkg/api/resource: sign, digits with at most one point, then a binary suffix, a decimal one or an exponent.
import { err, ok, type Result } from '../core/result.js';
import { BYTES_PER_MIB, type MiB, mib } from '../core/units.js';

/** Exactly `numerator / denominator`; the denominator is a power of ten and positive. */
export interface Quantity {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

const SUFFIXES: Readonly<Record<string, Quantity>> = {
  n: { numerator: 1n, denominator: 10n ** 9n },
  u: { numerator: 1n, denominator: 10n ** 6n },
  m: { numerator: 1n, denominator: 1000n },
  '': { numerator: 1n, denominator: 1n },
  k: { numerator: 1000n, denominator: 1n },
  M: { numerator: 10n ** 6n, denominator: 1n },
  G: { numerator: 10n ** 9n, denominator: 1n },
  T: { numerator: 10n ** 12n, denominator: 1n },
  P: { numerator: 10n ** 15n, denominator: 1n },
  E: { numerator: 10n ** 18n, denominator: 1n },
  Ki: { numerator: 1n << 10n, denominator: 1n },
  Mi: { numerator: 1n << 20n, denominator: 1n },
  Gi: { numerator: 1n << 30n, denominator: 1n },
  Ti: { numerator: 1n << 40n, denominator: 1n },
  Pi: { numerator: 1n << 50n, denominator: 1n },
  Ei: { numerator: 1n << 60n, denominator: 1n },
};

const GRAMMAR = /^([+-]?)(\d{0,64})(?:\.(\d{0,64}))?(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/;

/** A cluster's pods write the same few amounts: those read last, all forgotten where there are too many. */
const MOST_KNOWN = 1024;
const LONGEST_KNOWN = 32;
const known = new Map<string, Quantity | null>();

/** Null where the text is no quantity. Longer numbers and exponents than anybody means are none, too. */
export function parseQuantity(text: string): Quantity | null {
  const before = known.get(text);
  if (before !== undefined) return before;
  const quantity = read(text);
  if (text.length > LONGEST_KNOWN) return quantity;
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(text, quantity);
  return quantity;
}

function read(text: string): Quantity | null {
  const match = GRAMMAR.exec(text);
  if (match === null) return null;
  const [, sign, whole = '', fraction = '', exponent, suffix = ''] = match;
  const digits = whole + fraction;
  if (digits === '') return null;
  const scale = exponent === undefined ? SUFFIXES[suffix] : powerOfTen(Number(exponent.slice(1)));
  if (scale === undefined) return null;
  const amount = BigInt(digits) * (sign === '-' ? -1n : 1n);
  return reduce({
    numerator: amount * scale.numerator,
    denominator: 10n ** BigInt(fraction.length) * scale.denominator,
  });
}

function powerOfTen(exponent: number): Quantity {
  const power = 10n ** BigInt(Math.abs(exponent));
  return exponent < 0 ? { numerator: 1n, denominator: power } : { numerator: power, denominator: 1n };
}

function reduce({ numerator, denominator }: Quantity): Quantity {
  let [top, bottom] = [numerator, denominator];
  while (bottom % 10n === 0n && top % 10n === 0n) [top, bottom] = [top / 10n, bottom / 10n];
  return { numerator: top, denominator: bottom };
}

export function compareQuantities(a: Quantity, b: Quantity): -1 | 0 | 1 {
  const [left, right] = [a.numerator * b.denominator, b.numerator * a.denominator];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Thousandths, rounded up as Kubernetes rounds its MilliValue. */
export function milliOf(quantity: Quantity): bigint {
  return ceilDivide(quantity.numerator * 1000n, quantity.denominator);
}

/** The value where it is whole and fits a number exactly, else null. */
export function wholeOf(quantity: Quantity): number | null {
  if (quantity.numerator % quantity.denominator !== 0n) return null;
  const value = Number(quantity.numerator / quantity.denominator);
  return Number.isSafeInteger(value) ? value : null;
}

const SMALLEST_BYTES = BigInt(BYTES_PER_MIB);

/** What stands in the way of reading a memory wish. */
export type MemoryFlaw = 'fraction' | 'negative' | 'huge';

/**
 * A wish for device memory in MiB, decided by value and never by suffix (`3000` reaches the API server's
 * readers as `3k`): from 2^20 on it is bytes, rounded up to the vendor's unit (`unitMiB`, MiB); below, it is such
 * units already. What would come to 2^20 units or more is refused: written back it would read as bytes the next time.
 */
export function memoryMiB(quantity: Quantity, unitMiB = 1): Result<MiB, MemoryFlaw> {
  if (quantity.numerator < 0n) return err('negative');
  if (quantity.numerator % quantity.denominator !== 0n) return err('fraction');
  const value = quantity.numerator / quantity.denominator;
  const units = value >= SMALLEST_BYTES ? ceilDivide(value, SMALLEST_BYTES * BigInt(unitMiB)) : value;
  return units >= SMALLEST_BYTES ? err('huge') : ok(mib(Number(units) * unitMiB));
}

function ceilDivide(top: bigint, bottom: bigint): bigint {
  const floor = top / bottom;
  return top % bottom > 0n ? floor + 1n : floor;
}
