// SPDX-License-Identifier: Apache-2.0
import type { MiB, MilliCores } from './units.js';

/** Part of one device given to one container. */
export interface Slice {
  readonly deviceId: string;
  readonly memory: MiB;
  readonly cores: MilliCores;
}

export interface ContainerPlacement {
  readonly name: string;
  readonly slices: readonly Slice[];
}

/** One pod's slices per container (letter: wire/placement). Only containers that hold a slice have a row. */
export interface Placement {
  readonly containers: readonly ContainerPlacement[];
}
