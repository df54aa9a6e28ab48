// SPDX-License-Identifier: Apache-2.0
// LETTER usage book: what a node's monitor keeps of device time, on its disk and at /v1/ledger. One bucket is one line:
//
//   {"v":1,"fromMs":…,"devices":[{"deviceId":"GPU-…","model":"…","memoryMiB":40960,"physicalSeconds":900,"usedSeconds":…,
//      "unattributedSeconds":…,"idleSeconds":…}],"slices":[{"namespace":"a","pod":"p","uid":"…","container":"main",
//      "workload":"Deployment/web","deviceId":"GPU-…","grantedGpuSeconds":…,"usedGpuSeconds":…,"grantedGiBSeconds":…,"usedGiBSeconds":…}]}
//
// The bucket under way carries its cursor and a number besides (BookPage), so that another process can go on with it.
import { err, ok, type Result } from '../core/result.js';
import { mib } from '../core/units.js';
import type { Cursor, DeviceTime, SliceTime, UsageBucket, UsageLedger } from '../core/usage-ledger.js';
import { isCount, isRecord, parseJson } from './json.js';

const VERSION = 1;

export interface BookPage {
  /** Grows with every page written. */
  readonly turn: number;
  readonly ledger: UsageLedger;
}

export const encodeBucket = (bucket: UsageBucket): string =>
  JSON.stringify({ v: VERSION, ...rounded(bucket) });

export function encodePage({ turn, ledger }: BookPage): string {
  return JSON.stringify({ v: VERSION, turn, cursor: ledger.cursor, ...rounded(ledger.bucket) });
}

export function decodeBucket(text: string): Result<UsageBucket, string> {
  return bucketOf(parseJson(text));
}

/** Many buckets in one answer, for /v1/ledger. */
export const encodeBuckets = (node: string, buckets: readonly UsageBucket[]): string =>
  `{"v":${VERSION},"node":${JSON.stringify(node)},"buckets":[${buckets.map(encodeBucket).join(',')}]}\n`;

export interface NodeBook {
  readonly node: string;
  readonly buckets: readonly UsageBucket[];
}

export function decodeBuckets(text: string): Result<NodeBook, string> {
  const letter = parseJson(text);
  if (!isRecord(letter) || typeof letter.node !== 'string' || !Array.isArray(letter.buckets))
    return err('the usage book is no object with a node and a list of buckets');
  const buckets: UsageBucket[] = [];
  for (const row of letter.buckets as unknown[]) {
    const bucket = bucketOf(row);
    if (!bucket.ok) return bucket;
    buckets.push(bucket.value);
  }
  return ok({ node: letter.node, buckets });
}

export function decodePage(text: string): Result<BookPage, string> {
  const letter = parseJson(text);
  const bucket = bucketOf(letter);
  if (!bucket.ok) return bucket;
  const { turn, cursor } = letter as Record<string, unknown>;
  if (!isCount(turn)) return err(`turn is ${String(turn)}: want a count`);
  const read = cursorOf(cursor);
  return read === undefined
    ? err('the cursor cannot be read')
    : ok({ turn, ledger: { bucket: bucket.value, cursor: read } });
}

function bucketOf(letter: unknown): Result<UsageBucket, string> {
  if (!isRecord(letter)) return err('a usage bucket is not a JSON object');
  if (letter.v !== VERSION) return err(`a usage bucket has version ${String(letter.v)}, not ${VERSION}`);
  const { fromMs, slices, devices } = letter;
  if (!isCount(fromMs)) return err('a usage bucket does not say when it begins');
  if (!areRows(slices, SLICE) || !areRows(devices, DEVICE))
    return err('a usage bucket has a row that cannot be read');
  return ok({
    fromMs,
    slices: slices as unknown as SliceTime[],
    devices: (devices as unknown as DeviceTime[]).map(withMiB),
  });
}

const withMiB = (device: DeviceTime): DeviceTime => ({ ...device, memoryMiB: mib(device.memoryMiB) });

type Fields = Readonly<Record<string, 'text' | 'seconds'>>;

const SLICE: Fields = {
  ...{ namespace: 'text', pod: 'text', uid: 'text', container: 'text', workload: 'text', deviceId: 'text' },
  ...{ grantedGpuSeconds: 'seconds', usedGpuSeconds: 'seconds' },
  ...{ grantedGiBSeconds: 'seconds', usedGiBSeconds: 'seconds' },
};
const DEVICE: Fields = {
  ...{ deviceId: 'text', model: 'text', memoryMiB: 'seconds', physicalSeconds: 'seconds' },
  ...{ usedSeconds: 'seconds', unattributedSeconds: 'seconds', idleSeconds: 'seconds' },
};

function areRows(rows: unknown, fields: Fields): rows is Record<string, unknown>[] {
  return (
    Array.isArray(rows) &&
    rows.every((row) => isRecord(row) && Object.entries(fields).every(([key, kind]) => isOf(kind, row[key])))
  );
}

const isOf = (kind: 'text' | 'seconds', value: unknown): boolean =>
  kind === 'text'
    ? typeof value === 'string'
    : typeof value === 'number' && value >= 0 && Number.isFinite(value);

function cursorOf(value: unknown): Cursor | null | undefined {
  if (value === null) return null;
  if (!isRecord(value) || typeof value.boot !== 'string' || !isOf('seconds', value.upNs)) return undefined;
  const busy = value.busyNs;
  if (!isRecord(busy) || !Object.values(busy).every((ns) => isOf('seconds', ns))) return undefined;
  return { boot: value.boot, upNs: value.upNs as number, busyNs: busy as Record<string, number> };
}

/** A nanosecond is enough; the shortest form of what floats add up to is long. */
const short = (seconds: number): number => Math.round(seconds * 1e9) / 1e9;

function rounded({ fromMs, slices, devices }: UsageBucket): UsageBucket {
  return {
    fromMs,
    devices: devices.map((device) => ({
      ...device,
      physicalSeconds: short(device.physicalSeconds),
      usedSeconds: short(device.usedSeconds),
      unattributedSeconds: short(device.unattributedSeconds),
      idleSeconds: short(device.idleSeconds),
    })),
    slices: slices.map((slice) => ({
      ...slice,
      grantedGpuSeconds: short(slice.grantedGpuSeconds),
      usedGpuSeconds: short(slice.usedGpuSeconds),
      grantedGiBSeconds: short(slice.grantedGiBSeconds),
      usedGiBSeconds: short(slice.usedGiBSeconds),
    })),
  };
}
