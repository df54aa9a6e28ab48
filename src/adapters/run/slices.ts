// SPDX-License-Identifier: Apache-2.0
// The slices of this machine on disk: <state>/<name>/{slice.json, limits, region or box/region, preload, over/}.
//
// Root's lie in /run/kerf/slices for everybody to see; an ordinary user's in his own runtime folder, for him alone.
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeSliceRecord, encodeSliceRecord, type SliceRecord } from '../../wire/slice-record.js';
import { encodeLimits, type LimitsPage } from '../../wire/limits.js';
import { dropBox, isMounted, makeBox, writeRegion } from '../region/box.js';
import { changeLimits } from '../region/limits-file.js';
import { isInhabited, isRunning, livingNamespaces } from './processes.js';

export type Env = Readonly<Record<string, string | undefined>>;

const EVERYBODYS = '/run/kerf/slices';

export interface SliceFolders {
  /** Where this user's slices are made. */
  readonly own: string;
  /** Where slices may be, `own` among them. */
  readonly all: readonly string[];
}

export function sliceFolders(env: Env, uid: number): SliceFolders {
  const stated = env.KERF_RUN_DIR;
  if (stated !== undefined && stated !== '') return { own: stated, all: [stated] };
  if (uid === 0) return { own: EVERYBODYS, all: [EVERYBODYS] };
  const runtime = env.XDG_RUNTIME_DIR;
  const own =
    runtime !== undefined && runtime !== '' ? join(runtime, 'kerf', 'slices') : `/tmp/kerf-${uid}/slices`;
  return { own, all: [EVERYBODYS, own] };
}

export interface FoundSlice {
  readonly record: SliceRecord;
  readonly folder: string;
}

/** A folder in /tmp may have been laid there by somebody else. */
export function makeOwnFolder(folder: string, uid: number): void {
  mkdirSync(folder, { recursive: true, mode: uid === 0 ? 0o755 : 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o022) !== 0)
    throw new Error(
      `${folder} belongs to others or may be written by them: KERF_RUN_DIR names another folder`,
    );
}

/** Of all folders; what cannot be read is somebody else's or no slice. */
export function runningSlices(folders: SliceFolders): readonly FoundSlice[] {
  const living = livingNamespaces();
  return folders.all.flatMap(slicesIn).filter(({ record, folder }) => isRunning(record, folder, living));
}

function slicesIn(state: string): readonly FoundSlice[] {
  const found: FoundSlice[] = [];
  for (const name of namesIn(state)) {
    const record = readRecord(join(state, name));
    if (record !== null) found.push({ record, folder: join(state, name) });
  }
  return found;
}

function namesIn(state: string): readonly string[] {
  try {
    return readdirSync(state);
  } catch {
    return [];
  }
}

function readRecord(folder: string): SliceRecord | null {
  try {
    const record = decodeSliceRecord(readFileSync(join(folder, 'slice.json'), 'utf8'));
    return record.ok ? record.value : null;
  } catch {
    return null;
  }
}

/** Whether anybody may hold more than he is promised; looks at no process. */
export function hasBursts(folders: SliceFolders): boolean {
  return folders.all.flatMap(slicesIn).some(({ record }) => record.guaranteed < record.ceiling);
}

/** Removes what ended without its supervisor: a killed `kerf run`. Under the lock. */
export function sweepSlices(state: string): void {
  const living = livingNamespaces();
  for (const name of namesIn(state)) {
    const folder = join(state, name);
    const record = readRecord(folder);
    if (record === null || !isRunning(record, folder, living)) removeSlice(folder);
  }
}

export function writeRecord(folder: string, record: SliceRecord): void {
  writeFileSync(join(folder, '.slice.json'), encodeSliceRecord(record), { mode: 0o644 });
  renameSync(join(folder, '.slice.json'), join(folder, 'slice.json'));
}

/** From now on the command speaks for its slice. */
export function writeStarted(
  folder: string,
  command: Pick<SliceRecord, 'pid' | 'startTicks' | 'mountNamespace'>,
): void {
  const record = readRecord(folder);
  if (record !== null) writeRecord(folder, { ...record, ...command });
}

/** Whether children of the command live on in the slice. */
export function isLeft(folder: string): boolean {
  const record = readRecord(folder);
  return record !== null && isInhabited(record, folder, livingNamespaces());
}

/** What the command will find in its slice, the record last. */
export function makeSlice(folder: string, record: SliceRecord, preload: string): void {
  mkdirSync(folder, { mode: 0o755 });
  writeFileSync(join(folder, 'limits'), encodeLimits(pageOf(record)), { mode: 0o644 });
  writeFileSync(join(folder, 'preload'), preload, { mode: 0o444 });
  mkdirSync(join(folder, 'over', 'local', 'kerf'), { recursive: true });
  mkdirSync(join(folder, 'over', 'etc'), { recursive: true });
  writeFileSync(join(folder, 'over', 'etc', 'ld.so.preload'), '', { mode: 0o644 });
  if (process.getuid?.() === 0) makeBox(folder);
  else writeRegion(join(folder, 'region'));
  writeRecord(folder, record);
}

export function removeSlice(folder: string): void {
  if (isMounted(folder)) dropBox(folder);
  rmSync(folder, { recursive: true, force: true });
}

export function pageOf(record: SliceRecord): LimitsPage {
  const { name, deviceId, ceiling, guaranteed, cores, isSoft } = record;
  const burst = guaranteed < ceiling ? { guaranteed } : {};
  const device = {
    uuid: deviceId,
    memory: ceiling,
    cores,
    ...burst,
    ...(isSoft && { isSoft: true as const }),
  };
  return { epoch: 1, podUid: name, namespace: 'kerf-run', pod: name, container: 'main', devices: [device] };
}

/** Record and page; running processes see it at their next allocation or launch. */
export function resizeSlice(folder: string, record: SliceRecord): void {
  writeRecord(folder, record);
  if (!changeLimits(join(folder, 'limits'), pageOf(record), 'grant'))
    throw new Error(`the limits page of ${record.name} was replaced by somebody: it cannot be changed`);
}
