// SPDX-License-Identifier: Apache-2.0
// What the addon, the child that loads it and the parent that asks it agree on.
import { type ProbedDevice, ProbeFault } from '../probes/contract.js';

export interface NvmlProcess {
  /** As the node's own pid namespace numbers it. */
  readonly pid: number;
  readonly usedBytes: number;
}

export interface NvmlDevice extends ProbedDevice {
  readonly processes: readonly NvmlProcess[];
}

/** How one device hangs together with the others, as it tells itself; see links.ts for what that means. */
export interface NvmlDeviceLinks {
  /** Empty where the device cannot be named. */
  readonly uuid: string;
  readonly pciBusId: string;
  /** NVLinks that are up, by where they lead: a PCI bus id, null for a switch. */
  readonly nvlinks: readonly { readonly to: string | null; readonly count: number }[];
  /** NVML's level of the common ancestor with the device of each index; null where it is not told. */
  readonly ancestors: readonly (number | null)[];
}

/** Something a device tells of itself, at once. */
export interface NvmlEvent {
  /** ecc: a double-bit error. lost: some device fell off the bus; which one a look at the devices shows. */
  readonly kind: 'xid' | 'ecc' | 'lost';
  /** Empty where nobody knows of whom it is. */
  readonly uuid: string;
  /** The Xid's number; 0 for the others. */
  readonly code: number;
  /** The MIG instance it is about; null for the whole device. */
  readonly gpuInstance: number | null;
}

/** The addon's exports (native/nvml-addon). Rejections carry NVML's name of the error as `code`. */
export interface NvmlAddon {
  open(library: string): Promise<void>;
  devices(): Promise<NvmlDevice[]>;
  /** At each device's index. Hundreds of questions to the driver: not to be asked often. */
  links(): Promise<NvmlDeviceLinks[]>;
  processes(uuid: string): Promise<NvmlProcess[]>;
  driverVersion(): Promise<string>;
  /** Watches, from now on, the devices that answer now. */
  watch(): Promise<void>;
  /** Null when nothing was told for so long. Rejects with NVML_ERROR_GPU_IS_LOST when watching must begin anew. */
  nextEvent(waitMs: number): Promise<NvmlEvent | null>;
  close(): Promise<void>;
}

export type NvmlVerb = 'devices' | 'links' | 'processes' | 'driverVersion' | 'watch';

/** NVML_ERROR_*, or NVML_TIMEOUT, NVML_CHILD_GONE, NVML_BACKOFF, NVML_RENEWED, NVML_CLOSED, NVML_ADDON_MISSING. */
export class NvmlFault extends ProbeFault {
  override readonly name = 'NvmlFault';
}
