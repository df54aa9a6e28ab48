// SPDX-License-Identifier: Apache-2.0
// Devices in equal states take the same slices, and nodes in equal states give the same answers, whatever they are
// called: each state has a small whole number, and an answer is worked out once per number.
//
//   device: model, size, health, cordon, what is held     node: its devices' numbers in order, slots, links
//
// Numbers mean something within one epoch. When too many states are known all are forgotten, and an epoch begins.
import type { Device } from './device.js';
import type { DeviceState, NodeView, VendorView } from './node.js';
import { forgetAll } from './remembered.js';
import type { LinkMatrix } from './topology.js';

const MOST_STATES = 1 << 16;

let now = 0;

/** Of the numbers given out now. */
export const epoch = (): number => now;

const deviceNumbers = new Map<string, number>();
const nodeNumbers = new Map<string, number>();

function numberOf(numbers: Map<string, number>, text: string): number {
  const known = numbers.get(text);
  if (known !== undefined) return known;
  const number = numbers.size;
  numbers.set(text, number);
  return number;
}

/** Before a question that works numbers out: within it they stay. */
export function turnEpoch(): void {
  if (deviceNumbers.size <= MOST_STATES && nodeNumbers.size <= MOST_STATES) return;
  deviceNumbers.clear();
  nodeNumbers.clear();
  forgetAll();
  now += 1;
}

/** Devices with the numbers of their states. */
export interface NumberedDevices {
  readonly epoch: number;
  readonly devices: readonly DeviceState[];
  readonly numbers: readonly number[];
}

/** Lists of states are never changed, and one that a pod has changed is another list. */
const numbered = new WeakMap<readonly DeviceState[], NumberedDevices>();

export function withNumbers(devices: readonly DeviceState[]): NumberedDevices {
  const known = numbered.get(devices);
  if (known?.epoch === now) return known;
  const numbers = devices.map((state) => numberOf(deviceNumbers, textOfState(state)));
  const fresh = { epoch: now, devices, numbers };
  numbered.set(devices, fresh);
  return fresh;
}

/** All of the node that any answer follows from but its name, the ids of its devices and its CPU. */
export function nodeState({ heldBy, initOnly, vendors }: NodeView): number {
  let text = heldBy === null ? '' : 'held';
  if (initOnly !== null) text += ' init';
  for (const [vendor, view] of vendors) text += textOfVendor(vendor, view);
  return numberOf(nodeNumbers, text);
}

/** The same with its CPU. */
export function nodeStateWithCpu(node: NodeView, state: number): number {
  return numberOf(nodeNumbers, `${state} cpu ${node.cpu.allocatable} ${node.cpu.held}`);
}

function textOfVendor(vendor: string, view: VendorView): string {
  const { devices, slots, slotsUsed, unreadable, links, pairs } = view;
  const told = links === null ? '-' : objectNumber(links);
  const list = withNumbers(devices).numbers.join();
  return ` ${vendor} ${slots} ${slotsUsed} ${unreadable === null} ${told} ${objectNumber(pairs)} ${list}`;
}

function textOfState({ device, hold, isCordoned }: DeviceState): string {
  const { highMemory, highCores, highSlices } = hold;
  const isLow = highMemory + highCores + highSlices === 0;
  const high = isLow ? '' : `${highMemory} ${highCores} ${highSlices}`;
  const owned = `${hold.isExclusive ? 'x' : ''}${isCordoned ? 'c' : ''}`;
  return `${makeOf(device)} ${hold.memory} ${hold.cores} ${hold.slices}${owned} ${high}`;
}

const makes = new WeakMap<Device, number>();
const makeNumbers = new Map<string, number>();
let lastMake = 0;

/** A number for devices that differ in nothing but id, place and words. */
function makeOf(device: Device): number {
  const known = makes.get(device) ?? (isOfMake(device, lastOfMake) ? makes.get(lastOfMake) : undefined);
  if (known === undefined) return learnMake(device);
  makes.set(device, known);
  return known;
}

/** Nodes have devices of one make, mostly. */
let lastOfMake: Device | undefined;

const isOfMake = (device: Device, other: Device | undefined): other is Device =>
  other !== undefined && FIELDS.every((name) => device[name] === other[name]);

function learnMake(device: Device): number {
  const text = textOfDevice(device);
  if (makeNumbers.size >= MOST_STATES) makeNumbers.clear();
  const number = makeNumbers.get(text) ?? ++lastMake;
  makeNumbers.set(text, number);
  makes.set(device, number);
  lastOfMake = device;
  return number;
}

/** All but what only tells devices of one make apart. */
type Told = Exclude<keyof Device, 'id' | 'index' | 'reason'>;
const TOLD: Readonly<Record<Told, true>> = {
  vendor: true,
  model: true,
  mode: true,
  memory: true,
  cores: true,
  splits: true,
  numa: true,
  isHealthy: true,
  cuts: true,
  physical: true,
};
const FIELDS = Object.keys(TOLD) as readonly Told[];

const textOfDevice = (device: Device): string => JSON.stringify(FIELDS.map((name) => device[name]));

/** Matrices of equal content are one object. */
const matrices = new WeakMap<LinkMatrix, number>();

function objectNumber(matrix: LinkMatrix): number {
  const number = matrices.get(matrix) ?? ++lastMake;
  matrices.set(matrix, number);
  return number;
}
