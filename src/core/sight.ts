// SPDX-License-Identifier: Apache-2.0
// What policies are shown. Whoever fills a sight fills it again: none is kept.
import type { Ask } from './asks.js';
import type { Device, Hold } from './device.js';
import type { Wish } from './fit.js';
import type { NodeView, VendorView } from './node.js';
import type { Packing } from './packing/packing.js';

/** A device with the slice that is to come. */
export interface DeviceSight {
  readonly node: NodeView;
  readonly view: VendorView;
  /** Place among the vendor's devices. */
  readonly at: number;
  readonly device: Device;
  /** What others hold of it, and the pod itself at its peak. */
  readonly hold: Hold;
  readonly wish: Wish;
  /** What the slice would have: MiB and thousandths. */
  readonly memory: number;
  readonly cores: number;
  readonly packing: Packing;
  /** Of the whole pod, in thousandths. */
  readonly cpuMilli: number;
}

/** A node with the pod that is to come, by what it asks of one vendor. */
export interface NodeSight {
  readonly node: NodeView;
  readonly view: VendorView;
  readonly ask: Ask;
  /** Container by container. */
  readonly wishes: readonly Wish[];
  /** The one of most devices. */
  readonly widest: Wish;
  readonly packing: Packing;
  /** Of the whole pod, in thousandths. */
  readonly cpuMilli: number;
}
