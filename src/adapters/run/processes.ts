// SPDX-License-Identifier: Apache-2.0
// Is a slice still running? Its command may have ended and left children behind: they live in its mount namespace.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SliceRecord } from '../../wire/slice-record.js';

/** Field 22 of /proc/<pid>/stat: tells a reused pid; 0 where there is no such process. */
export function startTicksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name before may hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 0 : Number(fields[19] ?? 0);
  } catch {
    return 0;
  }
}

/** Mount namespaces in which somebody lives whom we may look at, each with one who does. */
export function livingNamespaces(): ReadonlyMap<string, number> {
  const living = new Map<string, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      living.set(readlinkSync(`/proc/${name}/ns/mnt`), Number(name));
    } catch {
      // Ended meanwhile, or somebody else's.
    }
  }
  return living;
}

/** `folder` is the slice's. */
export function isRunning(record: SliceRecord, folder: string, living: ReadonlyMap<string, number>): boolean {
  if (record.startTicks > 0 && startTicksOf(record.pid) === record.startTicks) return true;
  return isInhabited(record, folder, living);
}

/** The kernel gives a namespace's number out again: only one that shows the slice's own page is the slice's. */
export function isInhabited(
  { mountNamespace }: SliceRecord,
  folder: string,
  living: ReadonlyMap<string, number>,
): boolean {
  const pid = mountNamespace === '' ? undefined : living.get(mountNamespace);
  if (pid === undefined) return false;
  try {
    const [seen, own] = [
      statSync(`/proc/${pid}/root/usr/local/kerf/limits`),
      statSync(join(folder, 'limits')),
    ];
    return seen.ino === own.ino && seen.dev === own.dev;
  } catch {
    return false;
  }
}
