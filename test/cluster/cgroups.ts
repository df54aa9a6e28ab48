// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';

/**
 * Removes what a dead cluster, or a dead node of it, left in the machine's cgroups: scripts/cgroups.sh made
 * `kerf-<cluster>/<node>` in each hierarchy. Folders in which something still runs stay.
 */
export function removeCgroups(cluster: string, node = ''): void {
  if (!existsSync(ROOT)) return;
  for (const hierarchy of [ROOT, ...foldersIn(ROOT).map((folder) => join(ROOT, folder))])
    removeFolders(join(hierarchy, `kerf-${cluster}`, node));
}

/** From the leaves up; the files in a cgroup are the kernel's and go with it. */
function removeFolders(dir: string): void {
  if (!existsSync(dir)) return;
  for (const child of foldersIn(dir)) removeFolders(join(dir, child));
  removeIfEmpty(dir);
}

function foldersIn(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

export function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // in use, or gone
  }
}
