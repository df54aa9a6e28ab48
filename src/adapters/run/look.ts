// SPDX-License-Identifier: Apache-2.0
// One look at the slices of this machine and at what they say of themselves.
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { LocalReading, LocalReadings } from '../../observing/local.js';
import type { Driver } from '../probes/driver.js';
import { regionIn } from '../region/box.js';
import { memoryNowOf } from '../region/limits-file.js';
import { readRegion } from '../region/region-file.js';
import { type FoundSlice, runningSlices, type SliceFolders } from './slices.js';

export async function lookHere(folders: SliceFolders, driver: Driver): Promise<LocalReadings> {
  const slices = Promise.all(runningSlices(folders).map(readSlice));
  try {
    return { machine: hostname(), problem: '', devices: await driver.read(), slices: await slices };
  } catch (fault) {
    const why = fault instanceof Error ? fault.message : String(fault);
    return { machine: hostname(), problem: `driver: ${why}`, devices: [], slices: await slices };
  }
}

async function readSlice({ record, folder }: FoundSlice): Promise<LocalReading> {
  return { record, region: await readRegion(regionIn(folder)), memoryNow: nowOf(folder) };
}

/** It may have ended since it was listed. */
function nowOf(folder: string): ReturnType<typeof memoryNowOf> {
  try {
    return memoryNowOf(join(folder, 'limits'));
  } catch {
    return null;
  }
}
