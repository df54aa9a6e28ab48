// SPDX-License-Identifier: Apache-2.0
// Is a slice still running? Its command may have ended and left children behind: they live in its mount namespace.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
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

/** Namespaces in which somebody lives whom we may look at. */
export function livingNamespaces(): ReadonlySet<string> {
  const living = new Set<string>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      living.add(readlinkSync(`/proc/${name}/ns/mnt`));
    } catch {
      // Ended meanwhile, or somebody else's.
    }
  }
  return living;
}

export function isRunning(record: SliceRecord, living: ReadonlySet<string>): boolean {
  if (record.startTicks > 0 && startTicksOf(record.pid) === record.startTicks) return true;
  return record.mountNamespace !== '' && living.has(record.mountNamespace);
}
