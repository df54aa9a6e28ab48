// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fit } from '../../../src/core/fit.js';
import { Ledger } from '../../../src/core/ledger.js';
import { overcommitted } from '../../../src/core/overcommit.js';
import type { Slice } from '../../../src/core/placement.js';
import { place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { ANY_DEVICE, type SliceRequest } from '../../../src/core/request.js';
import { mib, milliCores } from '../../../src/core/units.js';
import { aDevice, anAssumption, aRequest, aState, aWish, someFacts, WHOLE } from '../../builders/core.js';

const POOL = new Map([
  ['pool', 'dev'],
  ['zone', 'a'],
]);
const facts = someFacts({ devices: [aDevice()], labels: POOL, slotCount: 40 });
const twice = overcommitted(facts, [{ nodes: { pool: 'dev' }, memory: 1.5, cores: 2, splits: 20 }]);
const [wide] = twice.devices;

describe('overcommit', () => {
  it('lets more be given out, and remembers what is there', () => {
    expect(wide).toMatchObject({
      ...{ memory: 61_440, cores: 2000, splits: 20 },
      physical: { memory: 40_960, cores: 1000, splits: 10 },
    });
  });

  it.each([
    ['no entry', []],
    ['an entry for other nodes', [{ nodes: { pool: 'prod' }, memory: 2 }]],
    ['an entry of which the node has one label of two', [{ nodes: { pool: 'dev', zone: 'b' }, memory: 2 }]],
    [
      'the first that matches decides, and it changes nothing',
      [
        { nodes: {}, memory: 1 },
        { nodes: {}, memory: 2 },
      ],
    ],
  ])('%s leaves the devices as they are', (_, entries) => {
    expect(overcommitted(facts, entries).devices).toEqual(facts.devices);
  });

  it.each([
    ['hardware that cuts itself', aDevice({ cuts: { kind: 'units', units: 60 } })],
    ['a device whose owner gives nothing out', aDevice({ splits: 0 })],
  ])('%s is left alone', (_, device) => {
    const told = someFacts({ devices: [device] });
    expect(overcommitted(told, [{ nodes: {}, memory: 2, splits: 30 }]).devices).toEqual([device]);
  });

  it('is of what is there, and what others hold is taken from what may be given', () => {
    const physical = { memory: mib(40_960), cores: milliCores(1000), splits: 10 };
    const told = someFacts({ devices: [aDevice({ memory: 30_960, physical })] });
    const [device] = overcommitted(told, [{ nodes: {}, memory: 1.5 }]).devices;
    expect(device).toMatchObject({ memory: 51_440, physical });
    expect(overcommitted(told, [{ nodes: {}, memory: 1 }]).devices).toEqual(told.devices);
  });

  it('rounds down to whole units', () => {
    const odd = someFacts({ devices: [aDevice({ memory: 1001, cores: 999 })] });
    expect(overcommitted(odd, [{ nodes: {}, memory: 1.1, cores: 1.001 }]).devices[0]).toMatchObject({
      memory: 1101,
      cores: 999,
    });
  });
});

const onWide = (hold: Parameters<typeof aState>[1], slice: SliceRequest) =>
  fit({ ...aState({}, hold), device: wide as ReturnType<typeof aDevice> }, { slice, choice: ANY_DEVICE });

/** Assumed, where it fits. */
function placeOn(ledger: Ledger, wish: SliceRequest, uid: string): Slice | undefined {
  const node = ledger.node('n1');
  const placed = node && place(aRequest(wish), node, DEFAULT_RULES);
  if (!placed?.ok) return undefined;
  ledger.assume(anAssumption(aRequest(wish), placed.value, { uid, pod: `a/${uid}` }));
  return placed.value.containers[0]?.slices[0];
}

describe('an overcommitted device', () => {
  it.each([
    ['a whole device is what is there', {}, WHOLE, { memory: 40_960, cores: 1000 }],
    [
      'a share is of what is there',
      {},
      aWish({ memory: { kind: 'share', permille: 500 } }),
      { memory: 20_480 },
    ],
    [
      'room is what may be given out',
      { memory: 40_960, slices: 1 },
      aWish({ memory: 20_480 }),
      { memory: 20_480 },
    ],
    ['so is compute', { cores: 1500, slices: 3 }, aWish({ cores: 500 }), { cores: 500 }],
    ['and so are slices', { slices: 19 }, aWish(), { memory: 4096 }],
  ])('%s', (_, hold, slice, want) => {
    const of = { memory: 61_440, cores: 2000, splits: 20 };
    expect(onWide(hold, slice)).toMatchObject({ ok: true, value: { ...want, of } });
  });

  it.each([
    [
      'a slice larger than the device never fits',
      {},
      aWish({ memory: 40_961 }),
      { kind: 'TooSmall', have: 40_960 },
    ],
    [
      'what may be given out ends too',
      { memory: 60_000, slices: 2 },
      aWish(),
      { kind: 'MemoryShort', free: 1440 },
    ],
    [
      'all its memory makes it the holder’s alone',
      { memory: 100, slices: 1 },
      aWish({ memory: 40_960 }),
      { kind: 'NotEmpty' },
    ],
    ['slices end', { slices: 20 }, aWish(), { kind: 'SlicesShort', splits: 20 }],
  ])('%s', (_, hold, slice, refusal) => {
    expect(onWide(hold, slice)).toMatchObject({ ok: false, error: refusal });
  });

  it('gives nobody more than is there, and all together no more than may be given out', () => {
    const wish = fc.record({
      memory: fc.integer({ min: 1, max: 50_000 }),
      cores: fc.integer({ min: 0, max: 1000 }),
    });
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 30 }), (wishes) => {
        const ledger = new Ledger();
        ledger.setNode(twice);
        const given = wishes.flatMap((one, at) => placeOn(ledger, aWish(one), `u${at}`) ?? []);
        for (const { memory } of given) expect(memory).toBeLessThanOrEqual(40_960);
        const hold = ledger.node('n1')?.vendors.get('nvidia')?.devices[0]?.hold;
        expect(hold?.memory).toBeLessThanOrEqual(61_440);
        expect(hold?.cores).toBeLessThanOrEqual(2000);
        expect(hold?.slices).toBeLessThanOrEqual(20);
        if (hold?.isExclusive) expect(hold.slices).toBe(1);
      }),
    );
  });

  it('keeps what it holds when the overcommit is taken back, and gives nothing new until there is room', () => {
    const ledger = new Ledger();
    ledger.setNode(twice);
    for (const uid of ['u1', 'u2', 'u3']) placeOn(ledger, aWish({ memory: 20_000 }), uid);
    ledger.setNode(facts);
    const state = () => ledger.node('n1')?.vendors.get('nvidia')?.devices[0];
    expect(state()).toMatchObject({ hold: { memory: 60_000, slices: 3 }, device: { memory: 40_960 } });
    const refused = () => {
      const found = state();
      return found && fit(found, { slice: aWish({ memory: 1000 }), choice: ANY_DEVICE });
    };
    expect(refused()).toMatchObject({ ok: false, error: { kind: 'MemoryShort', free: 0 } });
    ledger.release('u1');
    expect(refused()).toMatchObject({ error: { kind: 'MemoryShort', free: 960 } });
    ledger.release('u2');
    expect(refused()?.ok).toBe(true);
  });
});
