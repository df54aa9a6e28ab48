// SPDX-License-Identifier: Apache-2.0
// Programs of a Debian package that tests run and the machine need not have: fetched by apt, unpacked, not installed.
// What such a package depends on besides the C library is not brought along.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.js';
import { cacheDir } from './paths.js';
import type { Progress } from './progress.js';
import { must, run } from './shell.js';

export interface Unpacked {
  /** Below it the package's files lie as they would below /. */
  readonly root: string;
  /** As the package's file is named: `prometheus_2.42.0+ds-5+deb12u1_amd64`. */
  readonly version: string;
}

/** From the cache where it is there: which version that is stands in `<package>.version` beside it. */
export async function ensureUnpacked(name: string, progress: Progress): Promise<Unpacked> {
  const folder = join(cacheDir(), 'debian');
  const note = join(folder, `${name}.version`);
  if (!existsSync(note))
    await withLock(join(folder, 'lock'), async () => {
      if (existsSync(note)) return; // somebody else fetched it while we waited
      progress(`fetching the Debian package ${name}`);
      writeFileSync(note, await unpack(name, folder));
    });
  const version = readFileSync(note, 'utf8');
  return { root: join(folder, version), version };
}

async function unpack(name: string, folder: string): Promise<string> {
  const making = join(folder, `.making-${process.pid}`);
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  try {
    await download(name, making);
    const file = readdirSync(making).find((entry) => entry.endsWith('.deb'));
    if (file === undefined) throw new Error(`apt-get fetched no package of ${name}`);
    await must(['dpkg-deb', '-x', join(making, file), join(making, 'root')]);
    const version = file.slice(0, -'.deb'.length);
    rmSync(join(folder, version), { recursive: true, force: true });
    renameSync(join(making, 'root'), join(folder, version));
    return version;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

async function download(name: string, cwd: string): Promise<void> {
  const fetchIt = ['apt-get', 'download', '-q', name];
  if ((await run(fetchIt, { cwd })).code === 0) return;
  await run(['apt-get', 'update', '-q']); // a fresh image has no package lists
  const output = await run(fetchIt, { cwd });
  if (output.code !== 0)
    throw new Error(
      `the Debian package ${name} is missing and apt-get could not fetch it: ${output.stderr.trim()}`,
    );
}
