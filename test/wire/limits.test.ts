// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mib, milliCores } from '../../src/core/units.js';
import {
  decodeLimits,
  encodeLimits,
  LIMITS,
  LIMITS_AT,
  type DeviceLimit,
  type LimitsPage,
} from '../../src/wire/limits.js';

const UUID = 'GPU-3b241101-e2bb-4255-8caf-4136c566a962';

function aPage(changes: Partial<LimitsPage> = {}): LimitsPage {
  return {
    epoch: 1,
    podUid: '8c1f6b1e-5a5a-4b39-9c48-2f4b1d8c5e11',
    namespace: 'team-a',
    pod: 'train-0',
    container: 'main',
    devices: [{ uuid: UUID, memory: mib(4096), cores: milliCores(300) }],
    ...changes,
  };
}

const text = (max: number) =>
  fc.string({ unit: fc.constantFrom(...'abcXYZ019-._'.split('')), minLength: 1, maxLength: max });
const someMib = fc.integer({ min: 1, max: 10_000_000 }).map(mib);
const anyDevice: fc.Arbitrary<DeviceLimit> = fc.record(
  {
    uuid: text(47),
    memory: fc.integer({ min: 0, max: 10_000_000 }).map(mib),
    cores: fc.integer({ min: 0, max: 1000 }).map(milliCores),
    guaranteed: someMib,
    memoryNow: someMib,
    rate: fc.integer({ min: 1, max: 1000 }).map(milliCores),
    weight: fc.integer({ min: 1, max: 1000 }),
    isSoft: fc.constant(true as const),
    isHigh: fc.constant(true as const),
  },
  { requiredKeys: ['uuid', 'memory', 'cores'] },
);
const anyPage: fc.Arbitrary<LimitsPage> = fc.record({
  epoch: fc.nat(),
  podUid: text(63),
  namespace: text(63),
  pod: text(255),
  container: text(63),
  devices: fc.array(anyDevice, { maxLength: LIMITS.devicesMax }),
});

function broken(offset: number, value: number): Uint8Array {
  const bytes = encodeLimits(aPage());
  new DataView(bytes.buffer).setUint32(offset, value, true);
  return bytes;
}

describe('the limits page', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(anyPage, (page) => {
        expect(decodeLimits(encodeLimits(page))).toEqual({ ok: true, value: page });
      }),
    );
  });

  it('of version 1 is read as before', () => {
    expect(decodeLimits(broken(LIMITS_AT.version, 1))).toEqual({ ok: true, value: aPage() });
  });

  it('keeps the beat of a node that has been up for a year', () => {
    const page = aPage({ arbiterBeatNs: 31_536_000_000_000_000 });
    expect(decodeLimits(encodeLimits(page))).toEqual({ ok: true, value: page });
  });

  it('has one size and starts with its magic', () => {
    const bytes = encodeLimits(aPage());
    expect(bytes.byteLength).toBe(4096);
    expect(String.fromCharCode(...bytes.subarray(0, 4))).toBe('KRFL');
  });

  it('is read from inside a larger buffer', () => {
    const outer = new Uint8Array(LIMITS.bytes + 16);
    outer.set(encodeLimits(aPage()), 16);
    expect(decodeLimits(outer.subarray(16)).ok).toBe(true);
  });

  it.each([
    ['short', new Uint8Array(12), 'limits page has 12 bytes, not 4096'],
    ['empty', new Uint8Array(LIMITS.bytes), 'limits magic is 0x0, not 0x4c46524b'],
    ['of another version', broken(LIMITS_AT.version, 9), 'limits version is 9, this program reads 1 to 2'],
    ['of another size', broken(LIMITS_AT.size_bytes, 1), 'limits size is 1, not 4096'],
    ['with 17 devices', broken(LIMITS_AT.device_count, 17), 'limits device count is 17, at most 16 fit'],
    [
      'with an unnamed device',
      broken(LIMITS_AT.device_count, 2),
      'limits devices hold a UUID or a size nobody could have written',
    ],
  ])('%s is refused with a sentence', (_name, bytes, error) => {
    expect(decodeLimits(bytes)).toEqual({ ok: false, error });
  });

  it('is decoded without a throw whatever the bytes', () => {
    const noise = fc.uint8Array({ minLength: LIMITS.bytes - 16, maxLength: LIMITS.bytes - 16 });
    fc.assert(
      fc.property(noise, (tail) => {
        const bytes = encodeLimits(aPage());
        bytes.set(tail, 16);
        expect(typeof decodeLimits(bytes).ok).toBe('boolean');
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['a text too long', { container: 'c'.repeat(64) }],
    ['a text outside ASCII', { pod: 'π' }],
    ['a device without UUID', { devices: [{ uuid: '', memory: mib(1), cores: milliCores(0) }] }],
  ])('%s is a bug of the writer', (_name, changes) => {
    expect(() => encodeLimits(aPage(changes))).toThrow(/^bug: /);
  });
});
