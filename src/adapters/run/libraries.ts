// SPDX-License-Identifier: Apache-2.0
// Where the libraries of a slice lie, and what the loader is told to load first.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../core/version.js';
import type { Env } from './slices.js';

const LIBRARIES = ['libkerf.so', 'libkerf-nvml.so'] as const;
const BUILT = 'native/build/release';
/** Beside a bundle; in a checkout seen from dist/, then from here. */
const BESIDE = ['.', `../${BUILT}`, `../../../${BUILT}`].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** Throws where they are nowhere. */
export function libraryFolder(env: Env): string {
  const stated = env.KERF_LIBRARY_DIR;
  const folders = stated === undefined || stated === '' ? [...BESIDE, `/opt/kerf/${VERSION}`] : [stated];
  const found = folders.find((folder) => LIBRARIES.every((name) => existsSync(join(folder, name))));
  if (found !== undefined) return found;
  throw new Error(
    `${LIBRARIES.join(' and ')} are not in ${folders.join(', ')}: KERF_LIBRARY_DIR names their folder`,
  );
}

/** Ours first, then what this machine preloads anyway. */
export function preloadText(): string {
  const own = LIBRARIES.map((name) => `/usr/local/kerf/${name}\n`).join('');
  try {
    return `${own}${readFileSync('/etc/ld.so.preload', 'utf8')}`;
  } catch {
    return own;
  }
}
