// SPDX-License-Identifier: Apache-2.0
// Reads a region the way one reads a stranger's file. The tenant may write, cut or blow it up while we read:
// mapping it would let him kill us with SIGBUS, so the bytes are copied once, with a size we chose.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { err, type Result } from '../../core/result.js';
import { regionIn } from './box.js';
import {
  decodeRegion,
  decodeRegionHead,
  REGION,
  REGION_AT,
  type Region,
  type RegionHead,
} from '../../wire/region.js';

/** Neither a link to elsewhere nor a pipe that never answers. */
export const REGION_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export function regionPath(stateFolder: string, slot: string): string {
  return regionIn(join(stateFolder, 'slots', slot));
}

/** null: there is no such file. The error is one sentence, whatever stands in the file. */
export const readRegion = (path: string): Promise<Result<Region, string> | null> =>
  readWith(path, { bytes: REGION.bytes, decode: decodeRegion });

/** The same of the devices' counters alone, an 80th of the bytes. */
export const readRegionHead = (path: string): Promise<Result<RegionHead, string> | null> =>
  readWith(path, { bytes: REGION_AT.slots, decode: decodeRegionHead });

interface Reading<T> {
  readonly bytes: number;
  readonly decode: (bytes: Uint8Array) => Result<T, string>;
}

async function readWith<T>(path: string, reading: Reading<T>): Promise<Result<T, string> | null> {
  let file: FileHandle;
  try {
    file = await open(path, REGION_FLAGS);
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    return code === 'ENOENT' ? null : err(`region cannot be opened: ${code}`);
  }
  try {
    return await readOpened(file, reading);
  } catch (fault) {
    return err(`region cannot be read: ${(fault as NodeJS.ErrnoException).code}`);
  } finally {
    await file.close();
  }
}

async function readOpened<T>(
  file: FileHandle,
  { bytes: most, decode }: Reading<T>,
): Promise<Result<T, string>> {
  const stat = await file.stat();
  if (!stat.isFile()) return err('region is not a file');
  if (stat.size !== REGION.bytes) return err(`region has ${stat.size} bytes, not ${REGION.bytes}`);
  const bytes = new Uint8Array(most);
  let filled = 0;
  while (filled < bytes.byteLength) {
    const { bytesRead } = await file.read(bytes, filled, bytes.byteLength - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return decode(bytes.subarray(0, filled));
}
