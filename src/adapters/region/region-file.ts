// SPDX-License-Identifier: Apache-2.0
// Reads a region the way one reads a stranger's file. The tenant may write, cut or blow it up while we read:
// mapping it would let him kill us with SIGBUS, so the bytes are copied once, with a size we chose.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { err, type Result } from '../../core/result.js';
import { regionIn } from './box.js';
import { decodeRegion, REGION, type Region } from '../../wire/region.js';

/** Neither a link to elsewhere nor a pipe that never answers. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export function regionPath(stateFolder: string, slot: string): string {
  return regionIn(join(stateFolder, 'slots', slot));
}

/** null: there is no such file. The error is one sentence, whatever stands in the file. */
export async function readRegion(path: string): Promise<Result<Region, string> | null> {
  let file: FileHandle;
  try {
    file = await open(path, FLAGS);
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    return code === 'ENOENT' ? null : err(`region cannot be opened: ${code}`);
  }
  try {
    return await readOpened(file);
  } catch (fault) {
    return err(`region cannot be read: ${(fault as NodeJS.ErrnoException).code}`);
  } finally {
    await file.close();
  }
}

async function readOpened(file: FileHandle): Promise<Result<Region, string>> {
  const stat = await file.stat();
  if (!stat.isFile()) return err('region is not a file');
  if (stat.size !== REGION.bytes) return err(`region has ${stat.size} bytes, not ${REGION.bytes}`);
  const bytes = new Uint8Array(REGION.bytes);
  let filled = 0;
  while (filled < bytes.byteLength) {
    const { bytesRead } = await file.read(bytes, filled, bytes.byteLength - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return decodeRegion(bytes.subarray(0, filled));
}
