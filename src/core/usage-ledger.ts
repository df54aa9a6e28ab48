// SPDX-License-Identifier: Apache-2.0
// Where the time of a node's devices goes. Every tick divides what passed since the tick before, device by device:
//
//   passed = used by slices + unattributed (busy by nobody we know, or unknown to us) + idle
//
// so that the sum over pods, unattributed and idle is the physical time, whatever anybody says of himself. A slice's busy
// counter is its tenant's word: it is believed as far as it fits into what passed, and counts for nobody else.
import { BYTES_PER_MIB, type MiB, type MilliCores, WHOLE_DEVICE } from './units.js';

/** Whose time it is. */
export interface SliceOwner {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
  /** `Deployment/web`; empty for a pod of its own. */
  readonly workload: string;
  readonly deviceId: string;
}

export interface SliceSeen extends SliceOwner {
  /** Of the slot and the place in it: stays while the container's slot does. */
  readonly key: string;
  readonly memory: MiB;
  /** 0: no compute limit. */
  readonly cores: MilliCores;
  /** Grows while work runs, from 0 at each start of the container; null: nobody counts there. */
  readonly busyNs: number | null;
  readonly usedBytes: number;
}

export interface DeviceSeen {
  readonly id: string;
  readonly model: string;
  readonly memory: MiB;
  /** Share of the time in which anything ran there, by the driver; null: it does not tell. */
  readonly busyShare: number | null;
}

export interface Seen {
  /** Epoch. */
  readonly atMs: number;
  /** CLOCK_MONOTONIC, and which boot it counts from. */
  readonly upNs: number;
  readonly boot: string;
  /** null: the driver does not answer. Devices known before go on, their time is unattributed. */
  readonly devices: readonly DeviceSeen[] | null;
  /** One of several drivers does not answer: a device that is not told may be its. */
  readonly isPartial: boolean;
  readonly slices: readonly SliceSeen[];
}

export interface SliceTime extends SliceOwner {
  readonly grantedGpuSeconds: number;
  readonly usedGpuSeconds: number;
  readonly grantedGiBSeconds: number;
  readonly usedGiBSeconds: number;
}

export interface DeviceTime {
  readonly deviceId: string;
  readonly model: string;
  readonly memoryMiB: MiB;
  readonly physicalSeconds: number;
  readonly usedSeconds: number;
  readonly unattributedSeconds: number;
  readonly idleSeconds: number;
}

/** A stretch of time, BUCKET_MS long where it is closed. */
export interface UsageBucket {
  readonly fromMs: number;
  readonly slices: readonly SliceTime[];
  readonly devices: readonly DeviceTime[];
}

/** What the next tick begins from. */
export interface Cursor {
  readonly boot: string;
  readonly upNs: number;
  /** Busy counters as last seen, by SliceSeen.key. */
  readonly busyNs: Readonly<Record<string, number>>;
}

export interface UsageLedger {
  readonly bucket: UsageBucket;
  /** null: nothing was seen yet. */
  readonly cursor: Cursor | null;
}

export const BUCKET_MS = 900_000;
/** Longer than this nobody looked: what the driver says is of now, not of then. */
const LOOKED_SECONDS = 10;
const GIB = 1024 * BYTES_PER_MIB;

export const emptyUsage = (atMs: number): UsageLedger => ({
  bucket: { fromMs: bucketOf(atMs), slices: [], devices: [] },
  cursor: null,
});

export const bucketOf = (atMs: number): number => Math.floor(atMs / BUCKET_MS) * BUCKET_MS;

/** Begins the stretch that `atMs` lies in; what is under way goes on there. */
export function nextBucket({ cursor, bucket }: UsageLedger, atMs: number): UsageLedger {
  const fromMs = Math.max(bucketOf(atMs), bucket.fromMs);
  // Devices are known on, for a driver that is silent just now.
  const devices = bucket.devices.map(({ deviceId, model, memoryMiB }) => ({
    ...{ deviceId, model, memoryMiB, ...NO_TIME },
  }));
  return { bucket: { fromMs, slices: [], devices }, cursor };
}

export const NO_TIME = { physicalSeconds: 0, usedSeconds: 0, unattributedSeconds: 0, idleSeconds: 0 };

/** The ledger after what was seen. The whole time since the last tick falls into the bucket as it is. */
export function countUsage(ledger: UsageLedger, seen: Seen): UsageLedger {
  const { cursor, bucket } = ledger;
  const passed = passedOf(cursor, seen);
  const used = usedSeconds(cursor, seen.slices, passed);
  const devices = devicesOf(bucket, seen);
  return {
    bucket: {
      fromMs: bucket.fromMs,
      slices: addSlices(bucket.slices, seen, { passed, used, devices }),
      devices: devices.map((device) => addDevice(device, { seen, passed, used })),
    },
    cursor: { boot: seen.boot, upNs: seen.upNs, busyNs: busyOf(seen.slices) },
  };
}

/** Seconds since the last tick; after a reboot nobody knows, and nothing ran. */
function passedOf(cursor: Cursor | null, { boot, upNs }: Seen): number {
  if (cursor === null || cursor.boot !== boot) return 0;
  return Math.max(0, upNs - cursor.upNs) / 1e9;
}

const busyOf = (slices: readonly SliceSeen[]): Record<string, number> =>
  Object.fromEntries(slices.flatMap(({ key, busyNs }) => (busyNs === null ? [] : [[key, busyNs]])));

/** Seconds of its device by slice key; of one device together never more than passed. */
function usedSeconds(
  cursor: Cursor | null,
  slices: readonly SliceSeen[],
  passed: number,
): ReadonlyMap<string, number> {
  const used = new Map<string, number>();
  const sums = new Map<string, number>();
  for (const slice of slices) {
    const seconds = Math.min(passed, grownNs(cursor, slice) / 1e9);
    used.set(slice.key, seconds);
    sums.set(slice.deviceId, (sums.get(slice.deviceId) ?? 0) + seconds);
  }
  for (const { key, deviceId } of slices) {
    const sum = sums.get(deviceId) ?? 0;
    if (sum > passed) used.set(key, ((used.get(key) ?? 0) * passed) / sum);
  }
  return used;
}

/** A counter that fell is of a container that started again: all of it is new. */
function grownNs(cursor: Cursor | null, { key, busyNs }: SliceSeen): number {
  if (cursor === null || busyNs === null) return 0;
  const before = cursor.busyNs[key] ?? 0;
  return busyNs < before ? busyNs : busyNs - before;
}

/** Those of now, and those of before: one that is silent or left has time too, until the bucket ends. */
function devicesOf(bucket: UsageBucket, { devices }: Seen): readonly DeviceTime[] {
  const known = new Map(bucket.devices.map((device) => [device.deviceId, device]));
  for (const { id, model, memory } of devices ?? [])
    if (!known.has(id)) known.set(id, { deviceId: id, model, memoryMiB: memory, ...NO_TIME });
  return [...known.values()];
}

interface Division {
  readonly seen: Seen;
  readonly passed: number;
  readonly used: ReadonlyMap<string, number>;
}

function addDevice(device: DeviceTime, { seen, passed, used }: Division): DeviceTime {
  const now = seen.devices?.find(({ id }) => id === device.deviceId);
  // Left while the driver answers: there is no such time any more.
  if (now === undefined && seen.devices !== null && !seen.isPartial) return device;
  const own = seen.slices.filter(({ deviceId }) => deviceId === device.deviceId);
  const taken = own.reduce((sum, { key }) => sum + (used.get(key) ?? 0), 0);
  const rest = Math.max(0, passed - taken);
  const isKnown = now !== undefined && passed <= LOOKED_SECONDS;
  const busy = isKnown ? (now.busyShare ?? 0) * passed : passed;
  const unattributed = Math.min(rest, Math.max(0, busy - taken));
  return {
    ...device,
    physicalSeconds: device.physicalSeconds + passed,
    usedSeconds: device.usedSeconds + passed - rest,
    unattributedSeconds: device.unattributedSeconds + unattributed,
    idleSeconds: device.idleSeconds + rest - unattributed,
  };
}

interface Additions {
  readonly passed: number;
  readonly used: ReadonlyMap<string, number>;
  readonly devices: readonly DeviceTime[];
}

function addSlices(before: readonly SliceTime[], { slices }: Seen, add: Additions): readonly SliceTime[] {
  const rows = new Map(before.map((row) => [ownerKey(row), row]));
  const memories = new Map(add.devices.map(({ deviceId, memoryMiB }) => [deviceId, memoryMiB]));
  for (const slice of slices) {
    const row = rows.get(ownerKey(slice)) ?? noTime(slice);
    const share = grantedShare(slice, memories.get(slice.deviceId));
    rows.set(ownerKey(slice), {
      ...row,
      grantedGpuSeconds: row.grantedGpuSeconds + share * add.passed,
      usedGpuSeconds: row.usedGpuSeconds + (add.used.get(slice.key) ?? 0),
      grantedGiBSeconds: row.grantedGiBSeconds + (slice.memory / 1024) * add.passed,
      usedGiBSeconds: row.usedGiBSeconds + (slice.usedBytes / GIB) * add.passed,
    });
  }
  return [...rows.values()];
}

/** Of the device's compute; where no share of it was asked for, the share of its memory stands in. */
function grantedShare({ cores, memory }: SliceSeen, deviceMemory: MiB | undefined): number {
  if (cores > 0) return cores / WHOLE_DEVICE;
  return deviceMemory === undefined || deviceMemory === 0 ? 0 : Math.min(1, memory / deviceMemory);
}

const ownerKey = ({ uid, container, deviceId }: SliceOwner): string => `${uid}/${container}/${deviceId}`;

function noTime({ namespace, pod, uid, container, workload, deviceId }: SliceSeen): SliceTime {
  return {
    ...{ namespace, pod, uid, container, workload, deviceId },
    ...{ grantedGpuSeconds: 0, usedGpuSeconds: 0, grantedGiBSeconds: 0, usedGiBSeconds: 0 },
  };
}
