// SPDX-License-Identifier: Apache-2.0
// The letter kerf.dev/inventory-<vendor>, both ways. A golden file that changes breaks running clusters: add a new one.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInventory, encodeInventory } from '../../src/wire/inventory.js';
import { type LinkTriangle, type LinkWord, linkWordAt, triangleOf } from '../../src/wire/links.js';
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
    const value = { devices: DEVICES, links: null };
    expect(decodeInventory('nvidia', golden('inventory-v1.txt'))).toEqual({ ok: true, value });
  });

  it('lets unknown fields pass', () => {
    expect(decodeInventory('nvidia', golden('inventory-v1-unknown-fields.txt'))).toEqual({
      ok: true,
      value: { devices: [aDevice({ id: FIRST, model: 'Tesla T4', memory: 15_360 })], links: null },
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
  const TWO = [row, { ...row, id: 'b', index: 1 }];
  const linked = (...links: unknown[][]) => JSON.stringify({ v: 1, devices: TWO, links });
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
    ['links of more devices than there are', linked(['NV1', 'SYS'], ['SYS'])],
    ['links of fewer devices than there are', linked()],
    ['a row of links too long', linked(['SYS', 'SYS'])],
    ['a link in a word nobody knows', linked(['NVL'])],
    ['more NVLinks than a device can have', linked(['NV19'])],
    ['no NVLink at all', linked(['NV0'])],
    ['links that are numbers', linked([100])],
    ['a link named like a property of every object', linked(['constructor'])],
    ['links that are no list', JSON.stringify({ v: 1, devices: TWO, links: {} })],
  ])('is an error, and no exception, when it has %s', (_title, text) => {
    expect(decodeInventory('nvidia', text)).toMatchObject({
      ok: false,
      error: expect.stringContaining('inventory of nvidia'),
    });
  });

  it('is an error, and no exception, whatever stands where the links should', () => {
    const words = fc.oneof(fc.constantFrom('NV4', 'SYS', 'NV0', 'nv4', ''), fc.anything());
    const links = fc.oneof(fc.array(fc.array(words, { maxLength: 3 }), { maxLength: 3 }), fc.jsonValue());
    fc.assert(
      fc.property(links, (said) => {
        let letter = '';
        try {
          letter = JSON.stringify({ v: 1, devices: TWO, links: said });
        } catch {
          return; // A big integer, or a ring: no letter can say it.
        }
        const read = decodeInventory('nvidia', letter);
        const told = (JSON.parse(letter) as { links?: unknown }).links;
        const isGood = told === undefined || ['[["NV4"]]', '[["SYS"]]'].includes(JSON.stringify(told));
        expect(read.ok).toBe(isGood);
      }),
      { numRuns: 1000 },
    );
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
        const value = { devices, links: null };
        expect(decodeInventory('nvidia', encodeInventory(devices))).toEqual({ ok: true, value });
      }),
    );
  });
});

describe('the links in the inventory letter', () => {
  const THREE = [0, 1, 2].map((index) => aDevice({ id: `GPU-${index}`, index, numa: index === 2 ? 1 : 0 }));
  const LINKS: LinkTriangle = [['NV12', 'SYS'], ['PIX']];

  it('are written and read as in the golden file', () => {
    const letter = golden('inventory-v1-links.txt');
    expect(encodeInventory(THREE, LINKS)).toBe(letter);
    expect(decodeInventory('nvidia', letter)).toEqual({
      ok: true,
      value: { devices: THREE, links: { size: 3, weight: [0, 1200, 10, 1200, 0, 50, 10, 50, 0] } },
    });
  });

  it('of one device are no rows', () => {
    const read = decodeInventory('nvidia', encodeInventory(THREE.slice(0, 1), []));
    expect(read).toMatchObject({ ok: true, value: { links: { size: 1, weight: [0] } } });
  });

  const word = fc.oneof(
    fc.constantFrom<LinkWord>('SYS', 'NODE', 'PHB', 'PXB', 'PIX', 'PSB'),
    fc.integer({ min: 1, max: 18 }).map((count): LinkWord => `NV${count}`),
  );
  const row = (length: number) => fc.array(word, { minLength: length, maxLength: length });
  const triangle = fc
    .integer({ min: 0, max: 8 })
    .chain((rows) => fc.tuple(...Array.from({ length: rows }, (_, at) => row(rows - at))));

  it('are read back as they were written, the same both ways, equal ones as one object', () => {
    fc.assert(
      fc.property(triangle, (links) => {
        const devices = Array.from({ length: links.length + 1 }, (_, index) =>
          aDevice({ id: `${index}`, index }),
        );
        const read = () => decodeInventory('nvidia', encodeInventory(devices, links));
        const [first, second] = [read(), read()];
        if (!first.ok || !second.ok || first.value.links === null) throw new Error('not read');
        expect(triangleOf(first.value.links)).toEqual(links);
        expect(second.value.links).toBe(first.value.links);
        for (const [a, { length }] of [...links.entries()])
          for (let b = a + 1; b <= a + length; b++) {
            expect(linkWordAt(first.value.links, a, b)).toBe(links[a]?.[b - a - 1]);
            expect(linkWordAt(first.value.links, b, a)).toBe(links[a]?.[b - a - 1]);
          }
      }),
    );
  });
});
