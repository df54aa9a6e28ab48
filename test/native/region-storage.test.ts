// SPDX-License-Identifier: Apache-2.0
// Regions on storage of fixed size, as the device plugin makes them. Needs root: they are mounts.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type PageFolders, Pages } from '../../device-plugin/pages.js';
import { type BoundSlot, isBound } from '../../device-plugin/slot.js';
import { readRegion, regionPath } from '../../src/adapters/region/region-file.js';
import { nvidia } from '../../src/vendors/nvidia.js';
import { REGION } from '../../src/wire/region.js';
import { anOwner, aPlacement, aSlice, aSlot, GPU_A, twoDevices } from '../builders/slots.js';

const root = mkdtempSync(join(tmpdir(), 'kerf-box-'));
const folders: PageFolders = {
  slots: join(root, 'slots'),
  cdi: join(root, 'cdi'),
  vendorCdi: [],
  library: '/lib',
  regions: 'memory',
};
const pages = new Pages(folders, nvidia);
const slot = boundSlot();
const box = join(folders.slots, slot.slot, 'box');
const region = join(box, 'region');

function boundSlot(): BoundSlot {
  const bound = aSlot(1, ['1'], anOwner({ placement: aPlacement({ a: [aSlice(GPU_A)] }) }));
  if (!isBound(bound)) throw new Error('bug');
  return bound;
}

const read = () => readRegion(regionPath(root, slot.slot));

beforeEach(() => {
  mkdirSync(folders.slots, { recursive: true });
  pages.clearRegion(slot.slot);
  pages.ensure(slot, twoDevices());
});

afterAll(() => {
  pages.dropRegion(slot.slot);
  rmSync(root, { recursive: true, force: true });
});

/** As a tenant: he sees the one file, and may do to it what he likes. */
function tenant<T>(act: (descriptor: number) => T): T {
  const descriptor = openSync(region, 'r+');
  try {
    return act(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

describe('a region on storage of its own', () => {
  it('is empty, readable, and takes one page until it is used', async () => {
    expect(await read()).toMatchObject({ ok: true, value: { attached: 0 } });
    expect(statSync(region)).toMatchObject({ size: REGION.bytes, blocks: 8 });
    expect(statSync(region).mode & 0o777).toBe(0o666);
  });

  it('holds itself to the last byte and nothing more, however long the tenant says it is', async () => {
    tenant((descriptor) => expect(writeSync(descriptor, new Uint8Array(REGION.bytes))).toBe(REGION.bytes));
    tenant((descriptor) => ftruncateSync(descriptor, 2 ** 40));
    expect(await read()).toMatchObject({
      ok: false,
      error: `region has ${2 ** 40} bytes, not ${REGION.bytes}`,
    });
    const grow = () => tenant((descriptor) => writeSync(descriptor, new Uint8Array(1), 0, 1, REGION.bytes));
    expect(grow).toThrow('ENOSPC');
    expect(() => writeFileSync(join(box, 'more'), '')).toThrow('ENOSPC');
    const { blocks, bsize } = statfsSync(box);
    expect(blocks * bsize).toBe(REGION.bytes);
  });

  it('stays the same file when the agent starts again', () => {
    const before = statSync(region).ino;
    new Pages(folders, nvidia).restore([slot], twoDevices(), (fault) => expect.fail(String(fault)));
    expect(statSync(region).ino).toBe(before);
  });

  it('is a new one for a container that starts, and the old one lives on for who has it open', async () => {
    tenant((descriptor) => {
      pages.clearRegion(slot.slot);
      expect(writeSync(descriptor, 'mine', 0)).toBe(4);
    });
    expect(await read()).toMatchObject({ ok: true });
  });

  it('is made again after the machine has started anew', async () => {
    spawnSync('umount', [box]);
    expect(await read()).toBeNull();
    pages.ensure(slot, twoDevices());
    expect(await read()).toMatchObject({ ok: true });
  });

  it('made by an older agent stays where it is mounted until the container starts again', () => {
    pages.dropRegion(slot.slot);
    const old = join(folders.slots, slot.slot, 'region');
    writeFileSync(old, 'used');
    pages.ensure(slot, twoDevices());
    expect(regionPath(root, slot.slot)).toBe(old);
    pages.clearRegion(slot.slot);
    expect(regionPath(root, slot.slot)).toBe(region);
  });

  it('leaves nothing that keeps the slot’s folder from being removed', () => {
    pages.dropRegion(slot.slot);
    rmSync(join(folders.slots, slot.slot), { recursive: true });
    expect(readdirSync(folders.slots)).toEqual([]);
  });
});
