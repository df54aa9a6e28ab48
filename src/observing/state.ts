// SPDX-License-Identifier: Apache-2.0
// The monitor's /v1/usage: one node's usage as JSON for `kerf top` and dashboards. Units stand in the names.
//
//   {"v":1,"node":"n1","problems":[],"devices":[{"id":"GPU-…","index":0,"model":"…","healthy":true,"memoryMiB":40960,
//     "usedMiB":4096,"grantedMiB":8192,"grantedCorePercent":50,"slices":2}],
//    "slices":[{"namespace":"a","pod":"p","uid":"…","container":"main","device":"GPU-…","memoryMiB":4096,
//     "corePercent":30,"usedMiB":1024,"peakMiB":4096,"refusals":1,"counted":{"classBytes":{"plain":1073741824},
//       "compute":{"grantedNs":0,…},"telemetry":{"unknownSymbols":0,…}},"enforcement":"enforced","problem":""}]}
import { err, ok, type Result } from '../core/result.js';
import { BYTES_PER_MIB } from '../core/units.js';
import { isRecord, parseJson, shown } from '../wire/json.js';
import { REGION_CLASSES, type RegionCompute, type RegionTelemetry } from '../wire/region.js';
import type { DeviceUsage, NodeUsage, SliceUsage, Used } from './usage.js';

export const STATE_VERSION = 1;

export interface DeviceState {
  readonly id: string;
  readonly index: number;
  readonly model: string;
  readonly healthy: boolean;
  readonly memoryMiB: number;
  readonly usedMiB: number;
  readonly grantedMiB: number;
  readonly grantedCorePercent: number;
  readonly slices: number;
}

export interface SliceState {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
  readonly device: string;
  readonly memoryMiB: number;
  readonly corePercent: number;
  /** null where nobody counts; `problem` says why. */
  readonly usedMiB: number | null;
  readonly peakMiB: number | null;
  readonly refusals: number | null;
  /** Absent where nobody counts, and from older monitors. */
  readonly counted?: CountedState;
  readonly enforcement: string;
  /** How the container ended; absent where it runs, or has not run yet. */
  readonly ended?: string;
  /** What the driver counts for it beyond its own count; absent: nothing. */
  readonly driftMiB?: number;
  readonly problem: string;
}

/** What the container counts besides its memory in all. */
export interface CountedState {
  /** By what it was asked through; what holds nothing is left out. */
  readonly classBytes: Readonly<Record<string, number>>;
  readonly compute: RegionCompute;
  /** On the first slice of a container, for all of them. */
  readonly telemetry?: RegionTelemetry;
}

export interface NodeState {
  readonly v: typeof STATE_VERSION;
  readonly node: string;
  /** What could not be asked, one sentence each. */
  readonly problems: readonly string[];
  readonly devices: readonly DeviceState[];
  readonly slices: readonly SliceState[];
}

export function stateOf(usage: NodeUsage): NodeState {
  return {
    v: STATE_VERSION,
    node: usage.node,
    problems: usage.sources.filter(({ problem }) => problem !== '').map(({ problem }) => problem),
    devices: usage.devices.map(deviceState),
    slices: usage.slices.map(sliceState),
  };
}

/** Reads it back; what we wrote ourselves is believed past version and shape. */
export function readState(text: string): Result<NodeState, string> {
  const letter = parseJson(text);
  if (!isRecord(letter)) return err('usage is not a JSON object');
  if (letter.v !== STATE_VERSION) return err(`usage has version ${shown(letter.v)}, not ${STATE_VERSION}`);
  const isShaped =
    typeof letter.node === 'string' &&
    [letter.problems, letter.devices, letter.slices].every((list) => Array.isArray(list));
  return isShaped ? ok(letter as unknown as NodeState) : err('usage has no node, devices or slices');
}

/** Rounded up: what is used in part is used. */
const inMiB = (bytes: number): number => Math.ceil(bytes / BYTES_PER_MIB);

function deviceState(device: DeviceUsage): DeviceState {
  return {
    id: device.id,
    index: device.index,
    model: device.model,
    healthy: device.isHealthy,
    memoryMiB: device.memory,
    usedMiB: inMiB(device.usedBytes),
    grantedMiB: device.grantedMemory,
    grantedCorePercent: device.grantedCores / 10,
    slices: device.slices,
  };
}

function sliceState(slice: SliceUsage): SliceState {
  return {
    namespace: slice.pod.namespace,
    pod: slice.pod.name,
    uid: slice.pod.uid,
    container: slice.container,
    device: slice.deviceId,
    memoryMiB: slice.memory,
    corePercent: slice.cores / 10,
    usedMiB: slice.used === null ? null : inMiB(slice.used.usedBytes),
    peakMiB: slice.used === null ? null : inMiB(slice.used.peakBytes),
    refusals: slice.used?.refusals ?? null,
    ...(slice.used !== null && { counted: countedState(slice.used, slice.telemetry) }),
    enforcement: slice.enforcement,
    ...(slice.ended !== '' && { ended: slice.ended }),
    ...(slice.driftBytes > 0 && { driftMiB: inMiB(slice.driftBytes) }),
    problem: slice.problem,
  };
}

export function countedState(used: Used, telemetry: RegionTelemetry | null): CountedState {
  const classes = REGION_CLASSES.map((name, at) => [name, used.classBytes[at] ?? 0] as const);
  return {
    classBytes: Object.fromEntries(classes.filter(([, bytes]) => bytes > 0)),
    compute: used.compute,
    ...(telemetry !== null && { telemetry }),
  };
}
