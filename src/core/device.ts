// SPDX-License-Identifier: Apache-2.0
import type { MiB, MilliCores } from './units.js';

/** One size a device may be cut to. */
export interface Cut {
  /** As the vendor calls it; empty for the device whole. */
  readonly name: string;
  readonly memory: MiB;
  readonly cores: MilliCores;
}

/**
 * sizes: these alone, the smallest first; none at all: the device gives nothing.
 * units: memory anywhere, compute in whole units of which the device has `units`, 1..1000.
 */
export type Cuts =
  | { readonly kind: 'sizes'; readonly sizes: readonly Cut[] }
  | { readonly kind: 'units'; readonly units: number };

/** One physical accelerator as its node announces it (letter: wire/inventory). */
export interface Device {
  /** The device's UUID as its driver tells it. */
  readonly id: string;
  /** Name of the vendor's row in src/vendors. */
  readonly vendor: string;
  /** Place on the node, 0-based, as the driver numbers it. */
  readonly index: number;
  readonly model: string;
  /** How the driver runs it where that changes how it may be cut (`mig`); absent: the everyday way. */
  readonly mode?: string;
  readonly memory: MiB;
  /** Compute that may be given out; 1000 is one whole device. */
  readonly cores: MilliCores;
  /** How many slices one device may carry at once. */
  readonly splits: number;
  /** NUMA node, or null where the platform does not tell. */
  readonly numa: number | null;
  readonly isHealthy: boolean;
  /** Why it is not healthy, for people; empty when healthy. */
  readonly reason: string;
  /** Where it may be cut; absent: anywhere. Not in the letter: the vendor's row tells it by model and mode. */
  readonly cuts?: Cuts;
  /** What is there, where `memory` and `cores` say that more may be given out than there is. */
  readonly physical?: Capacity;
}

/** What may be given out of a device. */
export interface Capacity {
  readonly memory: MiB;
  readonly cores: MilliCores;
  readonly splits: number;
}

/** What one slice may have at most: the device as it is, whatever may be given out of it in all. */
export const physicalMemory = ({ physical, memory }: Device): MiB => physical?.memory ?? memory;
export const physicalCores = ({ physical, cores }: Device): MilliCores => physical?.cores ?? cores;

/** What all holders of one device hold together. */
export interface Hold {
  readonly memory: MiB;
  readonly cores: MilliCores;
  /** Slices sitting on the device. */
  readonly slices: number;
  /** True when one of them owns the whole device, or will have no neighbour. */
  readonly isExclusive: boolean;
  /** What slices of high priority hold of it. */
  readonly highMemory: MiB;
  readonly highCores: MilliCores;
  readonly highSlices: number;
}
