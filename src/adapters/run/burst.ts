// SPDX-License-Identifier: Apache-2.0
// Divides burst memory among the slices of this machine, again and again, for what they hold changes. Ceilings fall
// before others rise, and what is held is read in between: two slices never get the same memory promised.
import { join } from 'node:path';
import { type Burst, divideMemory } from '../../core/slice-here.js';
import { BYTES_PER_MIB, type MiB, mib } from '../../core/units.js';
import { regionIn } from '../region/box.js';
import { readRegion } from '../region/region-file.js';
import { changeLimits, memoryNowOf } from '../region/limits-file.js';
import { type FoundSlice, hasBursts, pageOf, type SliceFolders, runningSlices } from './slices.js';

/** Under the lock. Where nobody may burst nothing is read and nothing written. */
export async function divideBursts(folders: SliceFolders): Promise<void> {
  if (!hasBursts(folders)) return;
  const slices = runningSlices(folders);
  for (const id of new Set(slices.map(({ record }) => record.deviceId))) {
    const own = slices.filter(({ record }) => record.deviceId === id);
    if (own.every(({ record }) => record.guaranteed === record.ceiling)) continue;
    const first = await divisionOf(own);
    for (const [at, slice] of own.entries()) setNow(slice, first[at], (now, next) => Math.min(now, next));
    const second = await divisionOf(own);
    for (const [at, slice] of own.entries()) setNow(slice, second[at], (_now, next) => next);
  }
}

async function divisionOf(slices: readonly FoundSlice[]): Promise<readonly MiB[]> {
  const device = slices[0]?.record.deviceMemory ?? mib(0);
  const bursts: Burst[] = [];
  for (const { record, folder } of slices) {
    const region = await readRegion(regionIn(folder));
    // A region that cannot be read holds all it may.
    const used =
      region?.ok === true ? (region.value.devices[0]?.usedBytes ?? 0) : record.ceiling * BYTES_PER_MIB;
    const { ceiling, guaranteed } = record;
    bursts.push({ ceiling, guaranteed, used: mib(Math.ceil(used / BYTES_PER_MIB)) });
  }
  return divideMemory(device, bursts);
}

function setNow(
  { record, folder }: FoundSlice,
  next: MiB | undefined,
  choose: (now: number, next: number) => number,
): void {
  if (next === undefined || record.guaranteed === record.ceiling) return;
  const page = pageOf(record);
  const [device] = page.devices;
  if (device === undefined) return;
  const memoryNow = mib(choose(memoryNowOf(join(folder, 'limits')) ?? record.ceiling, next));
  changeLimits(join(folder, 'limits'), { ...page, devices: [{ ...device, memoryNow }] }, 'arbiter');
}
