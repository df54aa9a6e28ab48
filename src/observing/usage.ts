// SPDX-License-Identifier: Apache-2.0
// What is granted and what is used on one node: slots say who, regions say how much, the probe says of what.
// A region is written by the tenant: its figures stand in the tenant's own row and in nobody else's.
import type { Hold } from '../core/device.js';
import { addHold, holdsOf, NO_HOLD } from '../core/hold.js';
import type { Slice } from '../core/placement.js';
import type { Result } from '../core/result.js';
import { BYTES_PER_MIB, type MiB, type MilliCores } from '../core/units.js';
import type { Region, RegionDevice, RegionTelemetry } from '../wire/region.js';
import type { Drift } from './escape.js';
import { ENFORCEMENT_OFF, type PodName, type SlotRecord } from '../wire/slots.js';

/** What the driver says of one device, now. */
export interface DeviceReading {
  readonly id: string;
  readonly model: string;
  readonly index: number;
  readonly memory: MiB;
  readonly usedBytes: number;
  readonly isHealthy: boolean;
  /** Share of the driver's last sample in which something ran; null where it is not measured. */
  readonly busyPercent: number | null;
  readonly processes: readonly ProcessReading[];
}

/** A process that holds memory of a device, as the driver tells. */
export interface ProcessReading {
  /** As the node's own pid namespace numbers it. */
  readonly pid: number;
  readonly usedBytes: number;
}

/** Whom the monitor asks. */
export interface Source {
  readonly name: 'driver' | 'device-plugin';
  /** Why its last answer is missing or old; empty when all is well. */
  readonly problem: string;
}

export interface NodeReadings {
  readonly node: string;
  readonly sources: readonly Source[];
  /** Empty when the driver did not answer. */
  readonly devices: readonly DeviceReading[];
  readonly slots: readonly SlotRecord[];
  /** What the driver counts beyond the regions; a slice that is not told has none. */
  readonly drifts: readonly Drift[];
  /** Per slot; absent: there is no region file. */
  readonly regions: ReadonlyMap<string, Result<Region, string>>;
}

/** What a region says of one slice. */
export type Used = RegionDevice;

export interface SliceUsage {
  readonly slot: string;
  readonly pod: PodName;
  readonly container: string;
  readonly deviceId: string;
  readonly memory: MiB;
  readonly cores: MilliCores;
  readonly enforcement: string;
  /** How the container ended; empty where it runs, or has not run yet. */
  readonly ended: string;
  /** null: nobody counts there, and `problem` says why. */
  readonly used: Used | null;
  /** Of the whole container, in the row of its first slice. */
  readonly telemetry: RegionTelemetry | null;
  /** What the driver counts for it beyond what its region admits. */
  readonly driftBytes: number;
  readonly problem: string;
}

export interface DeviceUsage extends DeviceReading {
  readonly grantedMemory: MiB;
  readonly grantedCores: MilliCores;
  readonly slices: number;
}

export interface NodeUsage {
  readonly node: string;
  readonly sources: readonly Source[];
  readonly devices: readonly DeviceUsage[];
  readonly slices: readonly SliceUsage[];
}

export function usageOf(readings: NodeReadings): NodeUsage {
  const slices = readings.slots.flatMap((slot) =>
    slot.slices.map((slice, index) => ({ slot, slice, index })).map((part) => sliceUsage(part, readings)),
  );
  const holds = holdsOfSlots(readings.slots);
  return {
    node: readings.node,
    sources: readings.sources,
    devices: readings.devices.map((device) => deviceUsage(device, holds.get(device.id) ?? NO_HOLD)),
    slices,
  };
}

interface Part {
  readonly slot: SlotRecord;
  readonly slice: Slice;
  /** Of the slice on the limits page, and so of its device in the region. */
  readonly index: number;
}

function sliceUsage(part: Part, readings: NodeReadings): SliceUsage {
  const { slot, slice } = part;
  const device = readings.devices.find((reading) => reading.id === slice.deviceId);
  const region = readings.regions.get(slot.slot);
  const used = usedOf(part, region, device);
  return {
    slot: slot.slot,
    pod: slot.pod,
    container: slot.container,
    deviceId: slice.deviceId,
    memory: slice.memory,
    cores: slice.cores,
    enforcement: slot.enforcement,
    ended: slot.ended ?? '',
    used: typeof used === 'string' ? null : used,
    telemetry: region?.ok === true && part.index === 0 ? region.value.telemetry : null,
    driftBytes: driftOf(slot.slot, slice.deviceId, readings.drifts),
    problem: typeof used === 'string' ? used : '',
  };
}

const driftOf = (slot: string, deviceId: string, drifts: readonly Drift[]): number =>
  drifts.find((drift) => drift.slot === slot && drift.deviceId === deviceId)?.bytes ?? 0;

/** The figures, or why they cannot be had. */
function usedOf(
  part: Part,
  region: Result<Region, string> | undefined,
  device: DeviceReading | undefined,
): Used | string {
  if (part.slot.enforcement === ENFORCEMENT_OFF) return 'its vendor’s slices are accounted and not held';
  if (region === undefined) return 'there is no region';
  if (!region.ok) return region.error;
  const used = region.value.devices[part.index];
  if (used === undefined) return `the region has no device ${part.index}`;
  const most = (device?.memory ?? part.slice.memory) * BYTES_PER_MIB;
  return used.usedBytes > most || used.peakBytes > most ? 'the region claims more than the device has' : used;
}

/** Holds as the ledger counts them: per pod the peak over its life, pods added up. */
function holdsOfSlots(slots: readonly SlotRecord[]): ReadonlyMap<string, Hold> {
  const pods = new Map<string, SlotRecord[]>();
  for (const slot of slots) pods.set(slot.pod.uid, [...(pods.get(slot.pod.uid) ?? []), slot]);
  const sum = new Map<string, Hold>();
  for (const own of pods.values()) {
    const containers = own.map((slot) => ({ name: slot.container, slices: slot.slices }));
    const kinds = own.map((slot) => ({ name: slot.container, kind: slot.kind }));
    const holds = holdsOf({ containers }, kinds, () => undefined);
    for (const [id, hold] of holds) sum.set(id, addHold(sum.get(id) ?? NO_HOLD, hold));
  }
  return sum;
}

function deviceUsage(device: DeviceReading, hold: Hold): DeviceUsage {
  return { ...device, grantedMemory: hold.memory, grantedCores: hold.cores, slices: hold.slices };
}
