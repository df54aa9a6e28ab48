// SPDX-License-Identifier: Apache-2.0
// By how much the waste of a node rises with a pod on it: what `fragmentation` likes nodes and devices by.
import type { Device, Hold } from '../device.js';
import { type NumberedDevices, withNumbers } from '../alike.js';
import { misfitAlone } from '../alone.js';
import type { Wish } from '../fit.js';
import type { NodeView, VendorView } from '../node.js';
import { freeBeside, leftAt, readNodeRoom } from './node-room.js';
import type { Packing } from './packing.js';
import { copyRoom, emptyRoom } from './shape.js';

interface Question {
  readonly node: NodeView;
  readonly view: VendorView;
  readonly packing: Packing;
  /** Of the whole pod, in thousandths. */
  readonly cpuMilli: number;
}

/** A node that has room for the pod. */
export interface NodeQuestion extends Question {
  /** What the pod asks of the vendor, container by container. */
  readonly wishes: readonly Wish[];
}

/** A device that has room for the slice. */
export interface DeviceQuestion extends Question {
  /** Place among the vendor's devices. */
  readonly at: number;
  readonly device: Device;
  /** What is on it, of the pod itself too. */
  readonly hold: Hold;
  readonly wish: Wish;
  /** What the slice would have: MiB and thousandths. */
  readonly memory: number;
  readonly cores: number;
}

const before = emptyRoom();
const after = emptyRoom();
/** Of each device: the number of the wish that has it already. */
const takenBy: number[] = [];
let wishes = 0;

/**
 * How much the node is liked, 0..1: by what its waste rises and what it costs to open it, each slice where it wastes
 * least. Allocates nothing.
 */
export function likeNodeByWaste(question: NodeQuestion): number {
  const { packing, view, cpuMilli } = question;
  readNodeRoom(question, before);
  copyRoom(before, after);
  after.cpuMilli = Math.max(0, after.cpuMilli - cpuMilli);
  for (let at = 0; at < question.wishes.length; at++) fillIn(packing, view, question.wishes[at] as Wish);
  const rise = packing.wasteOf(after) - packing.wasteOf(before) + packing.openingOf(before);
  return likeOfRise(rise);
}

/** How much the device is liked, 0..1: by what the waste of its node rises when the slice goes there. */
export function likeDeviceByWaste(question: DeviceQuestion): number {
  const { packing, at, cpuMilli } = question;
  readNodeRoom(question, before);
  copyRoom(before, after);
  after.cpuMilli = Math.max(0, after.cpuMilli - cpuMilli);
  after.gpuMilli[at] = freeBeside(question);
  return likeOfRise(packing.wasteOf(after) - packing.wasteOf(before));
}

/** Strictly monotone as far as numbers go; a rise of nothing is 0.5. */
function likeOfRise(rise: number): number {
  const x = rise / 1000;
  return 0.5 - (0.5 * x) / (1 + Math.abs(x));
}

/** Takes from `after` what the wish asks, one device after another. */
function fillIn(packing: Packing, { devices }: VendorView, wish: Wish): void {
  const list = withNumbers(devices);
  wishes++;
  for (let left = wish.slice.count; left > 0; left--) {
    const at = bestOf(packing, list, wish);
    if (at < 0) return;
    takenBy[at] = wishes;
    after.gpuMilli[at] = leftOn(list, at, wish);
  }
}

/** Thousandths each device would have left; below 0: it does not serve. */
const lefts: number[] = [];

/** The first of those that waste least; of equal devices the first alone is looked at. */
function bestOf(packing: Packing, list: NumberedDevices, wish: Wish): number {
  let best = -1;
  let least = Infinity;
  for (let at = 0; at < list.devices.length; at++) {
    lefts[at] = leftWhere(list, at, wish);
    if ((lefts[at] as number) < 0 || isLikeOneBefore(at)) continue;
    if (wish.slice.isExclusive) return at;
    const waste = wasteWith(packing, at, lefts[at] as number);
    if (waste >= least) continue;
    best = at;
    least = waste;
  }
  return best;
}

function leftWhere(list: NumberedDevices, at: number, wish: Wish): number {
  if (takenBy[at] === wishes || misfitAlone(list, at, wish) !== null) return -1;
  return leftOn(list, at, wish);
}

/** What other containers of the pod have taken comes off too; below 0: it does not fit beside them. */
function leftOn(list: NumberedDevices, at: number, wish: Wish): number {
  const own = (before.gpuMilli[at] as number) - (after.gpuMilli[at] as number);
  return leftAt(list, at, wish) - own;
}

function isLikeOneBefore(at: number): boolean {
  for (let i = 0; i < at; i++)
    if (lefts[i] === lefts[at] && after.gpuMilli[i] === after.gpuMilli[at]) return true;
  return false;
}

function wasteWith(packing: Packing, at: number, left: number): number {
  const kept = after.gpuMilli[at] as number;
  after.gpuMilli[at] = left;
  const waste = packing.wasteOf(after);
  after.gpuMilli[at] = kept;
  return waste;
}
