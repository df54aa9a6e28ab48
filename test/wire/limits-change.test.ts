// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mib, milliCores } from '../../src/core/units.js';
import {
  type DeviceLimit,
  decodeLimits,
  encodeLimits,
  LIMITS_AT,
  type LimitsPage,
} from '../../src/wire/limits.js';
import { storesFor, type Writer } from '../../src/wire/limits-change.js';

const UUIDS = ['GPU-a', 'GPU-b'];

function aPage(changes: Partial<DeviceLimit> = {}, page: Partial<LimitsPage> = {}): LimitsPage {
  const devices = UUIDS.map((uuid) => ({ uuid, memory: mib(4096), cores: milliCores(300), ...changes }));
  return { epoch: 7, podUid: 'u', namespace: 'n', pod: 'p', container: 'c', devices, ...page };
}

/** The page after the stores. */
function stored(there: LimitsPage, wanted: LimitsPage, by: Writer) {
  const bytes = encodeLimits(there);
  for (const { offset, bytes: field } of storesFor(bytes, wanted, by) ?? []) bytes.set(field, offset);
  const page = decodeLimits(bytes);
  if (!page.ok) throw new Error(page.error);
  return page.value;
}

const someMib = fc.integer({ min: 1, max: 100_000 }).map(mib);
const granted = fc.record({
  memory: someMib,
  cores: fc.integer({ min: 0, max: 1000 }).map(milliCores),
  guaranteed: someMib,
  weight: fc.integer({ min: 1, max: 9 }),
});

describe('a page changed in place', () => {
  it('says afterwards what was wanted, one epoch later', () => {
    fc.assert(
      fc.property(granted, granted, (before, after) => {
        expect(stored(aPage(before), aPage(after), 'grant').devices).toEqual(aPage(after).devices);
      }),
    );
    expect(stored(aPage(), aPage({ memory: mib(1) }), 'grant').epoch).toBe(8);
  });

  it('is stored field by field, each at a multiple of its width, the epoch last', () => {
    fc.assert(
      fc.property(granted, granted, (before, after) => {
        const stores = storesFor(encodeLimits(aPage(before)), aPage(after), 'grant') ?? [];
        expect(stores.every(({ offset, bytes }) => offset % bytes.byteLength === 0)).toBe(true);
        expect(stores.findIndex(({ offset }) => offset === LIMITS_AT.epoch)).toBe(stores.length - 1);
      }),
    );
  });

  it('is not touched where it says so already', () => {
    expect(storesFor(encodeLimits(aPage()), aPage({}, { epoch: 1 }), 'grant')).toEqual([]);
  });

  it('keeps the arbiter’s word when the grant changes, and the grant when the arbiter speaks', () => {
    const there = aPage({ rate: milliCores(200), memoryNow: mib(2048) }, { arbiterBeatNs: 5 });
    const grown = stored(there, aPage({ memory: mib(8192) }), 'grant');
    expect(grown.arbiterBeatNs).toBe(5);
    expect(grown.devices[1]).toMatchObject({ memory: 8192, rate: 200, memoryNow: 2048 });
    const spoken = aPage(
      { memory: mib(1), rate: milliCores(900), memoryNow: mib(3000) },
      { arbiterBeatNs: 6 },
    );
    const beaten = stored(there, spoken, 'arbiter');
    expect(beaten.arbiterBeatNs).toBe(6);
    expect(beaten.devices[0]).toMatchObject({ memory: 4096, rate: 900, memoryNow: 3000 });
  });

  it('takes the arbiter’s ceiling down with its own', () => {
    const there = aPage({ memoryNow: mib(4000) });
    expect(stored(there, aPage({ memory: mib(1024) }), 'grant').devices[0]?.memoryNow).toBe(1024);
  });

  it('takes the arbiter’s ceiling up with a promise, and lends nothing of a ceiling that is new', () => {
    const there = aPage({ memory: mib(8192), guaranteed: mib(1024), memoryNow: mib(2048) });
    const promised = aPage({ memory: mib(8192), guaranteed: mib(3000) });
    expect(stored(there, promised, 'grant').devices[0]?.memoryNow).toBe(3000);
    expect(stored(aPage(), promised, 'grant').devices[0]?.memoryNow).toBe(3000);
  });

  it.each<[string, Uint8Array]>([
    ['no page', new Uint8Array(4096)],
    ['another container’s', encodeLimits(aPage({}, { container: 'd' }))],
    ['of other devices', encodeLimits(aPage({}, { devices: [] }))],
  ])('%s must be replaced whole', (_name, there) => {
    expect(storesFor(there, aPage(), 'grant')).toBeNull();
  });
});
