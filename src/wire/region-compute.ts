// SPDX-License-Identifier: Apache-2.0
// What the region tells of compute and of its own cost. Version 1 has zeros in these places.
import { readCount, readNs } from './bytes.js';
import { REGION, REGION_AT, REGION_DEVICE_AT } from './region-layout.js';

/** Of one device, all processes of the container together. */
export interface RegionCompute {
  /** Device time handed out as tokens. */
  readonly grantedNs: number;
  /** Device time used, as measured. */
  readonly busyNs: number;
  /** Time threads waited for tokens. */
  readonly throttledNs: number;
  /** The bucket; below zero is a debt. */
  readonly tokensNs: number;
  /** Estimated cost of work that has not ended. */
  readonly inflightNs: number;
  /** CLOCK_MONOTONIC of the last wait for tokens; 0: nobody ever waited. */
  readonly demandNs: number;
  readonly launches: number;
}

/** Buckets as REGION.hookBaseNs and REGION.throttleBaseNs say. */
export interface RegionTelemetry {
  readonly allocHistogram: readonly number[];
  readonly launchHistogram: readonly number[];
  readonly throttleHistogram: readonly number[];
  /** Names a program asked for that we do not know. */
  readonly unknownSymbols: number;
  /** What the driver holds beyond every class, as last seen. */
  readonly driverBytesUnknown: number;
}

export const NO_COMPUTE: RegionCompute = {
  grantedNs: 0,
  busyNs: 0,
  throttledNs: 0,
  tokensNs: 0,
  inflightNs: 0,
  demandNs: 0,
  launches: 0,
};

/** null where a figure is none that anybody counted. */
export function readCompute(view: DataView, device: number): RegionCompute | null {
  const compute = {
    grantedNs: readNs(view, device + REGION_DEVICE_AT.granted_ns),
    busyNs: readNs(view, device + REGION_DEVICE_AT.busy_ns),
    throttledNs: readNs(view, device + REGION_DEVICE_AT.throttled_ns),
    tokensNs: Number(view.getBigInt64(device + REGION_DEVICE_AT.tokens_ns, true)),
    inflightNs: readNs(view, device + REGION_DEVICE_AT.inflight_ns),
    demandNs: readNs(view, device + REGION_DEVICE_AT.demand_ns),
    launches: readCount(view, device + REGION_DEVICE_AT.launches),
  };
  return hasNoNull(compute) ? compute : null;
}

export function readTelemetry(view: DataView): RegionTelemetry | null {
  const telemetry = {
    allocHistogram: readHistogram(view, REGION_AT.alloc_histogram),
    launchHistogram: readHistogram(view, REGION_AT.launch_histogram),
    throttleHistogram: readHistogram(view, REGION_AT.throttle_histogram),
    unknownSymbols: readCount(view, REGION_AT.unknown_symbols),
    driverBytesUnknown: readCount(view, REGION_AT.driver_bytes_unknown),
  };
  return hasNoNull(telemetry) ? telemetry : null;
}

function readHistogram(view: DataView, at: number): readonly number[] | null {
  const buckets: number[] = [];
  for (let index = 0; index < REGION.buckets; index += 1) {
    const count = readCount(view, at + index * 8);
    if (count === null) return null;
    buckets.push(count);
  }
  return buckets;
}

type WithoutNull<T> = { [K in keyof T]: Exclude<T[K], null> };

function hasNoNull<T extends object>(fields: T): fields is T & WithoutNull<T> {
  return Object.values(fields).every((value) => value !== null);
}
