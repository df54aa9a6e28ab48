// SPDX-License-Identifier: Apache-2.0
import type { Device } from '../src/core/device.js';

/** A device of this node, with what only the node needs. */
export interface NodeDevice extends Device {
  /** Number in its device node's name; not always the index. */
  readonly minor: number;
}

export type NodeDevices = ReadonlyMap<string, NodeDevice>;
