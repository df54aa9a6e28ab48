// SPDX-License-Identifier: Apache-2.0
import type { Capacity } from './device.js';
import type { MiB, MilliCores } from './units.js';

/** Part of one device given to one container. */
export interface Slice {
  readonly deviceId: string;
  readonly memory: MiB;
  readonly cores: MilliCores;
  /** Of high priority among those that share the device. */
  readonly isHigh: boolean;
  /** Nobody else may share its device, however small it is. */
  readonly isAlone: boolean;
  /** What all slices of the device could have together when it was given, where that is not what is there. */
  readonly of?: Capacity;
  /** May borrow compute that nobody else uses. */
  readonly isSoft?: true;
  /** 1..100: against others who borrow; absent is 1. */
  readonly weight?: number;
  /** How far its memory may grow while others leave it; absent: no further than `memory`. */
  readonly ceiling?: MiB;
}

export interface ContainerPlacement {
  readonly name: string;
  readonly slices: readonly Slice[];
}

/** One pod's slices per container (letter: wire/placement). Only containers that hold a slice have a row. */
export interface Placement {
  readonly containers: readonly ContainerPlacement[];
}
