// SPDX-License-Identifier: Apache-2.0
// How a device of each vendor may be cut, asked through place: what is placed is what is held.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/core/device.js';
import { addHold, holdsOf, NO_HOLD } from '../../../src/core/hold.js';
import type { NodeView } from '../../../src/core/node.js';
import { place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import type { SliceRequest } from '../../../src/core/request.js';
import { VENDORS, withCuts } from '../../../src/vendors/index.js';
import type { CutRule, Vendor } from '../../../src/vendors/vendor.js';
import { aDevice, aNode, aRequest, aWish } from '../../builders/core.js';

const rowOf = (name: string): Vendor => VENDORS.find((vendor) => vendor.name === name) as Vendor;

function device(vendor: string, model: string, memory: number, mode?: string): Device {
  const base = aDevice({ id: 'D', vendor, model, memory, splits: 100 });
  return withCuts(rowOf(vendor), mode === undefined ? base : { ...base, mode });
}

function nodeOf(one: Device, hold = NO_HOLD): NodeView {
  return aNode({ devices: [one], slots: new Map([[one.vendor, 100]]) }, { [one.id]: hold });
}

/** [MiB, milli] that the device gives, or why it does not. */
function given(one: Device, wish: Parameters<typeof aWish>[0], hold = NO_HOLD): unknown {
  const placed = place(aRequest(aWish({ vendor: one.vendor, ...wish })), nodeOf(one, hold), DEFAULT_RULES);
  if (placed.ok) return placed.value.containers[0]?.slices.map(({ memory, cores }) => [memory, cores])[0];
  return placed.error.kind === 'NoDeviceFits' ? placed.error.devices[one.id]?.kind : placed.error.kind;
}

const whole = { kind: 'whole' } as const;
const b3 = device('ascend', 'Ascend910B3', 65_536);
const a100 = device('nvidia', 'NVIDIA A100-SXM4-40GB', 40_960);
const mig = device('nvidia', 'NVIDIA A100-SXM4-40GB', 40_960, 'mig');
const instance = device('nvidia', 'NVIDIA A100-SXM4-40GB MIG 2g.10gb', 9728, 'instance');
const mi300 = device('amd', 'AMD Instinct MI300X', 196_608);
const foreign = device('amd', 'AMD Instinct MI999', 65_536);

describe('a device gives', () => {
  it.each([
    ['any memory and compute where it may be cut anywhere', a100, { memory: 3001, cores: 310 }, [3001, 310]],
    ['the smallest template that is enough', b3, { memory: 1000 }, [16_384, 250]],
    ['a template just as large', b3, { memory: 16_384 }, [16_384, 250]],
    ['the next template for one MiB more', b3, { memory: 16_385 }, [32_768, 500]],
    ['the next template for more compute', b3, { memory: 1000, cores: 300 }, [32_768, 500]],
    ['itself whole above the largest template', b3, { memory: 32_769 }, [65_536, 1000]],
    ['itself whole with all its compute', b3, { memory: whole, cores: 300 }, [65_536, 1000]],
    ['a template for a share', b3, { memory: { kind: 'share', permille: 250 } as const }, [16_384, 250]],
    ['no more than it has', b3, { memory: 65_537 }, 'TooSmall'],
    ['a profile in the mode that knows no other', mig, { memory: 5000 }, [9984, 285]],
    ['the profile of more compute among equals', mig, { memory: 20_000, cores: 500 }, [20_090, 571]],
    ['no whole device where no profile is that', mig, { memory: whole, cores: 1000 }, 'NoCut'],
    ['an instance whole, however little is asked', instance, { memory: 5120 }, [9728, 1000]],
    ['nothing above an instance', instance, { memory: 9729 }, 'TooSmall'],
    ['whole compute units', mi300, { memory: 1024, cores: 100 }, [1024, 102]],
    ['no compute unit to who asks none', mi300, { memory: 1024, cores: 0 }, [1024, 0]],
    ['all its units to who asks all', mi300, { memory: 1024, cores: 1000 }, [1024, 1000]],
    ['itself whole where its model is not known', foreign, { memory: 1024, cores: 10 }, [65_536, 1000]],
  ])('%s', (_what, one, wish, want) => {
    expect(given(one, wish)).toEqual(want);
  });

  it.each([
    ['profiles of an unknown model', device('nvidia', 'NVIDIA X', 40_960, 'mig')],
    ['cuts of an unknown mode', device('ascend', 'Ascend910B3', 65_536, 'soft')],
  ])('nothing for %s', (_what, one) => {
    expect(given(one, { memory: 1 })).toBe('NoCut');
  });

  it('no rounded slice into room that the wish alone would fit', () => {
    const hold = { ...NO_HOLD, memory: 32_769 as Device['memory'], slices: 1 };
    expect(given(b3, { memory: 20_000 }, hold)).toBe('MemoryShort');
  });

  it('nothing whole, though asked in parts, beside another', () => {
    const hold = { ...NO_HOLD, memory: 1 as Device['memory'], slices: 1 };
    expect(given(b3, { memory: 40_000 }, hold)).toBe('NotEmpty');
  });

  it('sums as its templates do: 16 + 8 + 4 + 2 cores are all 30', () => {
    const all = [17_476, 8738, 4369, 2184].map((memory) => aWish({ vendor: 'ascend', memory }));
    expect(fill(device('ascend', 'Ascend910A', 32_768), all)).toHaveLength(4);
  });
});

/** Places one pod after another on one device; the slices of those that found room. */
function fill(one: Device, wishes: readonly SliceRequest[]): readonly { memory: number; cores: number }[] {
  let hold = NO_HOLD;
  const slices = [];
  for (const wish of wishes) {
    const placed = place(aRequest(wish), nodeOf(one, hold), DEFAULT_RULES);
    if (!placed.ok) continue;
    const held = holdsOf(placed.value, [{ name: 'main', kind: 'app' }], () => one).get(one.id) ?? NO_HOLD;
    hold = addHold(hold, held);
    for (const slice of placed.value.containers[0]?.slices ?? []) slices.push(slice);
    if (held.isExclusive) expect(hold.slices).toBe(1);
  }
  expect(hold.memory).toBeLessThanOrEqual(one.memory);
  expect(hold.cores).toBeLessThanOrEqual(one.cores);
  return slices;
}

/** One device of every model of every rule of every row. */
const ALL = VENDORS.flatMap((vendor) =>
  [[undefined, vendor.cuts] as const, ...Object.entries(vendor.modes)].flatMap(([mode, rule]) =>
    modelsOf(rule).map((model) => device(vendor.name, model, 65_536, mode)),
  ),
);

function modelsOf(rule: CutRule): readonly string[] {
  return rule.kind === 'any' ? ['any'] : Object.keys(rule.models);
}

const aWishFor = (vendor: string): fc.Arbitrary<SliceRequest> =>
  fc
    .record({ memory: fc.integer({ min: 1, max: 70_000 }), cores: fc.integer({ min: 0, max: 100 }) })
    .map(({ memory, cores }) => aWish({ vendor, memory, cores: cores * 10 }));

describe('on every model of every vendor', () => {
  it.each(ALL.map((one) => [`${one.model} ${one.mode ?? ''}`, one] as const))(
    '%s: never less than asked, never more than there is, never whole beside another',
    (_name, one) => {
      fc.assert(
        fc.property(fc.array(aWishFor(one.vendor), { maxLength: 24 }), (wishes) => {
          fill(one, wishes);
          for (const wish of wishes) {
            const got = fill(one, [wish])[0];
            if (got === undefined || wish.memory.kind !== 'fixed') continue;
            expect(got.memory).toBeGreaterThanOrEqual(wish.memory.memory);
            expect(got.cores).toBeGreaterThanOrEqual(wish.cores);
          }
        }),
        { numRuns: 30 },
      );
    },
  );

  it('compute units add up to those of the device at most, each found again by rounding down', () => {
    const cores = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(cores, (percents) => {
        const wishes = percents.map((cores) => aWish({ vendor: 'amd', memory: 1, cores: cores * 10 }));
        const units = fill(mi300, wishes).map((slice) => Math.floor((slice.cores * 304) / 1000));
        expect(units.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(304);
      }),
    );
    for (let percent = 1; percent <= 100; percent++) {
      const [, milli] = given(mi300, { memory: 1, cores: percent * 10 }) as [number, number];
      expect(Math.floor((milli * 304) / 1000)).toBe(Math.ceil((percent * 304) / 100));
    }
  });

  it('a placement fits again where it was', () => {
    for (const one of ALL)
      for (const memory of [1, 5000, 17_000, 33_000]) {
        const first = given(one, { memory });
        if (!Array.isArray(first)) continue;
        expect(given(one, { memory: first[0], cores: first[1] })).toEqual(first);
      }
  });
});
