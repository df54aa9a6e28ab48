// SPDX-License-Identifier: Apache-2.0
// What is asked of a node first, in numbers side by side: most nodes that cannot hold a pod are passed over without a
// look at the node, whose objects lie all over the memory.
//
//   node 0: devices | free slots | state of each device …        node 1: …        devices 0: look at the node itself
import { withNumbers } from './alike.js';
import { isKnownToMisfit } from './alone.js';
import type { NodeView } from './node.js';
import type { PreparedAsk, PreparedPod } from './prepared.js';
import type { Wish } from './fit.js';

const MOST_DEVICES = 16;
const DEVICES = 0;
const SLOTS = 1;
const FIRST = 2;
const ROW = FIRST + MOST_DEVICES;
const FIRST_ROWS = 64;

/** Rows by the ordinal of the node. Whoever asks knows that the node has not changed since it was put. */
export class Field {
  private numbers = new Int32Array(FIRST_ROWS * ROW);
  private vendors: string[] = [];

  put(node: NodeView): void {
    const { ordinal, vendors } = node;
    while ((ordinal + 1) * ROW > this.numbers.length) this.grow();
    const row = ordinal * ROW;
    this.numbers[row + DEVICES] = 0;
    if (vendors.size !== 1 || node.heldBy !== null || node.initOnly !== null) return;
    for (const [vendor, view] of vendors) {
      if (view.unreadable !== null || view.devices.length > MOST_DEVICES) return;
      this.vendors[ordinal] = vendor;
      this.numbers[row + DEVICES] = view.devices.length;
      this.numbers[row + SLOTS] = view.slots - view.slotsUsed;
      this.numbers.set(withNumbers(view.devices).numbers, row + FIRST);
    }
  }

  /** True: canPlace says no. False: perhaps it says yes. */
  isRefused(ordinal: number, { asks, wants }: PreparedPod): boolean {
    const row = ordinal * ROW;
    if (this.numbers[row + DEVICES] === 0) return false;
    for (let at = 0; at < wants.length; at++) {
      const { vendor, want } = wants[at] as PreparedPod['wants'][number];
      if (vendor !== this.vendors[ordinal] || (this.numbers[row + SLOTS] as number) < want) return true;
    }
    for (let at = 0; at < asks.length; at++) if (this.isFullFor(row, asks[at] as PreparedAsk)) return true;
    return false;
  }

  private isFullFor(row: number, { wishes }: PreparedAsk): boolean {
    for (let at = 0; at < wishes.length; at++) if (this.isFull(row, wishes[at] as Wish)) return true;
    return false;
  }

  /** Too many devices are known not to fit. */
  private isFull(row: number, { asker, slice }: Wish): boolean {
    if (asker === undefined) return false;
    const devices = this.numbers[row + DEVICES] as number;
    let perhaps = 0;
    for (let at = row + FIRST; at < row + FIRST + devices; at++) {
      if (!isKnownToMisfit(asker, this.numbers[at] as number)) perhaps += 1;
      if (perhaps === slice.count) return false;
    }
    return true;
  }

  private grow(): void {
    const before = this.numbers;
    this.numbers = new Int32Array(2 * before.length);
    this.numbers.set(before);
  }
}
