// SPDX-License-Identifier: Apache-2.0
// What packing is about: shapes of pods, kinds of nodes, and the room a node has left.
//
//   arrivals ─▶ mix (how often each shape is seen) ─▶ potential(room, mix) ─▶ policy.like ─▶ search ─▶ placement
//
// CPU in thousandths of a core, memory in MiB, GPU in thousandths of one device: whole numbers all.

/** What a pod asks, as far as packing is concerned. Memory is checked where it is placed, and is no part of a shape. */
export interface Shape {
  readonly cpuMilli: number;
  /** Whole devices, or 1 for a shared one; 0: a CPU-only pod. */
  readonly gpus: number;
  /** Of each device: 1..1000; below 1000 only where `gpus` is 1. 0 for a CPU-only pod. */
  readonly gpuMilli: number;
  /** Bit i: model i of the fleet will do. -1: any. */
  readonly models: number;
}

export const WHOLE_GPU = 1000;
export const ANY_MODEL = -1;

/** Nodes that are the same when empty. */
export interface Kind {
  readonly cpuMilli: number;
  readonly memoryMiB: number;
  readonly gpus: number;
  /** Index of the model, 0..30. */
  readonly model: number;
  readonly nodes: number;
}

/** What is left of a node. A scratch value: whoever fills it may fill it again. */
export interface Room {
  kind: Kind;
  cpuMilli: number;
  /** Free milli of each device, `kind.gpus` of them. */
  gpuMilli: number[];
}

export const isShared = (shape: Shape): boolean => shape.gpus === 1 && shape.gpuMilli < WHOLE_GPU;
export const askedMilli = (shape: Shape): number => shape.gpus * shape.gpuMilli;
export const allows = (shape: Shape, kind: Kind): boolean => (shape.models & (1 << kind.model)) !== 0;

export function freeMilli(gpuMilli: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < gpuMilli.length; i++) sum += gpuMilli[i] ?? 0;
  return sum;
}

/** Devices with at least so much free. */
export function devicesWith(gpuMilli: readonly number[], milli: number): number {
  let count = 0;
  for (let i = 0; i < gpuMilli.length; i++) if ((gpuMilli[i] ?? 0) >= milli) count++;
  return count;
}

/** CPU, model and devices; memory is not known here. */
export function fits(room: Room, shape: Shape): boolean {
  if (room.cpuMilli < shape.cpuMilli) return false;
  if (shape.gpus === 0) return true;
  return allows(shape, room.kind) && devicesWith(room.gpuMilli, shape.gpuMilli) >= shape.gpus;
}

/** The fullest device that still has so much free, first of equals; -1 when there is none. */
export function tightest(gpuMilli: readonly number[], milli: number): number {
  let best = -1;
  let least = Infinity;
  for (let i = 0; i < gpuMilli.length; i++) {
    const free = gpuMilli[i] ?? 0;
    if (free < milli || free >= least) continue;
    best = i;
    least = free;
  }
  return best;
}

/** Takes the shape from the room; `device` says which one where it is shared. Whole devices: the first free ones. */
export function take(room: Room, shape: Shape, device: number): void {
  room.cpuMilli -= shape.cpuMilli;
  if (isShared(shape)) room.gpuMilli[device] = (room.gpuMilli[device] ?? 0) - shape.gpuMilli;
  else takeWhole(room.gpuMilli, shape.gpus);
}

function takeWhole(gpuMilli: number[], gpus: number): void {
  let left = gpus;
  for (let i = 0; i < gpuMilli.length && left > 0; i++) {
    if (gpuMilli[i] !== WHOLE_GPU) continue;
    gpuMilli[i] = 0;
    left--;
  }
}

/** Copies a room into another without allocating. */
export function copyRoom(from: Room, to: Room): void {
  to.kind = from.kind;
  to.cpuMilli = from.cpuMilli;
  to.gpuMilli.length = from.gpuMilli.length;
  for (let i = 0; i < from.gpuMilli.length; i++) to.gpuMilli[i] = from.gpuMilli[i] ?? 0;
}

export const emptyRoom = (): Room => ({
  kind: { cpuMilli: 0, memoryMiB: 0, gpus: 0, model: 0, nodes: 0 },
  cpuMilli: 0,
  gpuMilli: [],
});
