// SPDX-License-Identifier: Apache-2.0
// LETTER limits: the page a container is told its limits by. Truth of the bytes: native/include/region.h.
// The node's agent writes it; the container sees it read-only. Devices keep their index in the region.
// A page changes under running processes (limits-change.ts): its version stays what its readers were started with.
import { BYTES_PER_MIB, type MiB, type MilliCores, mib, milliCores } from '../core/units.js';
import { err, ok, type Result } from '../core/result.js';
import { readCount, readNs, readText, viewOf, writeCount, writeNs, writeText } from './bytes.js';

export interface DeviceLimit {
  readonly uuid: string;
  /** The ceiling. 0 lets nothing be allocated. */
  readonly memory: MiB;
  /** Guaranteed; 0 is no compute limit, 1000 the whole device. */
  readonly cores: MilliCores;
  /** Of `memory`; absent: all of it. */
  readonly guaranteed?: MiB;
  /** Where growth ends right now, at most `memory`; absent: at `memory`. */
  readonly memoryNow?: MiB;
  /** What the node's arbiter grants now, while it beats; absent: `cores`. */
  readonly rate?: MilliCores;
  /** Absent is 1. */
  readonly weight?: number;
  /** May borrow time that nobody else uses. */
  readonly isSoft?: true;
  /** Is served before the others. */
  readonly isHigh?: true;
}

export interface LimitsPage {
  /** Grows with every change of a page in place. */
  readonly epoch: number;
  /** CLOCK_MONOTONIC of the arbiter's last look; absent: there is none. */
  readonly arbiterBeatNs?: number;
  readonly podUid: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** At most LIMITS.devicesMax. */
  readonly devices: readonly DeviceLimit[];
}

/** Constants and offsets in bytes; test/wire holds them to the header. */
export const LIMITS = {
  magic: 0x4c46524b,
  version: 2,
  oldestVersion: 1,
  bytes: 4096,
  deviceBytes: 96,
  devicesMax: 16,
  uuidBytes: 48,
  nameBytes: 64,
  podNameBytes: 256,
  coresSoft: 1,
  priorityHigh: 2,
  beatFreshNs: 3_000_000_000,
} as const;

export const LIMITS_AT = {
  magic: 0,
  version: 4,
  size_bytes: 8,
  device_count: 12,
  epoch: 16,
  flags: 24,
  pod_uid: 32,
  container: 96,
  pod_namespace: 160,
  pod_name: 224,
  arbiter_beat_ns: 480,
  devices: 512,
} as const;

export const LIMITS_DEVICE_AT = {
  uuid: 0,
  memory_limit_bytes: 48,
  core_permille: 56,
  flags: 60,
  memory_guaranteed_bytes: 64,
  rate_permille: 72,
  weight: 76,
  memory_now_bytes: 80,
} as const;

/** Name, offset and size of the page's texts. */
const TEXTS = {
  podUid: { offset: LIMITS_AT.pod_uid, size: LIMITS.nameBytes },
  container: { offset: LIMITS_AT.container, size: LIMITS.nameBytes },
  namespace: { offset: LIMITS_AT.pod_namespace, size: LIMITS.nameBytes },
  pod: { offset: LIMITS_AT.pod_name, size: LIMITS.podNameBytes },
} as const;

/** One page of LIMITS.bytes. A page that cannot be written (too many devices, a text too long) is a bug. */
export function encodeLimits(page: LimitsPage): Uint8Array {
  if (page.devices.length > LIMITS.devicesMax)
    throw new Error(`bug: ${page.devices.length} devices on a page for ${LIMITS.devicesMax}`);
  const bytes = new Uint8Array(LIMITS.bytes);
  const view = viewOf(bytes);
  view.setUint32(LIMITS_AT.magic, LIMITS.magic, true);
  view.setUint32(LIMITS_AT.version, LIMITS.version, true);
  view.setUint32(LIMITS_AT.size_bytes, LIMITS.bytes, true);
  view.setUint32(LIMITS_AT.device_count, page.devices.length, true);
  writeCount(view, LIMITS_AT.epoch, page.epoch);
  writeNs(view, LIMITS_AT.arbiter_beat_ns, page.arbiterBeatNs ?? 0);
  for (const key of Object.keys(TEXTS) as (keyof typeof TEXTS)[]) writeText(view, TEXTS[key], page[key]);
  for (const [index, device] of page.devices.entries()) encodeDevice(view, index, device);
  return bytes;
}

function encodeDevice(view: DataView, index: number, device: DeviceLimit): void {
  const at = LIMITS_AT.devices + index * LIMITS.deviceBytes;
  if (device.uuid === '') throw new Error('bug: a device without a UUID');
  writeText(view, { offset: at + LIMITS_DEVICE_AT.uuid, size: LIMITS.uuidBytes }, device.uuid);
  const flags = (device.isSoft ? LIMITS.coresSoft : 0) | (device.isHigh ? LIMITS.priorityHigh : 0);
  writeCount(view, at + LIMITS_DEVICE_AT.memory_limit_bytes, device.memory * BYTES_PER_MIB);
  view.setUint32(at + LIMITS_DEVICE_AT.core_permille, device.cores, true);
  view.setUint32(at + LIMITS_DEVICE_AT.flags, flags, true);
  writeCount(view, at + LIMITS_DEVICE_AT.memory_guaranteed_bytes, (device.guaranteed ?? 0) * BYTES_PER_MIB);
  view.setUint32(at + LIMITS_DEVICE_AT.rate_permille, device.rate ?? 0, true);
  view.setUint32(at + LIMITS_DEVICE_AT.weight, device.weight ?? 0, true);
  writeCount(view, at + LIMITS_DEVICE_AT.memory_now_bytes, (device.memoryNow ?? 0) * BYTES_PER_MIB);
}

/** Reads a page back. The error is one sentence; nothing is thrown whatever the bytes. */
export function decodeLimits(bytes: Uint8Array): Result<LimitsPage, string> {
  if (bytes.byteLength !== LIMITS.bytes)
    return err(`limits page has ${bytes.byteLength} bytes, not ${LIMITS.bytes}`);
  const view = viewOf(bytes);
  const problem = headerProblem(view);
  if (problem !== null) return err(problem);
  const epoch = readCount(view, LIMITS_AT.epoch);
  const beat = readNs(view, LIMITS_AT.arbiter_beat_ns);
  const texts = readTexts(view);
  const devices = readDevices(view, view.getUint32(LIMITS_AT.device_count, true));
  if (epoch === null || beat === null) return err('limits epoch or beat does not fit a number');
  if (texts === null) return err('limits texts are not NUL-ended printable ASCII');
  if (devices === null) return err('limits devices hold a UUID or a size nobody could have written');
  return ok({ epoch, ...(beat === 0 ? {} : { arbiterBeatNs: beat }), ...texts, devices });
}

function headerProblem(view: DataView): string | null {
  const magic = view.getUint32(LIMITS_AT.magic, true);
  if (magic !== LIMITS.magic)
    return `limits magic is 0x${magic.toString(16)}, not 0x${LIMITS.magic.toString(16)}`;
  const version = view.getUint32(LIMITS_AT.version, true);
  if (version < LIMITS.oldestVersion || version > LIMITS.version)
    return `limits version is ${version}, this program reads ${LIMITS.oldestVersion} to ${LIMITS.version}`;
  const size = view.getUint32(LIMITS_AT.size_bytes, true);
  if (size !== LIMITS.bytes) return `limits size is ${size}, not ${LIMITS.bytes}`;
  const count = view.getUint32(LIMITS_AT.device_count, true);
  return count > LIMITS.devicesMax
    ? `limits device count is ${count}, at most ${LIMITS.devicesMax} fit`
    : null;
}

function readTexts(view: DataView): Record<keyof typeof TEXTS, string> | null {
  const texts = { podUid: '', container: '', namespace: '', pod: '' };
  for (const key of Object.keys(TEXTS) as (keyof typeof TEXTS)[]) {
    const text = readText(view, TEXTS[key].offset, TEXTS[key].size);
    if (text === null) return null;
    texts[key] = text;
  }
  return texts;
}

function readDevices(view: DataView, count: number): DeviceLimit[] | null {
  const devices: DeviceLimit[] = [];
  for (let index = 0; index < count; index += 1) {
    const device = readDevice(view, LIMITS_AT.devices + index * LIMITS.deviceBytes);
    if (device === null) return null;
    devices.push(device);
  }
  return devices;
}

function readDevice(view: DataView, at: number): DeviceLimit | null {
  const uuid = readText(view, at + LIMITS_DEVICE_AT.uuid, LIMITS.uuidBytes);
  const memory = readMib(view, at + LIMITS_DEVICE_AT.memory_limit_bytes);
  const guaranteed = readMib(view, at + LIMITS_DEVICE_AT.memory_guaranteed_bytes);
  const memoryNow = readMib(view, at + LIMITS_DEVICE_AT.memory_now_bytes);
  if (uuid === null || uuid === '') return null;
  if (memory === null || guaranteed === null || memoryNow === null) return null;
  const cores = milliCores(view.getUint32(at + LIMITS_DEVICE_AT.core_permille, true));
  const burst = { ...(guaranteed > 0 && { guaranteed }), ...(memoryNow > 0 && { memoryNow }) };
  return { uuid, memory, cores, ...burst, ...readPolicy(view, at) };
}

function readPolicy(view: DataView, at: number): Pick<DeviceLimit, 'rate' | 'weight' | 'isSoft' | 'isHigh'> {
  const rate = milliCores(view.getUint32(at + LIMITS_DEVICE_AT.rate_permille, true));
  const weight = view.getUint32(at + LIMITS_DEVICE_AT.weight, true);
  const flags = view.getUint32(at + LIMITS_DEVICE_AT.flags, true);
  return {
    ...(rate > 0 && { rate }),
    ...(weight > 0 && { weight }),
    ...((flags & LIMITS.coresSoft) !== 0 && { isSoft: true as const }),
    ...((flags & LIMITS.priorityHigh) !== 0 && { isHigh: true as const }),
  };
}

function readMib(view: DataView, at: number): MiB | null {
  const bytes = readCount(view, at);
  return bytes === null ? null : mib(Math.floor(bytes / BYTES_PER_MIB));
}
