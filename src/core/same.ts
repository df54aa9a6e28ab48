// SPDX-License-Identifier: Apache-2.0

/** Whether two values of plain data (records, arrays, Maps, Sets and what stands in them) say the same. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && isSameObject(a, b);
}

/** Both of the same make. */
function isSameObject(a: object, b: object): boolean {
  if (Array.isArray(a)) return isSameList(a, b as typeof a);
  if (a instanceof Map) return isSameMap(a, b as typeof a);
  if (a instanceof Set) return isSameSet(a, b as typeof a);
  return isSameRecord(a as Plain, b as Plain);
}

type Plain = Readonly<Record<string, unknown>>;

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (!isSame(a[at], b[at])) return false;
  return true;
}

function isSameMap(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (!b.has(key) || !isSame(value, b.get(key))) return false;
  return true;
}

function isSameSet(a: ReadonlySet<unknown>, b: ReadonlySet<unknown>): boolean {
  if (a.size !== b.size) return false;
  for (const each of a) if (!b.has(each)) return false;
  return true;
}

/** A field that is left out and one that is undefined are the same. */
function isSameRecord(a: Plain, b: Plain): boolean {
  for (const key in a) if (!isSame(a[key], b[key])) return false;
  for (const key in b) if (b[key] !== undefined && a[key] === undefined) return false;
  return true;
}
