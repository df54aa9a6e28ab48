// SPDX-License-Identifier: Apache-2.0
// native/include/region.h is the truth of the bytes: a C program prints its offsets, TypeScript is held to them.
import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { LIMITS, LIMITS_AT, LIMITS_DEVICE_AT } from '../../src/wire/limits.js';
import {
  REGION,
  REGION_AT,
  REGION_CLASSES,
  REGION_DEVICE_AT,
  REGION_SLOT_AT,
} from '../../src/wire/region.js';
import { buildNative, PATHS } from '../native/build.js';

type Layout = Record<string, Record<string, number>>;
let layout: Layout;

beforeAll(() => {
  buildNative();
  layout = JSON.parse(spawnSync(PATHS.printOffsets, { encoding: 'utf8' }).stdout) as Layout;
}, 120_000);

describe('the bytes of region.h', () => {
  it.each([
    ['limits', LIMITS_AT],
    ['limitsDevice', LIMITS_DEVICE_AT],
    ['region', REGION_AT],
    ['regionDevice', REGION_DEVICE_AT],
    ['regionSlot', REGION_SLOT_AT],
  ])('%s lies where TypeScript reads it', (name, offsets) => {
    expect(offsets).toEqual(layout[name]);
  });

  it('have the same constants', () => {
    expect({
      limitsMagic: LIMITS.magic,
      limitsVersion: LIMITS.version,
      limitsBytes: LIMITS.bytes,
      limitsDeviceBytes: LIMITS.deviceBytes,
      limitsBeatFreshNs: LIMITS.beatFreshNs,
      coresSoft: LIMITS.coresSoft,
      priorityHigh: LIMITS.priorityHigh,
      regionMagic: REGION.magic,
      regionVersion: REGION.version,
      regionBytes: REGION.bytes,
      regionDeviceBytes: REGION.deviceBytes,
      regionSlotBytes: REGION.slotBytes,
      devicesMax: REGION.devicesMax,
      slots: REGION.slots,
      classes: REGION_CLASSES.length,
      buckets: REGION.buckets,
      hookBaseNs: REGION.hookBaseNs,
      throttleBaseNs: REGION.throttleBaseNs,
      uuidBytes: LIMITS.uuidBytes,
      nameBytes: LIMITS.nameBytes,
      podNameBytes: LIMITS.podNameBytes,
    }).toEqual(layout['constants']);
  });
});
