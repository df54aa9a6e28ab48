// SPDX-License-Identifier: Apache-2.0
// How full things are: the mean of memory, compute and slices held, 0..1.
import type { Ask } from './asks.js';
import type { Device, Hold } from './device.js';
import type { Totals } from './node.js';

interface Held {
  readonly device: Device;
  readonly hold: Hold;
}

interface Amount {
  readonly memory: number;
  readonly cores: number;
}

/** A device with a slice of so much more on it. */
export function fillOfDevice({ device, hold, memory, cores }: Held & Amount): number {
  return (
    (part(hold.memory + memory, device.memory) +
      part(hold.cores + cores, device.cores) +
      part(hold.slices + 1, device.splits)) /
    3
  );
}

/** What slices of high priority have of a device. */
export function highOfDevice({ device, hold }: Held): number {
  return (
    (part(hold.highMemory, device.memory) +
      part(hold.highCores, device.cores) +
      part(hold.highSlices, device.splits)) /
    3
  );
}

/** A vendor's devices on a node, with the pod on them. */
export function fillOfNode(totals: Totals, ask: Ask, devices: number): number {
  const memory = ask.memory + (devices === 0 ? 0 : (ask.devices * totals.memory) / devices);
  return (
    (most(totals.heldMemory + memory, totals.memory) +
      most(totals.heldCores + ask.cores, totals.cores) +
      most(totals.heldSlices + ask.slices, totals.splits)) /
    3
  );
}

const part = (held: number, all: number): number => (all === 0 ? 1 : held / all);
const most = (held: number, all: number): number => Math.min(1, part(held, all));
