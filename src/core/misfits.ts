// SPDX-License-Identifier: Apache-2.0
import type { Hold } from './device.js';
import { haveOf, misfit, wantOf, type Wish } from './fit.js';
import type { DeviceState } from './node.js';
import type { DeviceRefusal } from './refusal.js';
import { DEVICE_REFUSALS, roundMiB } from './refusals.js';

const KINDS = Object.keys(DEVICE_REFUSALS) as readonly DeviceRefusal['kind'][];
const ROW = new Map(KINDS.map((kind, at) => [kind, at]));
const MEMORY_SHORT = ROW.get('MemoryShort');

/** What one wish meets on a node's devices, in rows of numbers that are used again for every node. */
export class Misfits {
  fitting = 0;
  private readonly count = new Int32Array(KINDS.length);
  private readonly have = new Float64Array(KINDS.length);
  private readonly want = new Float64Array(KINDS.length);

  clear(): void {
    this.fitting = 0;
    this.count.fill(0);
  }

  /** A device with `hold` on it. */
  see(state: DeviceState, hold: Hold, wish: Wish): void {
    const kind = misfit(state, hold, wish);
    if (kind === null) {
      this.fitting += 1;
      return;
    }
    const row = ROW.get(kind) as number;
    const have = haveOf(kind, state.device, hold);
    const isCloser = this.count[row] === 0 || have > (this.have[row] as number);
    this.count[row] = (this.count[row] as number) + 1;
    if (!isCloser) return;
    this.have[row] = have;
    this.want[row] = wantOf(kind, state.device, wish);
  }

  text(): string {
    let text = `${this.fitting}`;
    for (let row = 0; row < KINDS.length; row++)
      if ((this.count[row] as number) > 0)
        text += ` ${row}:${this.count[row]}:${this.shown(row)}:${this.want[row]}`;
    return text;
  }

  /** As far as people are told. */
  private shown(row: number): number {
    const have = this.have[row] as number;
    return row === MEMORY_SHORT ? roundMiB(have) : have;
  }
}
