// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This folder: the Go module, the scripts, the C source. */
export const SOURCE_DIR = dirname(fileURLToPath(import.meta.url));

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Where clusters keep their state. Short, because unix sockets in it may have 107 bytes of path. */
export function baseDir(): string {
  const runtime = isRoot() ? '/run' : (process.env.XDG_RUNTIME_DIR ?? tmpdir());
  return process.env.KERF_CLUSTER_DIR ?? join(runtime, 'kerf-cluster');
}

export function stateDirOf(name: string): string {
  return join(baseDir(), name);
}

/** Names of the clusters that have left any state, running or not. */
export function knownNames(): string[] {
  if (!existsSync(baseDir())) return [];
  return readdirSync(baseDir(), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** Outside the tree, so that a fresh clone on the same machine is quick. */
export function cacheDir(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'kerf', 'cluster');
}
