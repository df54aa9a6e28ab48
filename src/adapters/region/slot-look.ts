// SPDX-License-Identifier: Apache-2.0
// A slot's files, looked at twice around a question to the driver: how often each device's word had changed before, and
// everything after. Synchronous: small files in memory, and every moment between the looks is a moment to be wrong in.
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { err, type Result } from '../../core/result.js';
import type { SlotFiles } from '../../observing/escape.js';
import { decodeLimits, type LimitsPage } from '../../wire/limits.js';
import { decodeRegion, REGION, REGION_AT, type Region } from '../../wire/region.js';
import { regionIn } from './box.js';
import { REGION_FLAGS } from './region-file.js';

const WORDS_BYTES = REGION.devicesMax * REGION.deviceBytes;
/** Filled anew for each region; what is decoded of it is copied out. */
const BUFFER = new Uint8Array(REGION.bytes);

export type Words = readonly bigint[];

/** Each device's word; empty where it cannot be read. */
export function readWords(folder: string): Words {
  return withRegion<Words>(folder, { absent: [], broken: () => [] }, (descriptor) => {
    const bytes = Buffer.alloc(WORDS_BYTES);
    if (readSync(descriptor, bytes, 0, WORDS_BYTES, REGION_AT.devices) !== WORDS_BYTES) return [];
    return Array.from({ length: REGION.devicesMax }, (_, at) =>
      bytes.readBigUInt64LE(at * REGION.deviceBytes),
    );
  });
}

/** `before`: what readWords said. */
export function lookAtSlot(folder: string, before: Words): SlotFiles {
  const region = withRegion<Result<Region, string> | null>(folder, { absent: null, broken: err }, readWhole);
  const devices = region?.ok === true ? region.value.devices : [];
  return {
    region,
    page: pageIn(folder),
    isSteady: devices.map(({ usedBytes, changes }, at) => {
      const word = before[at];
      return word !== undefined && word === BigInt(usedBytes) + (BigInt(changes) << 48n);
    }),
  };
}

function readWhole(descriptor: number): Result<Region, string> {
  const stat = fstatSync(descriptor);
  if (!stat.isFile()) return err('region is not a file');
  if (stat.size !== REGION.bytes) return err(`region has ${stat.size} bytes, not ${REGION.bytes}`);
  const filled = readSync(descriptor, BUFFER, 0, REGION.bytes, 0);
  return decodeRegion(BUFFER.subarray(0, filled));
}

interface Otherwise<T> {
  readonly absent: T;
  readonly broken: (sentence: string) => T;
}

function withRegion<T>(folder: string, otherwise: Otherwise<T>, read: (descriptor: number) => T): T {
  let descriptor: number;
  try {
    descriptor = openSync(regionIn(folder), REGION_FLAGS);
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    return code === 'ENOENT' ? otherwise.absent : otherwise.broken(`region cannot be opened: ${code}`);
  }
  try {
    return read(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function pageIn(folder: string): Result<LimitsPage, string> | null {
  try {
    return decodeLimits(readFileSync(join(folder, 'limits')));
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    return code === 'ENOENT' ? null : err(`limits page cannot be read: ${code}`);
  }
}
