// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { localFrame, type LocalLook } from '../../../../src/apps/cli/local-frame.js';
import { mib, milliCores } from '../../../../src/core/units.js';
import { type LocalReading, localStateOf } from '../../../../src/observing/local.js';
import { NO_COMPUTE } from '../../../../src/wire/region.js';
import type { SliceRecord } from '../../../../src/wire/slice-record.js';
import { aBrokenRegion, aReading, aRegion, MIB } from '../../observing/readings.js';

const aRecord = (changes: Partial<SliceRecord> = {}): SliceRecord => ({
  name: 'train',
  deviceId: 'GPU-1',
  model: 'A100-40G',
  deviceMemory: mib(40_960),
  ceiling: mib(4096),
  guaranteed: mib(4096),
  cores: milliCores(300),
  isSoft: false,
  command: ['python', 'train.py'],
  pid: 1,
  startTicks: 1,
  mountNamespace: 'mnt:[1]',
  startedAtMs: 0,
  ...changes,
});

const stateWith = (slices: readonly LocalReading[], problem = '') =>
  localStateOf({ machine: 'box', problem, devices: problem === '' ? [aReading()] : [], slices });

const look = (busyNs: number, atMs: number): LocalLook => {
  const region = aRegion({
    usedBytes: 1024 * MIB,
    peakBytes: 2048 * MIB,
    refusals: 3,
    compute: { ...NO_COMPUTE, busyNs },
  });
  return { state: stateWith([{ record: aRecord(), region, memoryNow: null }]), atMs };
};

const frame = (now: LocalLook, before: LocalLook | null = null): string =>
  localFrame(now, before, { hasColour: false });

describe('the slices of this machine', () => {
  it('stand below its devices, used against granted', () => {
    expect(frame(look(0, 0))).toMatch(/0 +A100-40G +40 GiB +4 GiB +0 MiB .* 30 % +1 +GPU-1/);
    expect(frame(look(0, 0))).toMatch(
      /train +0 +4 GiB +- +1 GiB +█+░+ +25 % +2 GiB +3 +30 % +- +0 +python train\.py/,
    );
  });

  it('tell from the second look on how busy each kept the device', () => {
    expect(frame(look(750e6, 2000), look(250e6, 0))).toMatch(/ 30 % +25 % /);
    expect(frame(look(0, 2000), look(250e6, 0))).toMatch(/ 30 % +- /);
  });

  it('show how far one that may burst can grow now', () => {
    const record = aRecord({ ceiling: mib(8192), isSoft: true });
    const slice = { record, region: aRegion({}), memoryNow: mib(6144) };
    expect(frame({ state: stateWith([slice]), atMs: 0 })).toMatch(/4 GiB +6 GiB of 8 GiB .* 30 %\+/);
  });

  it('that cannot be read say why in the place of their command', () => {
    const broken = {
      record: aRecord(),
      region: aBrokenRegion('region has 0 bytes, not 299008'),
      memoryNow: null,
    };
    expect(frame({ state: stateWith([broken]), atMs: 0 })).toContain('region has 0 bytes, not 299008');
    const liar = { record: aRecord(), region: aRegion({ usedBytes: 2 ** 47 }), memoryNow: null };
    expect(frame({ state: stateWith([liar]), atMs: 0 })).toContain(
      'the region claims more than the device has',
    );
    const gone = { record: aRecord(), region: null, memoryNow: null };
    expect(stateWith([gone]).slices[0]).toMatchObject({ usedMiB: null, problem: 'there is no region' });
  });

  it('are shown without a driver too, with what it said', () => {
    const text = frame({ state: stateWith([], 'driver: gone'), atMs: 0 });
    expect(text).toBe('no slices run on this machine: kerf run starts one\n\ndriver: gone');
  });
});
