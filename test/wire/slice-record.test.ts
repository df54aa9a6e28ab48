// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mib, milliCores } from '../../src/core/units.js';
import { decodeSliceRecord, encodeSliceRecord, type SliceRecord } from '../../src/wire/slice-record.js';

const RECORD: SliceRecord = {
  name: 'train-3f2a',
  deviceId: 'GPU-a',
  model: 'H200',
  deviceMemory: mib(143_771),
  ceiling: mib(8192),
  guaranteed: mib(4096),
  cores: milliCores(300),
  isSoft: true,
  command: ['python', 'train.py'],
  pid: 4711,
  startTicks: 123,
  mountNamespace: 'mnt:[4026532177]',
  startedAtMs: 1_763_750_000_000,
};

const changed = (changes: object): string =>
  JSON.stringify({ ...(JSON.parse(encodeSliceRecord(RECORD)) as object), ...changes });

describe('the record of a slice', () => {
  it('comes back as it was written', () => {
    expect(decodeSliceRecord(encodeSliceRecord(RECORD))).toEqual({ ok: true, value: RECORD });
  });

  it.each([
    ['{', 'is not a JSON object'],
    [changed({ v: 2 }), 'has version 2, not 1'],
    [changed({ command: 'ls' }), 'has no command'],
    [changed({ name: '../../etc' }), 'has a field that cannot be read'],
    [changed({ ceilingMiB: -1 }), 'has a field that cannot be read'],
    [changed({ pid: '1' }), 'has a field that cannot be read'],
  ])('%s is refused', (text, error) => expect(decodeSliceRecord(text)).toEqual({ ok: false, error }));

  it('is decoded without a throw whatever the JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(typeof decodeSliceRecord(text).ok).toBe('boolean');
      }),
    );
  });
});
