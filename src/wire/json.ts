// SPDX-License-Identifier: Apache-2.0

/** Parses JSON; null where the text is none. A letter is hostile until read. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Any part of a letter, for a sentence. Never throws: String() does at an object with a toString of its own,
 * JSON.stringify at one nested too deep.
 */
export function shown(part: unknown): string {
  if (typeof part === 'object' && part !== null) return Array.isArray(part) ? 'a list' : 'an object';
  return (JSON.stringify(part) ?? 'undefined').slice(0, 40);
}

/** Whole and not negative. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
