// SPDX-License-Identifier: Apache-2.0
// Wheels of PyPI, NVIDIA's most of all, kept in the cache: fetched by pip with pinned versions and hashes, unpacked, nothing of them run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

const PLATFORMS = ['manylinux_2_17_x86_64', 'manylinux2014_x86_64', 'manylinux1_x86_64'];

/** Rows of a list of wheels: package, version, sha256; the symbols' own by default. */
export function readWheels(list = new URL('wheels.tsv', import.meta.url)): readonly Wheel[] {
  const rows = readFileSync(list, 'utf8').trim().split('\n');
  return rows
    .filter((row) => !row.startsWith('#'))
    .map((row) => {
      const [name = '', version = '', sha256 = ''] = row.split('\t');
      return { name, version, sha256 };
    });
}

/** CUDA version as the driver counts: 12090. */
export function cudaVersion(wheel: Wheel): number {
  const [major = 0, minor = 0] = wheel.version.split('.').map(Number);
  return major * 1000 + minor * 10;
}

/** The folder with the wheel's files; from the cache where it has been fetched before. */
export function unpackedWheel(wheel: Wheel): string {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'kerf', 'wheels');
  const folder = join(cache, `${wheel.name}-${wheel.version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const stage = mkdtempSync(join(cache, '.fetching-'));
  try {
    fetchInto(stage, wheel);
    // Another one may have been quicker: its copy is as good.
    if (!existsSync(folder)) renameSync(join(stage, 'files'), folder);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  return folder;
}

function fetchInto(stage: string, { name, version, sha256 }: Wheel): void {
  writeFileSync(join(stage, 'wanted.txt'), `${name}==${version} --hash=sha256:${sha256}\n`);
  const flags = ['--no-deps', '--require-hashes', '--only-binary=:all:', '--quiet', '--dest', stage];
  const platforms = PLATFORMS.flatMap((platform) => ['--platform', platform]);
  python('-m', 'pip', 'download', ...flags, ...platforms, '-r', join(stage, 'wanted.txt'));
  const file = readdirSync(stage).find((each) => each.endsWith('.whl'));
  if (file === undefined) throw new Error(`pip brought no wheel of ${name} ${version}`);
  python('-m', 'zipfile', '-e', join(stage, file), join(stage, 'files'));
}

function python(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('python3', args, { encoding: 'utf8' });
  if (error) throw new Error('python3 with pip fetches wheels of PyPI, and is not there', { cause: error });
  if (status !== 0) throw new Error(`python3 ${args.slice(0, 3).join(' ')} ended with ${status}: ${stderr}`);
}
