// SPDX-License-Identifier: Apache-2.0
// What the addon, the child that loads it and the parent that asks it agree on.

export interface NvmlProcess {
  /** As the node's own pid namespace numbers it. */
  readonly pid: number;
  readonly usedBytes: number;
}

export interface NvmlDevice {
  readonly index: number;
  /** Empty where the device cannot even be named (it fell off the bus). */
  readonly uuid: string;
  readonly minor: number;
  readonly name: string;
  readonly pciBusId: string;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
  /** Null where the platform does not tell. */
  readonly numaNode: number | null;
  /** Share of the last sample in which a kernel ran; null where it is not measured. */
  readonly utilizationPercent: number | null;
  /** NVML's name of the first thing that failed on this device; null when all was read. */
  readonly error: string | null;
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

/** The addon's exports (native/nvml-addon). Rejections carry NVML's name of the error as `code`. */
export interface NvmlAddon {
  open(library: string): Promise<void>;
  devices(): Promise<NvmlDevice[]>;
  /** At each device's index. Hundreds of questions to the driver: not to be asked often. */
  links(): Promise<NvmlDeviceLinks[]>;
  processes(uuid: string): Promise<NvmlProcess[]>;
  driverVersion(): Promise<string>;
  close(): Promise<void>;
}

export type NvmlVerb = 'devices' | 'links' | 'processes' | 'driverVersion';

export interface NvmlRequest {
  readonly id: number;
  readonly verb: NvmlVerb;
  readonly argument: string;
}

export type NvmlResponse =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly code: string; readonly message: string };

/** The world is broken: NVML's own error name, or one of ours. */
export class NvmlFault extends Error {
  override readonly name = 'NvmlFault';

  constructor(
    /** NVML_ERROR_*, or NVML_TIMEOUT, NVML_CHILD_GONE, NVML_BACKOFF, NVML_CLOSED, NVML_ADDON_MISSING. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
