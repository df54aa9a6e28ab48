// SPDX-License-Identifier: Apache-2.0
// A node as placing sees it: what it told about itself, and what is held there. All of it is immutable;
// the ledger replaces a whole NodeView when something on that node changes.
import type { Device, Hold } from './device.js';
import type { LinkMatrix } from './topology.js';

/** What a node says of itself (letters: wire/inventory, wire/node-view). */
export interface NodeFacts {
  readonly name: string;
  /** Devices of every readable inventory. */
  readonly devices: readonly Device[];
  /** Vendor → why its inventory cannot be read. */
  readonly unreadable: ReadonlyMap<string, string>;
  /** Vendor → slots the kubelet would give out in all; absent where its plugin never registered. */
  readonly slots: ReadonlyMap<string, number>;
  /** Devices that take nothing new. */
  readonly cordoned: 'all' | ReadonlySet<string>;
  readonly labels: ReadonlyMap<string, string>;
  /** Vendor → how its devices are linked, where the inventory tells. */
  readonly links: ReadonlyMap<string, LinkMatrix>;
  /** CPU that pods may ask, in thousandths. */
  readonly cpuMilli: number;
}

/** Of a node that tells nothing beyond its devices. */
export const UNTOLD: Pick<NodeFacts, 'labels' | 'links' | 'cpuMilli'> = {
  labels: new Map(),
  links: new Map(),
  cpuMilli: 0,
};

/** One device with what is held of it. */
export interface DeviceState {
  readonly device: Device;
  readonly hold: Hold;
  readonly isCordoned: boolean;
}

/** Sums over a vendor's devices on a node; plain numbers of the same units as in Device and Hold. */
export interface Totals {
  readonly memory: number;
  readonly heldMemory: number;
  readonly cores: number;
  readonly heldCores: number;
  readonly splits: number;
  readonly heldSlices: number;
}

/** All of one vendor on a node. */
export interface VendorView {
  /** In the driver's order. */
  readonly devices: readonly DeviceState[];
  readonly totals: Totals;
  readonly slots: number;
  readonly slotsUsed: number;
  /** Why the inventory cannot be read; null when it can. */
  readonly unreadable: string | null;
  /** As the inventory tells them; null where it does not. */
  readonly links: LinkMatrix | null;
  /** The links, or what the NUMA nodes tell of them. */
  readonly pairs: LinkMatrix;
}

export interface NodeView {
  readonly name: string;
  /** The ledger's revision at the last change of this node. */
  readonly revision: number;
  /** A small whole number, the node's own as long as the ledger knows it: its row in columns of numbers. */
  readonly ordinal: number;
  /** What it says of itself: one object as long as it says the same. */
  readonly facts: NodeFacts;
  readonly vendors: ReadonlyMap<string, VendorView>;
  /** A pod (namespace/name) whose placement nobody can read: it may hold anything, so nothing is free. */
  readonly heldBy: string | null;
  /** A pod whose init containers alone ask, and have not started (see isInitOnly). */
  readonly initOnly: string | null;
  readonly labels: ReadonlyMap<string, string>;
  /**
   * In thousandths: what pods may ask without what the node's own take (DaemonSets, static pods), and what all other
   * pods on it ask, also those that ask for no device.
   */
  readonly cpu: { readonly allocatable: number; readonly held: number };
}
