// SPDX-License-Identifier: Apache-2.0
// The driver's answer as the monitor wants it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BYTES_PER_MIB, mib } from '../../core/units.js';
import type { DeviceReading } from '../../observing/usage.js';
import type { NvmlDevice } from './contract.js';
import { nvmlProbe } from './probe.js';

export interface Driver {
  /** Throws an NvmlFault where the driver cannot be asked. */
  read(): Promise<readonly DeviceReading[]>;
  close(): Promise<void>;
}

const BUILT = 'native/build/nvml-addon/Release/nvml.node';

/** Beside the bundle in an image; in a checkout seen from dist/, then from here. */
const ADDONS = ['./nvml.node', `../${BUILT}`, `../../../${BUILT}`];

function addonPath(): string {
  const paths = ADDONS.map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? (paths[0] as string);
}

/** `library` is opened instead of the system's. */
export function openDriver(library?: string): Driver {
  const probe = nvmlProbe({ addonPath: addonPath(), ...(library === undefined ? {} : { library }) });
  return {
    read: async () => (await probe.devices()).filter(({ uuid }) => uuid !== '').map(readingOf),
    close: () => probe.close(),
  };
}

/** Capacity is rounded down, as in the inventory. */
export function readingOf(told: NvmlDevice): DeviceReading {
  return {
    id: told.uuid,
    model: told.name,
    index: told.index,
    memory: mib(Math.floor(told.memoryTotalBytes / BYTES_PER_MIB)),
    usedBytes: told.memoryUsedBytes,
    isHealthy: told.error === null,
    processes: told.processes,
  };
}
