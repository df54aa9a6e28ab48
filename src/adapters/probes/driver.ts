// SPDX-License-Identifier: Apache-2.0
// All drivers of a node as one, for the monitor.
import { BYTES_PER_MIB, mib } from '../../core/units.js';
import type { DeviceReading, ProcessReading } from '../../observing/usage.js';
import { VENDORS } from '../../vendors/index.js';
import type { DeviceProbe, ProbedDevice } from './contract.js';
import { type DriverLibraries, openProbe } from './open.js';

export interface Driver {
  /** Devices of all drivers that answer. Throws a ProbeFault where none does. */
  read(): Promise<readonly DeviceReading[]>;
  /** Why the last reading lacks a driver's devices; empty where all answered. */
  readonly problem: string;
  close(): Promise<void>;
}

/** Those whose slices a library of ours holds. */
const HELD = VENDORS.filter(({ enforcement }) => enforcement === 'library').map(({ name }) => name);

/** `vendors` must have probes. A node need not have every vendor's driver: one that is not there is no problem. */
export function openDrivers(vendors: readonly string[] = HELD, libraries: DriverLibraries = {}): Driver {
  return new Drivers(vendors.map((vendor) => openProbe(vendor, libraries)));
}

class Drivers implements Driver {
  problem = '';

  constructor(private readonly probes: readonly DeviceProbe[]) {}

  async read(): Promise<readonly DeviceReading[]> {
    const told = await Promise.allSettled(this.probes.map((probe) => probe.devices()));
    const faults = told.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    if (faults.length === told.length) throw faults.find((fault) => !isAbsent(fault)) ?? faults[0];
    const [first] = faults.filter((fault) => !isAbsent(fault));
    this.problem =
      first === undefined ? '' : `driver: ${first instanceof Error ? first.message : String(first)}`;
    const devices = told.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    return devices.filter(({ uuid }) => uuid !== '').map(readingOf);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.probes.map((probe) => probe.close()));
  }
}

const isAbsent = (fault: unknown): boolean =>
  /_(LIBRARY_NOT_FOUND|DRIVER_NOT_LOADED)$/.test((fault as { code?: string }).code ?? '');

/** Capacity is rounded down, as in the inventory. */
export function readingOf(
  told: ProbedDevice & { readonly processes?: readonly ProcessReading[] },
): DeviceReading {
  return {
    id: told.uuid,
    model: told.name,
    index: told.index,
    memory: mib(Math.floor(told.memoryTotalBytes / BYTES_PER_MIB)),
    usedBytes: told.memoryUsedBytes,
    isHealthy: told.error === null,
    busyPercent: told.utilizationPercent,
    processes: told.processes ?? [],
  };
}
