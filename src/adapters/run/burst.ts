// SPDX-License-Identifier: Apache-2.0
// Divides burst memory among the slices of this machine, again and again, for what they hold changes.
import { mib } from '../../core/units.js';
import { divideAmong, type Lendable } from '../region/divide.js';
import { LiveSlot } from '../region/live-slot.js';
import { type FoundSlice, hasBursts, type SliceFolders, runningSlices } from './slices.js';

/** Under the lock. Where nobody may burst nothing is read and nothing written. */
export function divideBursts(folders: SliceFolders): void {
  if (!hasBursts(folders)) return;
  const slices = runningSlices(folders);
  for (const id of new Set(slices.map(({ record }) => record.deviceId))) {
    const own = slices.filter(({ record }) => record.deviceId === id);
    if (own.some(({ record }) => record.guaranteed < record.ceiling)) divideDevice(own);
  }
}

function divideDevice(slices: readonly FoundSlice[]): void {
  const open = slices.map(({ folder }) => LiveSlot.open(folder));
  try {
    const device = slices[0]?.record.deviceMemory ?? mib(0);
    divideAmong(
      device,
      slices.map(({ record }, at) => lendable(record, open[at] ?? null)),
    );
  } finally {
    for (const slot of open) slot?.close();
  }
}

function lendable({ ceiling, guaranteed }: FoundSlice['record'], slot: LiveSlot | null): Lendable {
  return {
    ...{ ceiling, guaranteed },
    used: () => (slot?.look() === true ? (slot.looks[0]?.usedMiB ?? ceiling) : ceiling),
    now: () => slot?.memoryNow(0) ?? ceiling,
    setNow: (memory) => slot?.storeMemoryNow(0, memory),
  };
}
