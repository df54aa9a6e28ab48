// SPDX-License-Identifier: Apache-2.0
// From a node as placing sees it to a room as packing counts it.
//
// openb has one number per device, Kerf has two: memory and compute. What is left of a device is what is left of the
// scarcer of the two: the other cannot be given out alone. A device that takes nothing more has nothing left.
import { type NumberedDevices, withNumbers } from '../alike.js';
import { asCut, memoryOn } from '../cut.js';
import type { Device, Hold } from '../device.js';
import type { Wish } from '../fit.js';
import type { DeviceState, NodeView, VendorView } from '../node.js';
import { newAsker, Remembered } from '../remembered.js';
import type { SliceRequest } from '../request.js';
import type { Packing } from './packing.js';
import { type Room, WHOLE_GPU } from './shape.js';

export interface Yard {
  readonly node: NodeView;
  readonly view: VendorView;
  readonly packing: Packing;
}

/** Fills `room` with what the node has left for pods of that vendor. */
export function readNodeRoom({ node, view, packing }: Yard, room: Room): void {
  const { devices } = view;
  room.kind = packing.kindOf(node, view);
  room.cpuMilli = Math.max(0, node.cpu.allocatable - node.cpu.held);
  room.gpuMilli.length = devices.length;
  const list = withNumbers(devices);
  for (let at = 0; at < devices.length; at++) room.gpuMilli[at] = freeAt(list, at);
}

const ANYBODY = newAsker();
const free = new Remembered(0);
const left = new Remembered(0);

/** freeOn, once per state. */
function freeAt({ devices, numbers }: NumberedDevices, at: number): number {
  const state = numbers[at] as number;
  if (free.isKnown(ANYBODY, state)) return free.get(ANYBODY, state);
  return free.keep(ANYBODY, state, freeOn(devices[at] as DeviceState));
}

/** freeWith, once per wish and state. */
export function leftAt({ devices, numbers }: NumberedDevices, at: number, { asker, slice }: Wish): number {
  if (asker === undefined) return freeWith(devices[at] as DeviceState, slice);
  const state = numbers[at] as number;
  if (left.isKnown(asker, state)) return left.get(asker, state);
  return left.keep(asker, state, freeWith(devices[at] as DeviceState, slice));
}

/** Thousandths of the device, 0..1000. */
function freeOn({ device, hold, isCordoned }: DeviceState): number {
  if (isCordoned || !device.isHealthy || hold.isExclusive || hold.slices >= device.splits) return 0;
  return hold.slices === 0 ? WHOLE_GPU : restOf(device, hold.memory, hold.cores);
}

/** One slice more, of so many MiB and thousandths of compute. */
export interface Addition {
  readonly device: Device;
  readonly hold: Hold;
  readonly memory: number;
  readonly cores: number;
}

/** Thousandths left with a slice more, which fits; one that has all of memory or compute leaves nothing. */
export function freeBeside({ device, hold, memory, cores }: Addition): number {
  const isFull = hold.slices + 1 >= device.splits || memory >= device.memory || cores >= device.cores;
  return isFull ? 0 : restOf(device, hold.memory + memory, hold.cores + cores);
}

function freeWith({ device, hold }: DeviceState, slice: SliceRequest): number {
  if (slice.isExclusive || hold.slices + 1 >= device.splits) return 0;
  const { memory, cores } = asCut(device, slice) ?? slice;
  const asked = memoryOn(device, memory);
  if (asked >= device.memory || cores >= device.cores) return 0;
  return restOf(device, hold.memory + asked, hold.cores + cores);
}

function restOf(device: Device, memory: number, cores: number): number {
  const memoryLeft = (WHOLE_GPU * (device.memory - memory)) / device.memory;
  const coresLeft = (WHOLE_GPU * (device.cores - cores)) / device.cores;
  const left = Math.min(memoryLeft, coresLeft);
  // A device that says it has none of either has nothing left; one that is shared is never whole. To the nearest: MiB are
  // rounded up for each slice, and what is left should not count as another room for that.
  return left > 0 ? Math.min(WHOLE_GPU - 1, Math.round(left)) : 0;
}
