// SPDX-License-Identifier: Apache-2.0
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeSlot, encodeSlot } from '../../../device-plugin/slot.js';
import { SlotStore } from '../../../device-plugin/slots.js';
import { anOwner, aPlacement, aSlice, aSlot, GPU_B } from '../../builders/slots.js';
import { folders } from '../../fakes/folder.js';

const RESOURCE = 'nvidia.com/gpu';
const newFolder = folders();
const open = (folder: string) => SlotStore.open(folder, RESOURCE);

const BOUND = aSlot(
  2,
  ['slot-0001'],
  anOwner({
    container: 'i',
    containers: [
      { name: 'i', kind: 'init' },
      { name: 's', kind: 'sidecar' },
    ],
    placement: aPlacement({ i: [aSlice(), aSlice(GPU_B, 5, 305)], s: [aSlice()] }),
  }),
);

describe('a slot’s record', () => {
  it.each([aSlot(1, ['slot-0001', 'slot-0002']), BOUND])('reads back as it was written', (slot) => {
    expect(decodeSlot(encodeSlot(slot))).toEqual({ ok: true, value: slot });
  });

  const letter = (change: (row: Record<string, unknown>) => void): string => {
    const row = JSON.parse(encodeSlot(BOUND)) as Record<string, unknown>;
    change(row);
    return JSON.stringify(row);
  };
  it.each([
    ['nothing', '', 'is not a JSON object'],
    ['half of it', encodeSlot(BOUND).slice(0, 80), 'is not a JSON object'],
    ['a later version', letter((row) => void (row.v = 2)), 'has version 2, not 1'],
    ['no ids', letter((row) => void (row.ids = [])), 'has no ids or no order'],
    ['no order', letter((row) => void delete row.seq), 'has no ids or no order'],
    ['a strange owner', letter((row) => void (row.owner = 1)), 'has an owner that is no object'],
    [
      'an owner without a pod',
      letter((row) => void (row.owner = { podUid: '' })),
      'has an owner that cannot be read',
    ],
  ])('is refused for %s', (_, text, error) => {
    expect(decodeSlot(text)).toEqual({ ok: false, error });
  });
});

describe('the slot store', () => {
  it('finds after a restart what was put before it', async () => {
    const folder = newFolder();
    await (await open(folder)).put([aSlot(1, ['slot-0001']), BOUND]);
    const again = await open(folder);
    expect(again.all()).toEqual([aSlot(1, ['slot-0001']), BOUND]);
    expect(again.latest(['slot-0001'])).toEqual(BOUND);
    expect(again.ofPod('uid-1')).toEqual([BOUND]);
  });

  it('forgets what a kill left between write and rename', async () => {
    const folder = newFolder();
    const store = await open(folder);
    await store.put([aSlot(1, ['slot-0001'])]);
    const record = join(folder, `${BOUND.slot}.json`);
    await store.put([BOUND]);
    renameSync(record, join(folder, `.tmp-1-1-${BOUND.slot}.json`));
    const again = await open(folder);
    expect(again.all()).toEqual([aSlot(1, ['slot-0001'])]);
    expect(readdirSync(folder)).toEqual([`${aSlot(1, []).slot}.json`]);
  });

  it('keeps the old record in memory and on disk when the new one cannot be written', async () => {
    const folder = newFolder();
    const store = await open(folder);
    const free = { ...BOUND, owner: null };
    await store.put([free]);
    const record = join(folder, `${BOUND.slot}.json`);
    const before = readFileSync(record, 'utf8');
    // A folder in the record's place: the rename fails, whoever we are.
    renameSync(record, `${record}.old`);
    mkdirSync(join(record, 'x'), { recursive: true });
    await expect(store.put([BOUND])).rejects.toThrow();
    expect(store.get(BOUND.slot)).toEqual(free);
    expect(readdirSync(folder).filter((name) => name.startsWith('.tmp'))).toEqual([]);
    expect(readFileSync(`${record}.old`, 'utf8')).toBe(before);
  });

  it('is in memory before it is on disk, so that nobody decides on the old state', async () => {
    const store = await open(newFolder());
    const writing = store.put([BOUND]);
    expect(store.get(BOUND.slot)).toEqual(BOUND);
    await writing;
  });

  it('names records that cannot be read, and reads them again when they are whole', async () => {
    const folder = newFolder();
    const path = join(folder, `${BOUND.slot}.json`);
    writeFileSync(path, '{"v":9}');
    const store = await open(folder);
    expect(store.unreadable()).toEqual([{ slot: BOUND.slot, path, reason: 'has version 9, not 1' }]);
    writeFileSync(path, encodeSlot(BOUND));
    await store.reload();
    expect(store.unreadable()).toEqual([]);
    expect(store.all()).toEqual([BOUND]);
  });

  it('leaves records of other resources and other files alone', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, `${BOUND.slot}.json`), encodeSlot({ ...BOUND, resource: 'other.com/npu' }));
    writeFileSync(join(folder, 'README'), 'hello');
    const store = await open(folder);
    expect([store.all(), store.unreadable()]).toEqual([[], []]);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('removes a slot with all that lies beside it', async () => {
    const folder = newFolder();
    const store = await open(folder);
    await store.put([BOUND]);
    mkdirSync(join(folder, BOUND.slot));
    writeFileSync(join(folder, BOUND.slot, 'limits'), '');
    chmodSync(join(folder, BOUND.slot, 'limits'), 0o444);
    await store.remove(BOUND.slot);
    expect(existsSync(join(folder, BOUND.slot))).toBe(false);
    expect((await open(folder)).all()).toEqual([]);
  });

  it('counts on from the highest order known, and from the clock where that is later', async () => {
    const store = await open(newFolder());
    expect(store.nextSeq(5)).toBe(5000);
    await store.put([aSlot(9_000, ['slot-0001'])]);
    expect(store.nextSeq(5)).toBe(9001);
  });
});
