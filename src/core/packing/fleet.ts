// SPDX-License-Identifier: Apache-2.0
// A fleet as arrays: one number per node and resource, one row of `stride` numbers per node for its devices.
import { allows, type Kind, type Room, type Shape, WHOLE_GPU } from './shape.js';

export interface FleetNode {
  readonly cpuMilli: number;
  readonly memoryMiB: number;
  readonly gpus: number;
  readonly model: string;
}

/** As kubelets of the trace say. */
const PODS_PER_NODE = 1001;
/** Models are bits of one 32-bit number. */
const MOST_MODELS = 31;

export interface Fleet {
  readonly size: number;
  readonly stride: number;
  readonly kinds: readonly Kind[];
  /** Bit i of a shape's models is the i-th of these. */
  readonly models: readonly string[];
  readonly kindOf: Uint16Array;
  readonly cpuMilli: Int32Array;
  readonly memoryMiB: Int32Array;
  readonly pods: Int32Array;
  readonly gpuMilli: Int32Array;
  readonly capacityMilli: number;
}

/** Nodes in the order in which equals are preferred. */
export function fleetOf(nodes: readonly FleetNode[]): Fleet {
  const models = [...new Set(nodes.map(({ model }) => model))].sort();
  if (models.length > MOST_MODELS)
    throw new Error(`bug: ${models.length} models: want at most ${MOST_MODELS}`);
  const { kinds, kindOf } = kindsOf(nodes, models);
  const stride = nodes.reduce((most, { gpus }) => Math.max(most, gpus), 1);
  const gpuMilli = new Int32Array(nodes.length * stride);
  nodes.forEach(({ gpus }, at) => gpuMilli.fill(WHOLE_GPU, at * stride, at * stride + gpus));
  return {
    size: nodes.length,
    stride,
    kinds,
    models,
    kindOf,
    cpuMilli: Int32Array.from(nodes, ({ cpuMilli }) => cpuMilli),
    memoryMiB: Int32Array.from(nodes, ({ memoryMiB }) => memoryMiB),
    pods: new Int32Array(nodes.length).fill(PODS_PER_NODE),
    gpuMilli,
    capacityMilli: nodes.reduce((sum, { gpus }) => sum + gpus * WHOLE_GPU, 0),
  };
}

function kindsOf(
  nodes: readonly FleetNode[],
  models: readonly string[],
): { readonly kinds: readonly Kind[]; readonly kindOf: Uint16Array } {
  const keyOf = (node: FleetNode): string => `${node.cpuMilli} ${node.memoryMiB} ${node.gpus} ${node.model}`;
  const groups = new Map<string, Kind>();
  for (const node of nodes) {
    const { cpuMilli, memoryMiB, gpus } = node;
    const before = groups.get(keyOf(node))?.nodes ?? 0;
    const model = models.indexOf(node.model);
    groups.set(keyOf(node), { cpuMilli, memoryMiB, gpus, model, nodes: before + 1 });
  }
  const numbers = new Map([...groups.keys()].map((key, at) => [key, at]));
  return {
    kinds: [...groups.values()],
    kindOf: Uint16Array.from(nodes, (node) => numbers.get(keyOf(node)) ?? 0),
  };
}

/** Fills `room` with what node `at` has left. */
export function readRoom(fleet: Fleet, at: number, room: Room): void {
  const kind = fleet.kinds[fleet.kindOf[at] ?? 0] as Kind;
  room.kind = kind;
  room.cpuMilli = fleet.cpuMilli[at] ?? 0;
  room.gpuMilli.length = kind.gpus;
  for (let i = 0; i < kind.gpus; i++) room.gpuMilli[i] = fleet.gpuMilli[at * fleet.stride + i] ?? 0;
}

/** A pod on a node; gives back what it took. `first` devices of the row are listed in `devices`. */
export interface Held {
  readonly node: number;
  readonly shape: Shape;
  readonly memoryMiB: number;
  readonly devices: readonly number[];
}

export function hold(fleet: Fleet, held: Held): void {
  change(fleet, held, -1);
}

export function release(fleet: Fleet, held: Held): void {
  change(fleet, held, 1);
}

function change(fleet: Fleet, { node, shape, memoryMiB, devices }: Held, sign: 1 | -1): void {
  add(fleet.cpuMilli, node, sign * shape.cpuMilli);
  add(fleet.memoryMiB, node, sign * memoryMiB);
  add(fleet.pods, node, sign);
  for (const device of devices) add(fleet.gpuMilli, node * fleet.stride + device, sign * shape.gpuMilli);
}

function add(array: Int32Array, at: number, amount: number): void {
  array[at] = (array[at] ?? 0) + amount;
}

/** Milli of all devices held. */
export function heldMilli(fleet: Fleet): number {
  let free = 0;
  for (const milli of fleet.gpuMilli) free += milli;
  return fleet.capacityMilli - free;
}

/** Whether a kind of node could ever serve the shape. */
export const couldHost = (kind: Kind, shape: Shape): boolean =>
  kind.cpuMilli >= shape.cpuMilli && (shape.gpus === 0 || (kind.gpus >= shape.gpus && allows(shape, kind)));
