// SPDX-License-Identifier: Apache-2.0
// Slices of one machine without a cluster, for `kerf top --local`: records say who, regions how much, the driver of what.
//
//   {"v":1,"machine":"box","problems":[],"devices":[…as in state.ts],"slices":[{"name":"train-3f2a","device":"GPU-…",
//     "command":"python train.py","memoryMiB":4096,"burstMiB":8192,"nowMiB":6144,"corePercent":30,"isSoft":false,
//     "usedMiB":1024,"peakMiB":4096,"refusals":1,"processes":2,"counted":{…},"problem":""}]}
import { BYTES_PER_MIB, type MiB } from '../core/units.js';
import type { Result } from '../core/result.js';
import type { Region } from '../wire/region.js';
import type { SliceRecord } from '../wire/slice-record.js';
import { type CountedState, countedState, type DeviceState } from './state.js';
import type { DeviceReading } from './usage.js';

export interface LocalSliceState {
  readonly name: string;
  readonly device: string;
  readonly command: string;
  /** Guaranteed. */
  readonly memoryMiB: number;
  readonly burstMiB: number;
  /** Where growth ends at the moment. */
  readonly nowMiB: number;
  readonly corePercent: number;
  readonly isSoft: boolean;
  /** null where the region does not tell; `problem` says why. */
  readonly usedMiB: number | null;
  readonly peakMiB: number | null;
  readonly refusals: number | null;
  readonly processes: number | null;
  readonly counted?: CountedState;
  readonly problem: string;
}

export interface LocalState {
  readonly v: 1;
  readonly machine: string;
  readonly problems: readonly string[];
  readonly devices: readonly DeviceState[];
  readonly slices: readonly LocalSliceState[];
}

export interface LocalReading {
  readonly record: SliceRecord;
  /** null: there is no region. */
  readonly region: Result<Region, string> | null;
  readonly memoryNow: MiB | null;
}

export interface LocalReadings {
  readonly machine: string;
  /** Why the driver does not answer; empty where it does. */
  readonly problem: string;
  readonly devices: readonly DeviceReading[];
  readonly slices: readonly LocalReading[];
}

export function localStateOf({ machine, problem, devices, slices }: LocalReadings): LocalState {
  const records = slices.map(({ record }) => record);
  return {
    v: 1,
    machine,
    problems: problem === '' ? [] : [problem],
    devices: devices.map((device) => deviceState(device, records)),
    slices: slices.map(sliceState).sort((a, b) => a.name.localeCompare(b.name)),
  };
}

const inMiB = (bytes: number): number => Math.ceil(bytes / BYTES_PER_MIB);

function deviceState(device: DeviceReading, records: readonly SliceRecord[]): DeviceState {
  const own = records.filter(({ deviceId }) => deviceId === device.id);
  return {
    id: device.id,
    index: device.index,
    model: device.model,
    healthy: device.isHealthy,
    memoryMiB: device.memory,
    usedMiB: inMiB(device.usedBytes),
    grantedMiB: own.reduce((sum, { guaranteed }) => sum + guaranteed, 0),
    grantedCorePercent: own.reduce((sum, { cores }) => sum + cores, 0) / 10,
    slices: own.length,
  };
}

function sliceState({ record, region, memoryNow }: LocalReading): LocalSliceState {
  const { name, deviceId, command, guaranteed, ceiling, cores, isSoft, deviceMemory } = record;
  const granted = {
    name,
    device: deviceId,
    command: command.join(' '),
    memoryMiB: guaranteed,
    burstMiB: ceiling,
    nowMiB: Math.min(memoryNow ?? ceiling, ceiling),
    corePercent: cores / 10,
    isSoft,
  };
  const unknown = { usedMiB: null, peakMiB: null, refusals: null, processes: null };
  if (region === null) return { ...granted, ...unknown, problem: 'there is no region' };
  if (!region.ok) return { ...granted, ...unknown, problem: region.error };
  const [used] = region.value.devices;
  if (used === undefined || Math.max(used.usedBytes, used.peakBytes) > deviceMemory * BYTES_PER_MIB)
    return { ...granted, ...unknown, problem: 'the region claims more than the device has' };
  return {
    ...granted,
    usedMiB: inMiB(used.usedBytes),
    peakMiB: inMiB(used.peakBytes),
    refusals: used.refusals,
    processes: region.value.processes.length,
    counted: countedState(used, region.value.telemetry),
    problem: '',
  };
}
