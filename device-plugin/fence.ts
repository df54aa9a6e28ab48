// SPDX-License-Identifier: Apache-2.0
// The last fence: what this node has honoured on a device, plus what comes, never passes the device.
// It stands for the case that two schedulers, or one with a stale ledger, gave the same part twice. Where the policy
// lets more be given out than there is, the placement says how much (overcommit): only the scheduler writes it.
import type { Capacity, Device, Hold } from '../src/core/device.js';
import { addHold, type Holds, holdsOf, NO_HOLD } from '../src/core/hold.js';
import type { Placement } from '../src/core/placement.js';
import { err, ok, type Result } from '../src/core/result.js';
import type { MiB, MilliCores } from '../src/core/units.js';
import type { ContainerName } from './slot.js';

/** One pod whose placement was honoured here, or wants to be. */
export interface Holder {
  readonly podUid: string;
  readonly containers: readonly ContainerName[];
  readonly placement: Placement;
}

export type Devices = ReadonlyMap<string, Device>;

/** The error is one sentence that names device, sizes and what would help. */
export function fence(devices: Devices, holders: readonly Holder[], newcomer: Holder): Result<void, string> {
  const held = sumOf(
    devices,
    holders.filter(({ podUid }) => podUid !== newcomer.podUid),
  );
  for (const [id, wanted] of holdsBy(devices, newcomer)) {
    const device = devices.get(id);
    if (device === undefined) return err(`device ${id} of the placement is not on this node`);
    const room = roomOf(device, newcomer);
    const problem = problemOf(room, held.get(id) ?? NO_HOLD, wanted);
    if (problem !== null) return err(`device ${id}: ${problem}; the pod must be placed again`);
  }
  return ok(undefined);
}

/** What all holders hold together, per device id. */
export function sumOf(devices: Devices, holders: readonly Holder[]): Holds {
  const sum = new Map<string, Hold>();
  for (const holder of holders)
    for (const [id, hold] of holdsBy(devices, holder)) sum.set(id, addHold(sum.get(id) ?? NO_HOLD, hold));
  return sum;
}

function holdsBy(devices: Devices, { placement, containers }: Holder): Holds {
  return holdsOf(placement, containers, (id) => devices.get(id));
}

/** The device, or what the newcomer was given from, whichever is more. */
function roomOf(device: Device, { placement }: Holder): Capacity {
  let { memory, cores, splits } = device;
  for (const { slices } of placement.containers)
    for (const { deviceId, of } of slices) {
      if (deviceId !== device.id || of === undefined) continue;
      memory = Math.max(memory, of.memory) as MiB;
      cores = Math.max(cores, of.cores) as MilliCores;
      splits = Math.max(splits, of.splits);
    }
  return { memory, cores, splits };
}

function problemOf(room: Capacity, held: Hold, wanted: Hold): string | null {
  const all = addHold(held, wanted);
  if (held.isExclusive && wanted.slices > 0) return 'another pod has it alone';
  if (wanted.isExclusive && held.slices > 0) return `wanted alone, but ${held.slices} slices are held on it`;
  if (all.memory > room.memory)
    return `${held.memory} of ${room.memory} MiB are held, ${wanted.memory} more do not fit`;
  if (all.cores > room.cores)
    return `${held.cores / 10} of ${room.cores / 10} percent are held, ${wanted.cores / 10} more do not fit`;
  if (all.slices > room.splits)
    return `${held.slices} of ${room.splits} slices are held, ${wanted.slices} more do not fit`;
  return null;
}
