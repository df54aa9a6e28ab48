// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What is found, not written: dependencies, build outputs, code made from protos. */
const NOT_OURS = new Set(['.git', 'node_modules', 'dist', 'build', 'coverage', 'generated']);

/** Paths from the root of all files written by hand below the given folders. */
export function pathsBelow(...folders: string[]): string[] {
  return folders.flatMap((folder) => walk(folder));
}

export function readFiles(paths: readonly string[]): Map<string, string> {
  return new Map(paths.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]));
}

function walk(folder: string): string[] {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return isOurs(entry.name) ? walk(path) : [];
    return entry.isFile() ? [path] : [];
  });
}

function isOurs(folder: string): boolean {
  return !NOT_OURS.has(folder) && !folder.startsWith('build-');
}
