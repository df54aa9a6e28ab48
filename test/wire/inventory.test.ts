// SPDX-License-Identifier: Apache-2.0
// The letter kerf.dev/inventory-<vendor>, both ways. A golden file that changes breaks running clusters: add a new one.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInventory, encodeInventory } from '../../src/wire/inventory.js';
import { aDevice } from '../builders/core.js';

const golden = (name: string): string => readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8');

const FIRST = 'GPU-3b241101-e2bb-4255-8caf-4136c566a962';
const DEVICES = [
  aDevice({ id: FIRST, numa: 0 }),
  aDevice({
    ...{
      id: 'GPU-9d1f0c66-0a3e-4f6d-8b1e-2f4b1d8c5e11',
      index: 1,
      model: 'Tesla T4',
      memory: 15_360,
      splits: 4,
    },
    ...{ isHealthy: false, reason: 'Xid 79: fallen off the bus' },
  }),
];

describe('the inventory letter', () => {
  it('is written as in the golden file', () => {
    expect(encodeInventory(DEVICES)).toBe(golden('inventory-v1.txt'));
  });

  it('is read as in the golden file', () => {
    expect(decodeInventory('nvidia', golden('inventory-v1.txt'))).toEqual({ ok: true, value: DEVICES });
  });

  it('lets unknown fields pass', () => {
    expect(decodeInventory('nvidia', golden('inventory-v1-unknown-fields.txt'))).toEqual({
      ok: true,
      value: [aDevice({ id: FIRST, model: 'Tesla T4', memory: 15_360 })],
    });
  });

  it('of an unknown version is not read: the node takes nothing', () => {
    expect(decodeInventory('nvidia', golden('inventory-v2.txt'))).toEqual({
      ok: false,
      error: 'inventory of nvidia has version 2, not 1',
    });
  });

  const row = { id: 'a', index: 0, model: 'm', memoryMiB: 1, corePercent: 100, splits: 1, healthy: true };
  const of = (...devices: object[]) => JSON.stringify({ v: 1, devices });
  it.each([
    ['no JSON', '{'],
    ['a version that cannot be written', '{"v":{"toString":0}}'],
    ['no devices', '{"v":1}'],
    ['a device that is text', '{"v":1,"devices":["a"]}'],
    ['a device without an id', of({ ...row, id: '' })],
    ['a device twice', of(row, row)],
    ['memory as text', of({ ...row, memoryMiB: '1' })],
    ['negative splits', of({ ...row, splits: -1 })],
    ['no word about health', of({ ...row, healthy: undefined })],
  ])('is an error, and no exception, when it has %s', (_title, text) => {
    expect(decodeInventory('nvidia', text)).toMatchObject({
      ok: false,
      error: expect.stringContaining('inventory of nvidia'),
    });
  });

  const anyDevices = fc.uniqueArray(
    fc
      .record({
        id: fc.string({ minLength: 1 }),
        index: fc.nat(),
        model: fc.string(),
        memory: fc.nat(),
        cores: fc.nat(100_000),
        splits: fc.nat(),
        numa: fc.option(fc.nat()),
        isHealthy: fc.boolean(),
        reason: fc.string(),
      })
      .map((named) => aDevice(named)),
    { selector: ({ id }) => id },
  );
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(anyDevices, (devices) => {
        expect(decodeInventory('nvidia', encodeInventory(devices))).toEqual({ ok: true, value: devices });
      }),
    );
  });
});
