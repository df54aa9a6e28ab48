// SPDX-License-Identifier: Apache-2.0
// A region on storage of fixed size: a file system in memory that holds one region and not a page more. The tenant may
// stretch the file as far as he likes, there is nothing behind it; the node's disk is not his to fill.
// The region is written sparse, so that its pages are charged to whoever touches them: the tenant.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fchmodSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { emptyRegion, REGION, REGION_AT } from '../../wire/region.js';

/** Folder of the slot or slice → its box and the region in it. */
export const boxPath = (folder: string): string => join(folder, 'box');
export const boxedRegionPath = (folder: string): string => join(folder, 'box', 'region');

/** Where the region of this slot or slice lies: beside the page where it was made on disk, else in its box. */
export function regionIn(folder: string): string {
  const plain = join(folder, 'region');
  return existsSync(plain) ? plain : boxedRegionPath(folder);
}

/** The root folder and the region: a third file finds no room. */
const OPTIONS = `size=${REGION.bytes},nr_inodes=2,mode=0755,nosuid,nodev,noexec`;
const HEADER_BYTES = REGION_AT.devices;
const FRESH_HEADER = emptyRegion().subarray(0, HEADER_BYTES);

/** A fresh box with an empty region; an old one lives on for those who have it mapped. Throws where it cannot be mounted. */
export function makeBox(folder: string): void {
  dropBox(folder);
  mkdirSync(boxPath(folder), { recursive: true, mode: 0o755 });
  run('mount', ['-t', 'tmpfs', '-o', OPTIONS, 'kerf-region', boxPath(folder)]);
  writeRegion(boxedRegionPath(folder));
}

/** Takes the box away; nothing happens where there is none. */
export function dropBox(folder: string): void {
  while (isMounted(folder)) run('umount', ['-l', boxPath(folder)]);
  rmSync(boxPath(folder), { recursive: true, force: true });
}

export function isMounted(folder: string): boolean {
  try {
    return statSync(boxPath(folder)).dev !== statSync(dirname(boxPath(folder))).dev;
  } catch {
    return false;
  }
}

/** Empty and sparse, for anybody to write. */
export function writeRegion(path: string): void {
  const descriptor = openSync(path, 'wx', 0o666);
  try {
    writeSync(descriptor, FRESH_HEADER, 0, HEADER_BYTES, 0);
    ftruncateSync(descriptor, REGION.bytes);
    fchmodSync(descriptor, 0o666);
  } finally {
    closeSync(descriptor);
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, [...args], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.at(-1)}: ${stderr.trim()}`);
}
