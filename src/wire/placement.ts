// SPDX-License-Identifier: Apache-2.0
// Letter: what a pod was given, as the annotation kerf.dev/placement. Written by bind, read by the node.
//
//   {"v":1,"containers":[{"name":"a","slices":[{"device":"GPU-…","memoryMiB":4096,"corePercent":30,
//                                            "high":true,"alone":true,
//                                            "soft":true,"weight":3,"burstMiB":8192,"ofMiB":61440,"ofPercent":200,"ofSlices":20}]}]}
//
// soft, weight, burstMiB: may borrow compute, with this weight against others; how far memory may grow (memoryMiB is
// guaranteed). of…: what all slices of the device could have together when it was given, where that is not what is there
// (overcommit); the node's fence goes by it. All three, or none. corePercent may carry one decimal (30.5): MilliCores are tenths of a percent. `high` and `alone` are left out when false.
import type { Capacity } from '../core/device.js';
import type { ContainerPlacement, Placement, Slice } from '../core/placement.js';
import { err, ok, type Result } from '../core/result.js';
import { type MiB, type MilliCores, mib, milliCores } from '../core/units.js';
import { isCount, isRecord, parseJson, shown } from './json.js';

export const PLACEMENT_VERSION = 1;

export function encodePlacement(placement: Placement): string {
  const containers = placement.containers.map((container) => ({
    name: container.name,
    slices: container.slices.map((slice) => ({
      device: slice.deviceId,
      memoryMiB: slice.memory,
      corePercent: slice.cores / 10,
      ...(slice.isHigh ? { high: true } : {}),
      ...(slice.isAlone ? { alone: true } : {}),
      ...(slice.isSoft === true ? { soft: true } : {}),
      ...(slice.weight === undefined ? {} : { weight: slice.weight }),
      ...(slice.ceiling === undefined ? {} : { burstMiB: slice.ceiling }),
      ...capacityRow(slice.of),
    })),
  }));
  return JSON.stringify({ v: PLACEMENT_VERSION, containers });
}

function capacityRow(of: Capacity | undefined): object {
  return of === undefined ? {} : { ofMiB: of.memory, ofPercent: of.cores / 10, ofSlices: of.splits };
}

/** Unknown fields are let pass; an unknown version or a bad field is an error, and whoever reads holds. */
export function decodePlacement(text: string): Result<Placement, string> {
  const letter = parseJson(text);
  if (!isRecord(letter)) return err('placement is not a JSON object');
  if (letter.v !== PLACEMENT_VERSION)
    return err(`placement version ${shown(letter.v)} is not ${PLACEMENT_VERSION}`);
  if (!Array.isArray(letter.containers)) return err('placement has no list of containers');
  const containers: ContainerPlacement[] = [];
  for (const entry of letter.containers as unknown[]) {
    const container = decodeContainer(entry);
    if (!container.ok) return container;
    containers.push(container.value);
  }
  return ok({ containers });
}

function decodeContainer(entry: unknown): Result<ContainerPlacement, string> {
  if (!isRecord(entry) || typeof entry.name !== 'string')
    return err('a container in the placement has no name');
  if (!Array.isArray(entry.slices))
    return err(`container ${entry.name} in the placement has no list of slices`);
  const slices: Slice[] = [];
  for (const part of entry.slices as unknown[]) {
    const slice = decodeSlice(part);
    if (slice === null)
      return err(`container ${entry.name} in the placement has a slice that cannot be read`);
    slices.push(slice);
  }
  return ok({ name: entry.name, slices });
}

function decodeSlice(part: unknown): Slice | null {
  if (!isRecord(part) || typeof part.device !== 'string' || part.device === '') return null;
  const memory = readMiB(part.memoryMiB);
  const cores = readCores(part.corePercent);
  const [flags, of, sharing] = [decodeFlags(part), decodeCapacity(part), decodeSharing(part)];
  if (memory === null || cores === null || flags === null || of === null) return null;
  if (sharing === null || isBelow(sharing.ceiling, memory)) return null;
  return { deviceId: part.device, memory, cores, ...flags, ...sharing, ...of };
}

const isBelow = (ceiling: MiB | undefined, memory: MiB): boolean => ceiling !== undefined && ceiling < memory;

function decodeFlags({ high, alone }: Record<string, unknown>): Pick<Slice, 'isHigh' | 'isAlone'> | null {
  return isFlag(high) && isFlag(alone) ? { isHigh: high === true, isAlone: alone === true } : null;
}

type Sharing = Pick<Slice, 'isSoft' | 'weight' | 'ceiling'>;

/** null: it says what cannot be read. */
function decodeSharing({ soft, weight, burstMiB }: Record<string, unknown>): Sharing | null {
  const ceiling = burstMiB === undefined ? undefined : readMiB(burstMiB);
  if (!isFlag(soft) || !isWeight(weight) || ceiling === null) return null;
  return {
    ...(soft === true && { isSoft: true as const }),
    ...(weight !== undefined && { weight }),
    ...(ceiling !== undefined && { ceiling }),
  };
}

const isWeight = (value: unknown): value is number | undefined =>
  value === undefined || (isCount(value) && value >= 1 && value <= 100);

/** null: it says what cannot be read. */
function decodeCapacity({ ofMiB, ofPercent, ofSlices }: Record<string, unknown>): Pick<Slice, 'of'> | null {
  if (ofMiB === undefined && ofPercent === undefined && ofSlices === undefined) return {};
  const memory = readMiB(ofMiB);
  const cores = readCores(ofPercent);
  return memory === null || cores === null || !isCount(ofSlices)
    ? null
    : { of: { memory, cores, splits: ofSlices } };
}

const isFlag = (value: unknown): boolean => value === undefined || typeof value === 'boolean';

function readMiB(value: unknown): MiB | null {
  return isCount(value) ? mib(value) : null;
}

function readCores(value: unknown): MilliCores | null {
  if (typeof value !== 'number' || !(value >= 0)) return null;
  const tenths = Math.round(value * 10);
  return Number.isSafeInteger(tenths) && Math.abs(tenths - value * 10) < 1e-6 ? milliCores(tenths) : null;
}
