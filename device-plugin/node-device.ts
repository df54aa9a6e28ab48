// SPDX-License-Identifier: Apache-2.0
import type { Device } from '../src/core/device.js';
import type { LinkWord } from '../src/wire/links.js';

/** A device of this node, with what only the node needs. */
export interface NodeDevice extends Device {
  /** Number in its device node's name; not always the index. */
  readonly minor: number;
  /** Ids of other devices of the node, and how it is linked with them; those nobody knows of are left out. */
  readonly peers: ReadonlyMap<string, LinkWord>;
  /** Where it is an instance that the driver cut off a device: its numbers there, and the device's id. */
  readonly instance?: { readonly gpu: number; readonly compute: number; readonly of: string };
  /** The driver no longer sees it. It stays as long as a living pod sits on it. */
  readonly isMissing?: true;
}

export type NodeDevices = ReadonlyMap<string, NodeDevice>;
