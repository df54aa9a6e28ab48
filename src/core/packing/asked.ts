// SPDX-License-Identifier: Apache-2.0
// What packing remembers of a pod, and the shape it has in a fleet: a part of a device named in MiB is another part of
// a larger device, and the models that will do are those that are there.
import { peakOf } from '../phases.js';
import type { ContainerRequest, DeviceChoice, PodRequest, SliceRequest } from '../request.js';
import { ANY_MODEL, type Shape, WHOLE_GPU } from './shape.js';

export interface Asked {
  readonly cpuMilli: number;
  /** Empty for a CPU-only pod. */
  readonly vendor: string;
  /** Devices at once. */
  readonly gpus: number;
  /** Thousandths of each, by compute or by share of memory, 0..1000. */
  readonly milli: number;
  /** MiB of each where memory is named outright, else 0. */
  readonly memoryMiB: number;
  readonly allowModels: readonly string[];
  readonly denyModels: readonly string[];
}

/** `cpuMilli`: of the whole pod. Of several vendors the first counts. Several devices count as whole ones: packing knows no other. */
export function askedOf({ containers, choice }: PodRequest, cpuMilli: number): Asked {
  const slices = containers.flatMap((container) => container.slices);
  const { allowModels, denyModels } = choice;
  const gpus = peakOf(containers, countOf);
  const isWhole = gpus > 1 || slices.some(ownsDevices);
  return {
    cpuMilli,
    vendor: slices[0]?.vendor ?? '',
    gpus,
    milli: isWhole ? WHOLE_GPU : Math.max(0, ...slices.map(milliOf)),
    memoryMiB: isWhole ? 0 : Math.max(0, ...slices.map(memoryOf)),
    allowModels,
    denyModels,
  };
}

export const cpuOnly = (cpuMilli: number): Asked => ({
  ...{ cpuMilli, vendor: '', gpus: 0, milli: 0, memoryMiB: 0, allowModels: [], denyModels: [] },
});

const countOf = ({ slices }: ContainerRequest): number => slices.reduce((sum, { count }) => sum + count, 0);
const ownsDevices = ({ isExclusive, memory }: SliceRequest): boolean =>
  isExclusive || memory.kind === 'whole';
const memoryOf = ({ memory }: SliceRequest): number => (memory.kind === 'fixed' ? memory.memory : 0);
const milliOf = ({ memory, cores }: SliceRequest): number =>
  Math.max(cores, memory.kind === 'share' ? memory.permille : 0);

/** Devices that a shape is read against. */
export interface DeviceKind {
  readonly vendor: string;
  readonly model: string;
  readonly memoryMiB: number;
}

/** The larger of memory and compute; memory as a part of the smallest device that can give it. */
export function gpuMilliOf(
  { gpus, milli, memoryMiB }: Asked,
  devices: Iterable<Pick<DeviceKind, 'memoryMiB'>>,
): number {
  if (gpus === 0) return 0;
  if (memoryMiB === 0) return Math.max(1, milli);
  let smallest = Infinity;
  for (const { memoryMiB: size } of devices) if (size >= memoryMiB) smallest = Math.min(smallest, size);
  const share = smallest === Infinity ? WHOLE_GPU : Math.ceil((WHOLE_GPU * memoryMiB) / smallest);
  return Math.max(1, milli, Math.min(WHOLE_GPU, share));
}

/** Whether a model is among those that a pod may have. Words match as parts, in any case. */
export function allowsModel(
  { allowModels, denyModels }: Pick<DeviceChoice, 'allowModels' | 'denyModels'>,
  model: string,
): boolean {
  const name = model.toLowerCase();
  const isNamed = (word: string): boolean => name.includes(word.toLowerCase());
  return (allowModels.length === 0 || allowModels.some(isNamed)) && !denyModels.some(isNamed);
}

/** `models`: of the fleet; bit i of a shape's models is the i-th of them. */
export function shapeOf(asked: Asked, models: readonly DeviceKind[]): Shape {
  const { cpuMilli, gpus, vendor } = asked;
  const isHost = (kind: DeviceKind): boolean => kind.vendor === vendor && allowsModel(asked, kind.model);
  const hosts = models.filter(isHost);
  const bits = models.reduce((mask, kind, at) => (isHost(kind) ? mask | (1 << at) : mask), 0);
  const isAny = gpus === 0 || hosts.length === models.length;
  return { cpuMilli, gpus, gpuMilli: gpuMilliOf(asked, hosts), models: isAny ? ANY_MODEL : bits };
}
