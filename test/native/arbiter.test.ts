// SPDX-License-Identifier: Apache-2.0
// The node's arbiter on pages and regions as files: what it opens, writes, lends and gives up.
import { readFileSync, renameSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Arbiter } from '../../src/apps/monitor/arbiter.js';
import { mib, milliCores } from '../../src/core/units.js';
import { decodeLimits, encodeLimits, type LimitsPage } from '../../src/wire/limits.js';
import { emptyRegion, REGION, REGION_AT, REGION_DEVICE_AT } from '../../src/wire/region.js';
import { buildNative, PATHS } from './build.js';
import { Asked, type Grant, Machine, type Slice } from './slice.js';

const SECOND = 1_000_000_000;
/** The machine has been up for a while. */
const START = 5_000 * SECOND;
const ALL = mib(40_000);

let machine: Machine;
let arbiter: Arbiter;

beforeAll(() => buildNative(), 120_000);
beforeEach(() => {
  machine = new Machine('A100-40G');
  arbiter = new Arbiter();
});
afterEach(() => {
  arbiter.close();
  machine.end();
});

const aSlice = (compute: Grant['compute'], memory = 1024): Slice =>
  machine.slice({ gpu: machine.gpu(0), mib: memory, ...(compute && { compute }) });

function pageOf({ folder }: Slice): LimitsPage {
  const page = decodeLimits(readFileSync(join(folder, 'limits')));
  if (!page.ok) throw new Error(page.error);
  return page.value;
}
const rateOf = (slice: Slice): number | undefined => pageOf(slice).devices[0]?.rate;
const memoryNowOf = (slice: Slice): number | undefined => {
  const [device] = pageOf(slice).devices;
  return device?.memoryNow ?? device?.memory;
};

/** What the container would say of its first device. */
function say(slice: Slice, counts: Partial<Record<keyof typeof REGION_DEVICE_AT, number>>): void {
  const region = slice.bytes('region');
  const view = new DataView(region.buffer);
  for (const [field, value] of Object.entries(counts)) {
    const at = REGION_AT.devices + REGION_DEVICE_AT[field as keyof typeof REGION_DEVICE_AT];
    view.setBigUint64(at, BigInt(value), true);
  }
  slice.write('region', region, 0o666);
}

const arbitrate = (...slices: readonly Slice[]): void =>
  arbiter.refresh(slices.map(({ folder }) => ({ folder, mayBorrow: true })));

describe('the arbiter', () => {
  it('lends a waiting slice what another leaves, beats, and takes it back at the next look', () => {
    const [waiting, other] = [
      aSlice({ cores: milliCores(300), isSoft: true }),
      aSlice({ cores: milliCores(700) }),
    ];
    arbitrate(waiting, other);
    say(waiting, { demand_ns: START });
    arbiter.tick(START);
    expect([rateOf(waiting), rateOf(other)]).toEqual([980, 700]);
    expect(arbiter.words().map(({ cores }) => cores)).toEqual([980, 700]);
    expect(pageOf(waiting).arbiterBeatNs).toBe(START);
    say(other, { demand_ns: START + 10_000_000 });
    arbiter.tick(START + 10_000_000);
    expect([rateOf(waiting), rateOf(other)]).toEqual([300, 700]);
  });

  it('leaves pages alone where there is nothing to decide', () => {
    const slices = [aSlice({ cores: milliCores(300) }), aSlice({ cores: milliCores(700) })];
    const before = slices.map((slice) => slice.bytes('limits'));
    arbitrate(...slices);
    arbiter.tick(START);
    expect(slices.map((slice) => slice.bytes('limits'))).toEqual(before);
  });

  it('counts with a region that cannot be read as with one that is idle', () => {
    const [torn, other] = [
      aSlice({ cores: milliCores(300) }),
      aSlice({ cores: milliCores(300), isSoft: true }),
    ];
    truncateSync(join(torn.folder, 'region'), 100);
    arbitrate(torn, other);
    say(other, { demand_ns: START });
    arbiter.tick(START);
    expect([rateOf(torn), rateOf(other)]).toEqual([300, 980]);
  });

  it('is not lamed by a region full of nonsense', () => {
    const [liar, other] = [
      aSlice({ cores: milliCores(300) }),
      aSlice({ cores: milliCores(700), isSoft: true }),
    ];
    liar.write('region', new Uint8Array(REGION.bytes).fill(0xff), 0o666);
    arbitrate(liar, other);
    say(other, { demand_ns: START });
    arbiter.tick(START);
    expect([rateOf(liar), rateOf(other)]).toEqual([300, 700]);
  });

  it('follows a grant that changes in place, and a slot that leaves', () => {
    const [first, second] = [1, 2].map(() => aSlice({ cores: milliCores(300), isSoft: true })) as [
      Slice,
      Slice,
    ];
    arbitrate(first, second);
    for (const slice of [first, second]) say(slice, { demand_ns: START });
    arbiter.tick(START);
    expect([rateOf(first), rateOf(second)]).toEqual([500, 500]);
    first.grant({ gpu: machine.gpu(0), mib: 1024, compute: { cores: milliCores(500), isSoft: true } });
    arbitrate(first, second);
    arbiter.tick(START + 1);
    expect([rateOf(first), rateOf(second)]).toEqual([600, 400]);
    arbitrate(first);
    arbiter.tick(START + 2);
    expect(rateOf(first)).toBe(1000);
  });

  it('finds the new page and region of a container that started anew', () => {
    const slice = aSlice({ cores: milliCores(300), isSoft: true });
    arbitrate(slice);
    const page = { ...pageOf(slice), podUid: 'other' };
    slice.write('new-limits', encodeLimits(page), 0o444);
    slice.write('new-region', emptyRegion(), 0o666);
    for (const name of ['limits', 'region'])
      renameSync(join(slice.folder, `new-${name}`), join(slice.folder, name));
    arbitrate(slice);
    say(slice, { demand_ns: START });
    arbiter.tick(START);
    expect(rateOf(slice)).toBe(1000);
  });

  it('holds a clamped slot to one hundredth and to the memory it has, until it is released', () => {
    const slice = aSlice({ cores: milliCores(300) });
    say(slice, { used_word: 100 * 2 ** 20 });
    arbitrate(slice);
    arbiter.clamp(slice.folder);
    arbiter.tick(START);
    arbiter.divide(START, () => ALL);
    expect([rateOf(slice), memoryNowOf(slice)]).toEqual([10, 100]);
    arbiter.release(slice.folder);
    arbiter.tick(START + 1);
    expect([rateOf(slice), memoryNowOf(slice)]).toEqual([undefined, 1024]);
  });
});

describe('memory that is not promised', () => {
  const elastic = (guaranteed: number, ceiling: number): Slice =>
    aSlice({ guaranteed: mib(guaranteed) }, ceiling);

  it('goes to who was refused, and comes back when he has given it back', () => {
    const [one, other] = [elastic(1000, 3000), elastic(1000, 3000)];
    arbitrate(one, other);
    say(other, { refusals: 1 });
    arbiter.divide(START, () => mib(4000));
    expect([memoryNowOf(one), memoryNowOf(other)]).toEqual([1000, 3000]);
    arbiter.divide(START + 3 * SECOND, () => mib(4000));
    expect([memoryNowOf(one), memoryNowOf(other)]).toEqual([2000, 2000]);
  });

  it('stays with who uses it, and is no more than the device has beside what others hold', () => {
    const [one, other] = [elastic(1000, 3000), elastic(1000, 3000)];
    say(one, { used_word: 2500 * 2 ** 20 });
    arbitrate(one, other);
    arbiter.divide(START, () => mib(3500));
    expect([memoryNowOf(one), memoryNowOf(other)]).toEqual([2500, 1000]);
  });

  it('is lent to nobody whom the policy does not let borrow', () => {
    const slice = elastic(1000, 3000);
    arbiter.refresh([{ folder: slice.folder, mayBorrow: false }]);
    arbiter.divide(START, () => ALL);
    expect(memoryNowOf(slice)).toBe(1000);
  });

  it('has no end below the part of a slice that may grow no more', () => {
    const slice = elastic(1000, 3000);
    slice.grant({ gpu: machine.gpu(0), mib: 3000, compute: { guaranteed: mib(1000), memoryNow: mib(1000) } });
    arbitrate(slice);
    slice.grant({ gpu: machine.gpu(0), mib: 2000 });
    arbitrate(slice);
    arbiter.divide(START, () => ALL);
    expect(memoryNowOf(slice)).toBe(2000);
  });

  it('grows and is given back under a running program', async () => {
    const slice = elastic(1000, 3000);
    slice.grant({ gpu: machine.gpu(0), mib: 3000, compute: { guaranteed: mib(1000), memoryNow: mib(1000) } });
    const asked = await Asked.start(slice, [PATHS.workload, 'ask']);
    arbitrate(slice);
    const refused = await asked.say('alloc 1500');
    arbiter.divide(START, () => ALL);
    const granted = await asked.say('alloc 1500');
    arbiter.divide(START + SECOND, () => mib(1200));
    const again = await asked.say('alloc 100');
    expect([refused, granted, again].map(({ code }) => code)).toEqual([2, 0, 2]);
    await asked.end();
  });
});
