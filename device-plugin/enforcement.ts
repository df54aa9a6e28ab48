// SPDX-License-Identifier: Apache-2.0
// Does the library sit in the container's processes? A static or musl program never loads it: it is left alone, and
// the slot says so. Looked up in /proc, where the runtime's container id stands in each process's cgroup path.
import { readdir, readFile } from 'node:fs/promises';
import { ENFORCEMENT_OFF } from '../src/wire/slots.js';
import { LIBRARIES, type LibraryMode } from './allocate.js';
import { DRIVER_FOLDER } from './cover.js';

export type Enforcement = 'pending' | 'enforced' | 'unenforced' | typeof ENFORCEMENT_OFF;

/** Processes of each container id asked for. */
export async function processesOf(
  procFolder: string,
  containerIds: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  const pids = (await readdir(procFolder)).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const id = containerIn(await textOf(`${procFolder}/${pid}/cgroup`), containerIds);
    if (id !== null) found.set(id, [...(found.get(id) ?? []), pid]);
  }
  return found;
}

function containerIn(cgroup: string, containerIds: ReadonlySet<string>): string | null {
  for (const [id] of cgroup.matchAll(/[0-9a-f]{64}/g)) if (containerIds.has(id)) return id;
  return null;
}

/**
 * null: nothing to judge by (no process yet, or they ended while we looked; where the driver is covered, also while none
 * has opened it).
 */
export async function judgeProcesses(
  procFolder: string,
  pids: readonly string[],
  libraryMode: LibraryMode = 'preload',
): Promise<'enforced' | 'unenforced' | null> {
  const maps = await Promise.all(pids.map((pid) => textOf(`${procFolder}/${pid}/maps`)));
  const alive = maps.filter((text) => text !== '');
  if (alive.length === 0) return null;
  // A file that covers another is mapped under that one's name; the covered one tells that ours opened it.
  if (alive.some((text) => text.includes(`/${LIBRARIES[0]}`) || text.includes(`${DRIVER_FOLDER}/`)))
    return 'enforced';
  return libraryMode === 'cover' ? null : 'unenforced';
}

/** A process may end at any moment; a kernel thread has no maps. */
function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
