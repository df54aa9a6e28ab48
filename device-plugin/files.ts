// SPDX-License-Identifier: Apache-2.0
// Files that survive a kill at any instant: written beside, synced, renamed.
// Synchronous but for fsync: these are small files in the page cache, and on a node starting 60 pods at once each
// trip to a worker thread and back waits tens of milliseconds for a processor.
import {
  closeSync,
  fchmodSync,
  fsync,
  futimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Temporary files begin and end so; whoever lists a folder skips and sweeps them. The ending keeps the runtime from
 * them: a kill before the rename would else leave a second CDI spec of the slot, and of two it takes neither.
 */
export const TEMP_PREFIX = '.tmp-';
const TEMP_SUFFIX = '.tmp';

const sync = promisify(fsync);
let counter = 0;

export interface FileContent {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
  /** Access time zero: whoever reads it first leaves a trace (spec-reader). */
  readonly isMarkedUnread?: boolean;
}

interface Written {
  readonly path: string;
  readonly temp: string;
  readonly descriptor: number;
}

/** Whole or not at all; after a power loss it may be the old one. */
export function replaceFile(file: FileContent): void {
  const written = begin(file);
  try {
    renameSync(written.temp, file.path);
  } finally {
    drop(written);
  }
}

/** Files of one folder, each whole or not at all, and on the disk when this resolves. */
export async function replaceDurably(folder: string, files: readonly FileContent[]): Promise<void> {
  const written: Written[] = [];
  try {
    for (const file of files) written.push(begin(file));
    await Promise.all(written.map(({ descriptor }) => sync(descriptor)));
    for (const { temp, path } of written) renameSync(temp, path);
  } finally {
    for (const file of written) drop(file);
  }
  await syncFolder(folder);
}

function begin(file: FileContent): Written {
  counter += 1;
  const name = `${TEMP_PREFIX}${process.pid}-${counter}-${basename(file.path)}${TEMP_SUFFIX}`;
  const temp = join(dirname(file.path), name);
  const written = { path: file.path, temp, descriptor: openSync(temp, 'wx', file.mode) };
  try {
    writeFileSync(written.descriptor, file.content);
    // The umask eats bits of open's mode.
    fchmodSync(written.descriptor, file.mode);
    if (file.isMarkedUnread === true) futimesSync(written.descriptor, 0, Date.now() / 1000);
    return written;
  } catch (cause) {
    drop(written);
    throw cause;
  }
}

/** After the rename there is no temporary file any more. */
function drop({ descriptor, temp }: Written): void {
  closeSync(descriptor);
  rmSync(temp, { force: true });
}

async function syncFolder(folder: string): Promise<void> {
  const descriptor = openSync(folder, 'r');
  try {
    await sync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** null when there is no such file. */
export function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fault;
  }
}

/** Removes what kills left half-written. `isOurs` spares the files of others in a shared folder. */
export function sweepTemps(folder: string, isOurs: (name: string) => boolean = () => true): void {
  for (const name of readdirSync(folder))
    if (name.startsWith(TEMP_PREFIX) && isOurs(name)) rmSync(join(folder, name), { force: true });
}

export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
}
