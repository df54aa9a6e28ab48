// SPDX-License-Identifier: Apache-2.0
// LETTER slice record: what `kerf run` keeps of a running slice, <state>/<name>/slice.json, for `kerf top` and `kerf resize`.
//
//   {"v":1,"name":"train-3f2a","deviceId":"GPU-…","model":"H200","deviceMiB":143771,"ceilingMiB":8192,"guaranteedMiB":4096,
//    "corePermille":300,"isSoft":false,"command":["python","train.py"],"pid":4711,"startTicks":123,"mountNamespace":"mnt:[…]","startedAtMs":…}
import type { SliceHere } from '../core/slice-here.js';
import { err, ok, type Result } from '../core/result.js';
import { type MiB, mib, milliCores } from '../core/units.js';
import { isCount, isRecord, parseJson } from './json.js';

export interface SliceRecord extends SliceHere {
  readonly name: string;
  readonly model: string;
  readonly deviceMemory: MiB;
  readonly isSoft: boolean;
  readonly command: readonly string[];
  /** Who speaks for the slice: `kerf run` itself, later the command. */
  readonly pid: number;
  readonly startTicks: number;
  /** As /proc/<pid>/ns/mnt reads; empty until the command runs. */
  readonly mountNamespace: string;
  readonly startedAtMs: number;
}

const VERSION = 1;

/** A name is a folder's name. */
export function isSliceName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/.test(text);
}

export function encodeSliceRecord(record: SliceRecord): string {
  const { deviceMemory, ceiling, guaranteed, cores, ...rest } = record;
  const amounts = {
    deviceMiB: deviceMemory,
    ceilingMiB: ceiling,
    guaranteedMiB: guaranteed,
    corePermille: cores,
  };
  return `${JSON.stringify({ v: VERSION, ...rest, ...amounts })}\n`;
}

const COUNTS = [
  'deviceMiB',
  'ceilingMiB',
  'guaranteedMiB',
  'corePermille',
  'pid',
  'startTicks',
  'startedAtMs',
] as const;
const TEXTS = ['name', 'deviceId', 'model', 'mountNamespace'] as const;

/** The error is one sentence's end: what is wrong with the record. */
export function decodeSliceRecord(text: string): Result<SliceRecord, string> {
  const letter = parseJson(text);
  if (!isRecord(letter)) return err('is not a JSON object');
  if (letter.v !== VERSION) return err(`has version ${String(letter.v)}, not ${VERSION}`);
  const { command } = letter;
  if (!Array.isArray(command) || !command.every((part) => typeof part === 'string'))
    return err('has no command');
  const isWhole =
    COUNTS.every((key) => isCount(letter[key])) && TEXTS.every((key) => typeof letter[key] === 'string');
  if (!isWhole || !isSliceName(String(letter.name))) return err('has a field that cannot be read');
  const counts = letter as Record<(typeof COUNTS)[number], number>;
  const texts = letter as Record<(typeof TEXTS)[number], string>;
  return ok({
    ...{
      name: texts.name,
      deviceId: texts.deviceId,
      model: texts.model,
      mountNamespace: texts.mountNamespace,
    },
    ...{ pid: counts.pid, startTicks: counts.startTicks, startedAtMs: counts.startedAtMs },
    deviceMemory: mib(counts.deviceMiB),
    ceiling: mib(counts.ceilingMiB),
    guaranteed: mib(counts.guaranteedMiB),
    cores: milliCores(counts.corePermille),
    isSoft: letter.isSoft === true,
    command,
  });
}
