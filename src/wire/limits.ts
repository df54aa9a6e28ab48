// SPDX-License-Identifier: Apache-2.0
// LETTER limits: the page a container is told its limits by. Truth of the bytes: native/include/region.h.
// The node's agent writes it; the container sees it read-only. Devices keep their index in the region.
import { BYTES_PER_MIB, type MiB, type MilliCores, mib, milliCores } from '../core/units.js';
import { err, ok, type Result } from '../core/result.js';
import { readCount, readText, viewOf, writeCount, writeText } from './bytes.js';

export interface DeviceLimit {
  readonly uuid: string;
  /** 0 lets nothing be allocated. */
  readonly memory: MiB;
  /** 0 is no compute limit, 1000 the whole device. */
  readonly cores: MilliCores;
}

export interface LimitsPage {
  /** Grows with every change of a page in place. */
  readonly epoch: number;
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
  version: 1,
  bytes: 4096,
  deviceBytes: 96,
  devicesMax: 16,
  uuidBytes: 48,
  nameBytes: 64,
  podNameBytes: 256,
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
  devices: 512,
} as const;

export const LIMITS_DEVICE_AT = { uuid: 0, memory_limit_bytes: 48, core_permille: 56, flags: 60 } as const;

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
  for (const key of Object.keys(TEXTS) as (keyof typeof TEXTS)[]) writeText(view, TEXTS[key], page[key]);
  for (const [index, device] of page.devices.entries()) encodeDevice(view, index, device);
  return bytes;
}

function encodeDevice(view: DataView, index: number, device: DeviceLimit): void {
  const at = LIMITS_AT.devices + index * LIMITS.deviceBytes;
  if (device.uuid === '') throw new Error('bug: a device without a UUID');
  writeText(view, { offset: at + LIMITS_DEVICE_AT.uuid, size: LIMITS.uuidBytes }, device.uuid);
  writeCount(view, at + LIMITS_DEVICE_AT.memory_limit_bytes, device.memory * BYTES_PER_MIB);
  view.setUint32(at + LIMITS_DEVICE_AT.core_permille, device.cores, true);
}

/** Reads a page back. The error is one sentence; nothing is thrown whatever the bytes. */
export function decodeLimits(bytes: Uint8Array): Result<LimitsPage, string> {
  if (bytes.byteLength !== LIMITS.bytes)
    return err(`limits page has ${bytes.byteLength} bytes, not ${LIMITS.bytes}`);
  const view = viewOf(bytes);
  const problem = headerProblem(view);
  if (problem !== null) return err(problem);
  const epoch = readCount(view, LIMITS_AT.epoch);
  const texts = readTexts(view);
  const devices = readDevices(view, view.getUint32(LIMITS_AT.device_count, true));
  if (epoch === null) return err('limits epoch does not fit a number');
  if (texts === null) return err('limits texts are not NUL-ended printable ASCII');
  if (devices === null) return err('limits devices hold a UUID or a size nobody could have written');
  return ok({ epoch, ...texts, devices });
}

function headerProblem(view: DataView): string | null {
  const magic = view.getUint32(LIMITS_AT.magic, true);
  if (magic !== LIMITS.magic)
    return `limits magic is 0x${magic.toString(16)}, not 0x${LIMITS.magic.toString(16)}`;
  const version = view.getUint32(LIMITS_AT.version, true);
  if (version !== LIMITS.version) return `limits version is ${version}, this program reads ${LIMITS.version}`;
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
    const at = LIMITS_AT.devices + index * LIMITS.deviceBytes;
    const uuid = readText(view, at + LIMITS_DEVICE_AT.uuid, LIMITS.uuidBytes);
    const bytes = readCount(view, at + LIMITS_DEVICE_AT.memory_limit_bytes);
    if (uuid === null || uuid === '' || bytes === null) return null;
    const cores = milliCores(view.getUint32(at + LIMITS_DEVICE_AT.core_permille, true));
    devices.push({ uuid, memory: mib(Math.floor(bytes / BYTES_PER_MIB)), cores });
  }
  return devices;
}
