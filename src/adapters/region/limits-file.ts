// SPDX-License-Identifier: Apache-2.0
// A limits page on disk, changed in place: the same file, field by field, because running processes have it mapped.
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import type { MiB } from '../../core/units.js';
import { type FieldStore, storesFor, type Writer } from '../../wire/limits-change.js';
import { decodeLimits, LIMITS, type LimitsPage } from '../../wire/limits.js';

/** Makes the page at `path` say `wanted`. False: nothing there can be changed to it, a new file must be written. */
export function changeLimits(path: string, wanted: LimitsPage, by: Writer): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r+');
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw fault;
  }
  try {
    const stores = storesFor(readPage(descriptor), wanted, by);
    for (const store of stores ?? []) storeField(descriptor, store);
    return stores !== null;
  } finally {
    closeSync(descriptor);
  }
}

/** Where growth on the page's first device ends by the arbiter's word; null: he said nothing. */
export function memoryNowOf(path: string): MiB | null {
  const page = decodeLimits(readFileSync(path));
  return page.ok ? (page.value.devices[0]?.memoryNow ?? null) : null;
}

function readPage(descriptor: number): Uint8Array {
  const bytes = new Uint8Array(LIMITS.bytes);
  if (fstatSync(descriptor).size !== LIMITS.bytes) return bytes;
  readSync(descriptor, bytes, 0, bytes.byteLength, 0);
  return bytes;
}

/**
 * One write of an aligned field. The kernel copies it into the very page that others have mapped, by one move of that
 * width where the width is a register's (test/native/resize.test.ts looks for torn ones).
 */
function storeField(descriptor: number, { offset, bytes }: FieldStore): void {
  const written = writeSync(descriptor, bytes, 0, bytes.byteLength, offset);
  if (written !== bytes.byteLength)
    throw new Error(`limits page took ${written} of ${bytes.byteLength} bytes`);
}
