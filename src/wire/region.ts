// SPDX-License-Identifier: Apache-2.0
// LETTER region: the file in which the processes of one container count what they use. Truth of the bytes:
// native/include/region.h. The node's agent makes it (emptyRegion), the tenant may write anything into it:
// a reader takes it with pread, never maps it, and believes nothing that does not add up.
import { err, ok, type Result } from '../core/result.js';
import { readCount, viewOf } from './bytes.js';
import {
  NO_COMPUTE,
  readCompute,
  readTelemetry,
  type RegionCompute,
  type RegionTelemetry,
} from './region-compute.js';
import { REGION, REGION_AT, REGION_CLASSES, REGION_DEVICE_AT, REGION_SLOT_AT } from './region-layout.js';

export * from './region-layout.js';
export { NO_COMPUTE, type RegionCompute, type RegionTelemetry };

/** Usage of one device, at the index the device has on the container's limits page. */
export interface RegionDevice {
  readonly usedBytes: number;
  /** Grows by one with every change of usedBytes, modulo 2^16. */
  readonly changes: number;
  readonly peakBytes: number;
  /** Requests that were answered with out-of-memory because of the limit. */
  readonly refusals: number;
  readonly refusedBytes: number;
  /** Bytes per class (order of REGION_CLASSES) of all processes listed. */
  readonly classBytes: readonly number[];
  readonly compute: RegionCompute;
}

export interface RegionProcess {
  /** In the container's own pid namespace. */
  readonly pid: number;
  readonly startTicks: number;
  readonly generation: number;
  /** Charges between the device's word and the bytes below. */
  readonly inflight: number;
  /** Per device index, per class (order of REGION_CLASSES). */
  readonly bytes: readonly (readonly number[])[];
  /** Per device index, all classes together. */
  readonly usedBytes: readonly number[];
}

export interface Region {
  readonly devices: readonly RegionDevice[];
  readonly processes: readonly RegionProcess[];
  /** Processes that ever charged memory here. */
  readonly attached: number;
  readonly telemetry: RegionTelemetry;
}

/** Low 48 bits of a device's word are bytes; the rest counts changes. */
const USED_MASK = 0x0000_ffff_ffff_ffffn;
/** More bytes than any device has: who writes this wants to be seen. */
const LARGEST_BYTES = Number(USED_MASK);

/** A fresh file: header, nothing used. Written once, mode 0666, before the container starts. */
export function emptyRegion(): Uint8Array {
  const bytes = new Uint8Array(REGION.bytes);
  const view = viewOf(bytes);
  view.setUint32(REGION_AT.magic, REGION.magic, true);
  view.setUint32(REGION_AT.version, REGION.version, true);
  view.setUint32(REGION_AT.size_bytes, REGION.bytes, true);
  view.setUint32(REGION_AT.slot_count, REGION.slots, true);
  view.setUint32(REGION_AT.device_count, REGION.devicesMax, true);
  view.setUint32(REGION_AT.class_count, REGION.classes, true);
  return bytes;
}

/** Reads a region. The error is one sentence; nothing is thrown whatever the bytes. */
export function decodeRegion(bytes: Uint8Array): Result<Region, string> {
  if (bytes.byteLength !== REGION.bytes)
    return err(`region has ${bytes.byteLength} bytes, not ${REGION.bytes}`);
  const view = viewOf(bytes);
  const problem = headerProblem(view);
  if (problem !== null) return err(problem);
  const attached = readCount(view, REGION_AT.attached);
  const processes = readProcesses(view);
  const devices = readDevices(view, processes ?? []);
  const telemetry = readTelemetry(view);
  if (attached === null || devices === null) return err('region device counters are out of range');
  if (processes === null) return err('region process counters are out of range');
  if (telemetry === null) return err('region telemetry is out of range');
  return ok({ devices, processes, attached, telemetry });
}

/** A device's counters without the processes' part in them. */
export type RegionHead = readonly Omit<RegionDevice, 'classBytes'>[];

/** Of the bytes before the slots, for whoever looks often. The error is one sentence; nothing is thrown. */
export function decodeRegionHead(bytes: Uint8Array): Result<RegionHead, string> {
  if (bytes.byteLength < REGION_AT.slots)
    return err(`region has ${bytes.byteLength} bytes, not ${REGION.bytes}`);
  const view = viewOf(bytes);
  const problem = headerProblem(view);
  if (problem !== null) return err(problem);
  const devices = DEVICES.map((index) => readDevice(view, REGION_AT.devices + index * REGION.deviceBytes));
  return devices.includes(null)
    ? err('region device counters are out of range')
    : ok(devices as unknown as RegionHead);
}

const DEVICES = [...Array(REGION.devicesMax).keys()];

/** What the header must say, field by field. */
const HEADER = [
  ['magic', REGION_AT.magic, REGION.magic],
  ['size', REGION_AT.size_bytes, REGION.bytes],
  ['slot count', REGION_AT.slot_count, REGION.slots],
  ['device count', REGION_AT.device_count, REGION.devicesMax],
  ['class count', REGION_AT.class_count, REGION.classes],
] as const;

function headerProblem(view: DataView): string | null {
  for (const [name, offset, expected] of HEADER) {
    const value = view.getUint32(offset, true);
    if (value !== expected) return `region ${name} is ${value}, not ${expected}`;
  }
  const version = view.getUint32(REGION_AT.version, true);
  if (version >= REGION.oldestVersion && version <= REGION.version) return null;
  return `region version is ${version}, this program reads ${REGION.oldestVersion} to ${REGION.version}`;
}

function readDevices(view: DataView, processes: readonly RegionProcess[]): RegionDevice[] | null {
  const devices: RegionDevice[] = [];
  for (let index = 0; index < REGION.devicesMax; index += 1) {
    const device = readDevice(view, REGION_AT.devices + index * REGION.deviceBytes);
    if (device === null) return null;
    const classBytes = REGION_CLASSES.map((_name, at) =>
      processes.reduce((sum, process) => sum + (process.bytes[index]?.[at] ?? 0), 0),
    );
    devices.push({ ...device, classBytes });
  }
  return devices;
}

function readDevice(view: DataView, at: number): Omit<RegionDevice, 'classBytes'> | null {
  const word = view.getBigUint64(at + REGION_DEVICE_AT.used_word, true);
  const usedBytes = Number(word & USED_MASK);
  const changes = Number(word >> 48n);
  const peakBytes = readCount(view, at + REGION_DEVICE_AT.peak_bytes);
  const refusals = readCount(view, at + REGION_DEVICE_AT.refusals);
  const refusedBytes = readCount(view, at + REGION_DEVICE_AT.refused_bytes);
  const compute = readCompute(view, at);
  if (peakBytes === null || refusals === null || refusedBytes === null || compute === null) return null;
  return { usedBytes, changes, peakBytes, refusals, refusedBytes, compute };
}

function readProcesses(view: DataView): RegionProcess[] | null {
  const processes: RegionProcess[] = [];
  for (let index = 0; index < REGION.slots; index += 1) {
    const at = REGION_AT.slots + index * REGION.slotBytes;
    if (view.getUint32(at + REGION_SLOT_AT.pid, true) === 0) continue;
    const process = readProcess(view, at);
    if (process === null) return null;
    processes.push(process);
  }
  return processes;
}

function readProcess(view: DataView, at: number): RegionProcess | null {
  const startTicks = readCount(view, at + REGION_SLOT_AT.start_ticks);
  const generation = readCount(view, at + REGION_SLOT_AT.generation);
  if (startTicks === null || generation === null) return null;
  const bytes: number[][] = [];
  for (let device = 0; device < REGION.devicesMax; device += 1) {
    const row = readClasses(view, at + REGION_SLOT_AT.used + device * REGION.classes * 8);
    if (row === null) return null;
    bytes.push(row);
  }
  return {
    pid: view.getUint32(at + REGION_SLOT_AT.pid, true),
    startTicks,
    generation,
    inflight: readCount(view, at + REGION_SLOT_AT.inflight) ?? 0,
    bytes,
    usedBytes: bytes.map((row) => row.reduce((sum, each) => sum + each, 0)),
  };
}

function readClasses(view: DataView, at: number): number[] | null {
  const row: number[] = [];
  for (let index = 0; index < REGION.classes; index += 1) {
    const bytes = readCount(view, at + index * 8);
    if (bytes === null || bytes > LARGEST_BYTES) return null;
    row.push(bytes);
  }
  return row;
}
