// SPDX-License-Identifier: Apache-2.0
// Builders of what the reconciler sees; each names only what matters.
import { ok } from '../../../src/core/result.js';
import { mib, milliCores } from '../../../src/core/units.js';
import type { Holder, Sight, SlotFiles } from '../../../src/observing/escape.js';
import type { LimitsPage } from '../../../src/wire/limits.js';
import type { RegionDevice, RegionProcess } from '../../../src/wire/region.js';
import { aRegion, aSlot, MIB } from './readings.js';

export const aHolder = (change: Partial<Holder> = {}): Holder => ({
  deviceId: 'GPU-1',
  pid: 1001,
  startTicks: 77,
  usedBytes: 1024 * MIB,
  podUid: 'u1',
  containerId: 'c'.repeat(64),
  slot: 's1',
  innerPid: 1,
  hasLibrary: true,
  ...change,
});

export const aPage = (change: Partial<LimitsPage> = {}) =>
  ok({
    epoch: 1,
    podUid: 'u1',
    namespace: 'a',
    pod: 'p',
    container: 'main',
    devices: [{ uuid: 'GPU-1', memory: mib(4096), cores: milliCores(300) }],
    ...change,
  } satisfies LimitsPage);

const aProcess = (usedBytes: number, change: Partial<RegionProcess> = {}): RegionProcess => ({
  pid: 1,
  startTicks: 77,
  generation: 1,
  inflight: 0,
  bytes: [[usedBytes]],
  usedBytes: [usedBytes],
  ...change,
});

/** A region whose word and rows say `mibs`. */
export function aTrueRegion(mibs: number, change: { inflight?: number } & Partial<RegionDevice> = {}) {
  const { inflight = 0, ...device } = change;
  const usedBytes = mibs * MIB;
  const region = aRegion({ usedBytes, classBytes: [usedBytes], ...device });
  if (!region.ok) throw new Error(region.error);
  return ok({ ...region.value, processes: [aProcess(usedBytes, { inflight })] });
}

export const someFiles = (change: Partial<SlotFiles> = {}): SlotFiles => ({
  region: aTrueRegion(1024),
  page: aPage(),
  isSteady: [true],
  ...change,
});

/** A pod that uses 1 GiB of its 4, and says so. */
export const aSight = (change: Partial<Sight> = {}): Sight => ({
  node: 'n1',
  isCurrent: true,
  slots: [aSlot()],
  files: new Map([['s1', someFiles()]]),
  holders: [aHolder()],
  ...change,
});
