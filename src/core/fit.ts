// SPDX-License-Identifier: Apache-2.0
// One device, one wish: does it fit, and if not, why.
import { asCut, memoryOn } from './cut.js';
import { type Capacity, type Device, type Hold, physicalCores, physicalMemory } from './device.js';
import { isAllOf } from './hold.js';
import type { DeviceState } from './node.js';
import type { Slice } from './placement.js';
import type { DeviceRefusal } from './refusal.js';
import type { DeviceChoice, SliceRequest } from './request.js';
import { err, ok, type Result } from './result.js';
import { type MiB, type MilliCores, restCores, restMiB } from './units.js';

/** What is wanted of each device: the container's wish within the pod's choice of devices. */
export interface Wish {
  readonly slice: SliceRequest;
  readonly choice: DeviceChoice;
  /** any where it is not said. */
  readonly company?: Company;
  /** Whose answers are remembered by the state of a device (see misfitAlone); absent: nobody's. */
  readonly asker?: number;
}

/** Who may be on a device beside a slice. own: containers of its pod. none: not even those. */
export type Company = 'any' | 'own' | 'none';

export function fit(state: DeviceState, wish: Wish): Result<Slice, DeviceRefusal> {
  const kind = misfit(state, state.hold, wish);
  return kind === null ? ok(sliceOn(state.device, wish)) : err(describeMisfit(kind, state, wish));
}

/** The slice a device would give: a share becomes MiB here, rounded up, and all is rounded up to a cut. */
export function sliceOn(device: Device, { slice, company = 'any' }: Omit<Wish, 'choice'>): Slice {
  const { memory, cores } = asCut(device, slice) ?? slice;
  const isHigh = slice.priority === 'high';
  const isAlone = company !== 'any';
  const part = { deviceId: device.id, memory: memoryOn(device, memory), cores, isHigh, isAlone };
  return device.physical === undefined ? part : { ...part, of: capacityOf(device) };
}

const capacityOf = ({ memory, cores, splits }: Device): Capacity => ({ memory, cores, splits });

/**
 * The first reason why a device that has `hold` on it cannot serve, or null. Never-curable reasons come first.
 * Allocates nothing: filter asks it for every device of every node.
 */
export function misfit(state: DeviceState, hold: Hold, wish: Wish): DeviceRefusal['kind'] | null {
  const { device } = state;
  const unfit =
    unfitness(state, wish.choice) ?? smallness(device, memoryOn(device, wish.slice.memory), wish.slice);
  if (unfit !== null) return unfit;
  const slice = asCut(device, wish.slice);
  if (slice === null) return 'NoCut';
  if (isCompanyRefused(state, hold, wish.company))
    return state.hold.isExclusive ? 'HeldExclusively' : 'NotEmpty';
  return crowding(device, hold, slice);
}

function unfitness({ device, isCordoned }: DeviceState, choice: DeviceChoice): DeviceRefusal['kind'] | null {
  if (!allowsModel(choice, device.model)) return 'WrongModel';
  if (!allowsId(choice, device.id)) return 'WrongDevice';
  if (!device.isHealthy) return 'Unhealthy';
  // A device of no splits is one whose owner gives nothing out.
  return isCordoned || device.splits === 0 ? 'Cordoned' : null;
}

function smallness(device: Device, memory: MiB, slice: SliceRequest): DeviceRefusal['kind'] | null {
  if (memory > physicalMemory(device)) return 'TooSmall';
  return slice.cores > physicalCores(device) ? 'TooWeak' : null;
}

/** `hold` is that of others and of the pod's own containers. */
function isCompanyRefused(state: DeviceState, hold: Hold, company: Company = 'any'): boolean {
  if (company === 'any') return false;
  return company === 'own' ? state.hold.slices > 0 : hold.slices > 0;
}

function crowding(device: Device, hold: Hold, slice: SliceRequest): DeviceRefusal['kind'] | null {
  const memory = memoryOn(device, slice.memory);
  if (hold.isExclusive) return 'HeldExclusively';
  if (hold.slices > 0 && wantsWhole(device, memory, slice)) return 'NotEmpty';
  if (hold.slices >= device.splits) return 'SlicesShort';
  if (memory > restMiB(device.memory, hold.memory)) return 'MemoryShort';
  return slice.cores > restCores(device.cores, hold.cores) ? 'CoresShort' : null;
}

function wantsWhole(device: Device, memory: MiB, slice: SliceRequest): boolean {
  return slice.isExclusive || isAllOf(device, memory, slice.cores);
}

/** A pod's choice is asked for every device of the cluster, and these are of a few models. */
const verdicts = new WeakMap<DeviceChoice, Map<string, boolean>>();

function allowsModel(choice: DeviceChoice, model: string): boolean {
  if (choice.allowModels.length === 0 && choice.denyModels.length === 0) return true;
  let known = verdicts.get(choice);
  if (known === undefined) verdicts.set(choice, (known = new Map()));
  const verdict = known.get(model) ?? matchesModel(choice, model);
  known.set(model, verdict);
  return verdict;
}

function matchesModel({ allowModels, denyModels }: DeviceChoice, model: string): boolean {
  const name = model.toLowerCase();
  const isNamed = (part: string): boolean => name.includes(part.toLowerCase());
  return (allowModels.length === 0 || allowModels.some(isNamed)) && !denyModels.some(isNamed);
}

function allowsId({ allowIds, denyIds }: DeviceChoice, id: string): boolean {
  if (allowIds.length === 0 && denyIds.length === 0) return true;
  return (allowIds.length === 0 || allowIds.includes(id)) && !denyIds.includes(id);
}

type Misfit = DeviceRefusal['kind'];

export function describeMisfit(kind: Misfit, state: DeviceState, wish: Wish): DeviceRefusal {
  const { device, hold } = state;
  const have = haveOf(kind, device, hold);
  const want = wantOf(kind, device, wish);
  switch (kind) {
    case 'Unhealthy':
      return { kind, reason: device.reason };
    case 'TooSmall':
      return { kind, have: have as MiB, want: want as MiB };
    case 'TooWeak':
      return { kind, have: have as MilliCores, want: want as MilliCores };
    case 'MemoryShort':
      return { kind, free: have as MiB, want: want as MiB };
    case 'CoresShort':
      return { kind, free: have as MilliCores, want: want as MilliCores };
    case 'SlicesShort':
      return { kind, splits: have };
    default:
      return { kind };
  }
}

/** What there is of what is too little, in its unit; 0 where nothing is counted. */
export function haveOf(kind: Misfit, device: Device, hold: Hold): number {
  switch (kind) {
    case 'TooSmall':
      return physicalMemory(device);
    case 'TooWeak':
      return physicalCores(device);
    case 'MemoryShort':
      return restMiB(device.memory, hold.memory);
    case 'CoresShort':
      return restCores(device.cores, hold.cores);
    case 'SlicesShort':
      return device.splits;
    default:
      return 0;
  }
}

/** What this device would have to give of it; 0 where nothing is counted. */
export function wantOf(kind: Misfit, device: Device, wish: Wish): number {
  switch (kind) {
    case 'TooSmall':
    case 'MemoryShort':
      return memoryOn(device, (asCut(device, wish.slice) ?? wish.slice).memory);
    case 'TooWeak':
    case 'CoresShort':
      return (asCut(device, wish.slice) ?? wish.slice).cores;
    default:
      return 0;
  }
}
