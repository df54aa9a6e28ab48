// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Pages } from '../../../device-plugin/pages.js';
import { type BoundSlot, isBound } from '../../../device-plugin/slot.js';
import { amd } from '../../../src/vendors/amd.js';
import { nvidia } from '../../../src/vendors/nvidia.js';
import { mib, milliCores } from '../../../src/core/units.js';
import { decodeLimits, LIMITS_AT, LIMITS_DEVICE_AT } from '../../../src/wire/limits.js';
import { decodeRegion } from '../../../src/wire/region.js';
import { anOwner, aPlacement, aSlice, aSlot, GPU_A, twoDevices } from '../../builders/slots.js';
import { folders } from '../../fakes/folder.js';

const newFolder = folders();

function bound(seq = 1, deviceId = GPU_A): BoundSlot {
  const slot = aSlot(seq, ['1'], anOwner({ placement: aPlacement({ a: [aSlice(deviceId)] }) }));
  if (!isBound(slot)) throw new Error('bug');
  return slot;
}

function someFolders() {
  const root = newFolder();
  const all = {
    slots: join(root, 'slots'),
    cdi: join(root, 'cdi'),
    vendorCdi: [join(root, 'etc')],
    library: '/lib',
    regions: 'disk' as const,
  };
  mkdirSync(all.slots);
  mkdirSync(join(root, 'etc'));
  const slot = bound();
  return { all, slot, spec: join(all.cdi, `kerf-slot-${slot.slot}.json`), own: join(all.slots, slot.slot) };
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const specAt = (path: string) =>
  JSON.parse(readFileSync(path, 'utf8')) as {
    devices: [{ containerEdits: { env: string[]; deviceNodes?: unknown[] } }];
  };

describe('the files of a slot', () => {
  it('are there for any user to read, and the region for any to write', () => {
    const { all, slot, spec, own } = someFolders();
    new Pages(all, nvidia).ensure(slot, twoDevices());
    expect(readdirSync(own).sort()).toEqual(['limits', 'preload', 'region']);
    expect([modeOf(join(own, 'limits')), modeOf(join(own, 'preload')), modeOf(join(own, 'region'))]).toEqual([
      0o444, 0o444, 0o666,
    ]);
    expect(modeOf(spec)).toBe(0o644);
    expect(decodeLimits(readFileSync(join(own, 'limits'))).ok).toBe(true);
    expect(decodeRegion(readFileSync(join(own, 'region'))).ok).toBe(true);
  });

  it('are left alone when they say what they must: a running container has them mounted', () => {
    const { all, slot, spec, own } = someFolders();
    const pages = new Pages(all, nvidia);
    pages.ensure(slot, twoDevices());
    const inodes = () =>
      [spec, ...['limits', 'preload', 'region'].map((name) => join(own, name))].map(
        (path) => statSync(path).ino,
      );
    const before = inodes();
    pages.ensure(slot, twoDevices());
    expect(inodes()).toEqual(before);
  });

  it('are made again when a restart of the machine or a stranger took them', () => {
    const { all, slot, spec, own } = someFolders();
    const pages = new Pages(all, nvidia);
    pages.ensure(slot, twoDevices());
    const limits = readFileSync(join(own, 'limits'));
    rmSync(all.cdi, { recursive: true });
    rmSync(join(own, 'limits'));
    writeFileSync(join(own, 'limits'), 'forged');
    pages.ensure(slot, twoDevices());
    expect(existsSync(spec)).toBe(true);
    expect(readFileSync(join(own, 'limits'))).toEqual(limits);
  });

  it('keep the page that is mapped, with its version and its arbiter’s word, when the grant changes', () => {
    const { all, slot, own } = someFolders();
    const pages = new Pages(all, nvidia);
    pages.ensure(slot, twoDevices());
    const path = join(own, 'limits');
    const before = readFileSync(path);
    before.writeUInt32LE(1, LIMITS_AT.version);
    before.writeUInt32LE(250, LIMITS_AT.devices + LIMITS_DEVICE_AT.rate_permille);
    writeFileSync(path, before);
    const { ino } = statSync(path);
    const raised = { ...aSlice(GPU_A), memory: mib(8192), cores: milliCores(500) };
    const owner = anOwner({ placement: aPlacement({ a: [raised] }) });
    pages.ensure({ ...slot, owner }, twoDevices());
    const page = decodeLimits(readFileSync(path));
    expect(page).toMatchObject({ value: { epoch: 2, devices: [{ memory: 8192, cores: 500, rate: 250 }] } });
    expect(statSync(path).ino).toBe(ino);
    expect(readFileSync(path).readUInt32LE(LIMITS_AT.version)).toBe(1);
  });

  it('say how a slice lives with others, and lend nothing before the arbiter does', () => {
    const { all, slot, own } = someFolders();
    const pages = new Pages(all, nvidia);
    const shared = { ...aSlice(GPU_A), cores: milliCores(300), isSoft: true as const, weight: 3 };
    const owner = anOwner({
      placement: aPlacement({ a: [{ ...shared, memory: mib(4096), ceiling: mib(8192), isHigh: true }] }),
    });
    pages.ensure({ ...slot, owner }, twoDevices());
    const page = decodeLimits(readFileSync(join(own, 'limits')));
    const device = { memory: 8192, guaranteed: 4096, memoryNow: 4096, weight: 3, isSoft: true, isHigh: true };
    expect(page).toMatchObject({ value: { devices: [device] } });
  });

  it('begin with an empty region in a file of its own', () => {
    const { all, slot, own } = someFolders();
    const pages = new Pages(all, nvidia);
    pages.clearRegion(slot.slot);
    const first = statSync(join(own, 'region')).ino;
    writeFileSync(join(own, 'region'), 'used');
    pages.clearRegion(slot.slot);
    expect(decodeRegion(readFileSync(join(own, 'region'))).ok).toBe(true);
    expect(statSync(join(own, 'region')).ino).not.toBe(first);
  });

  it('stand as they were while their device is off the bus, and cannot be made without it', () => {
    const { all, slot } = someFolders();
    const pages = new Pages(all, nvidia);
    expect(() => pages.ensure(slot, new Map())).toThrow(
      `device ${GPU_A} of the placement is not on this node`,
    );
    pages.ensure(slot, twoDevices());
    expect(() => pages.ensure(slot, new Map())).not.toThrow();
  });

  it('of one slot that cannot be made do not keep the others from theirs', () => {
    const { all, slot, spec } = someFolders();
    const faults: unknown[] = [];
    new Pages(all, nvidia).restore(
      [bound(2, 'GPU-x'), slot],
      twoDevices(),
      (fault) => void faults.push(fault),
    );
    expect(faults).toHaveLength(1);
    expect(existsSync(spec)).toBe(true);
  });

  it('of a kill are swept at the next start, those of others are not', () => {
    const { all } = someFolders();
    mkdirSync(all.cdi);
    for (const name of ['.tmp-1-1-kerf-slot-a.json.tmp', '.tmp-1-1-kerf-slot-a.json', '.tmp-stranger'])
      writeFileSync(join(all.cdi, name), '{}');
    new Pages(all, nvidia).restore([], twoDevices(), () => {});
    expect(readdirSync(all.cdi)).toEqual(['.tmp-stranger']);
  });
});

describe('the vendor’s own edits', () => {
  const yaml = (path: string) => `cdiVersion: "0.5.0"
kind: nvidia.com/gpu
containerEdits:
  env: [NVIDIA_VISIBLE_DEVICES=void, DRIVER=${path}]
devices:
  - name: ${GPU_A}
    containerEdits:
      deviceNodes: [{ path: ${path} }]
`;

  it('come from its spec, as it is now', () => {
    const { all, slot, spec } = someFolders();
    const pages = new Pages(all, nvidia);
    const vendorSpec = join(all.vendorCdi[0] ?? '', 'vendor.yaml');
    for (const path of ['/dev/one', '/dev/another']) {
      writeFileSync(vendorSpec, yaml(path));
      pages.ensure(slot, twoDevices());
      const { containerEdits } = specAt(spec).devices[0];
      expect(containerEdits.deviceNodes).toEqual([{ path }]);
      expect(containerEdits.env).toEqual([
        `DRIVER=${path}`,
        `NVIDIA_VISIBLE_DEVICES=${GPU_A}`,
        `KERF_SLOT=${slot.slot}`,
      ]);
    }
  });

  it('are the table’s device nodes, those that exist, where there is no spec', () => {
    const { all, slot, spec } = someFolders();
    writeFileSync(join(all.vendorCdi[0] ?? '', 'broken.json'), '{');
    const deviceNodes = { each: '/dev/nul{minor}', common: ['/dev/null', '/dev/not-there'] };
    new Pages(all, { ...nvidia, deviceNodes }).ensure(slot, twoDevices());
    expect(specAt(spec).devices[0].containerEdits.deviceNodes).toEqual([{ path: '/dev/null' }]);
  });

  it('are found by the index only where that leads to the device’s own node', () => {
    const { all, slot, spec } = someFolders();
    const deviceNodes = { each: '/dev/nul{minor}', common: ['/dev/null'] };
    const vendorSpec = join(all.vendorCdi[0] ?? '', 'vendor.json');
    const told = (path: string) => [
      { name: '0', containerEdits: { deviceNodes: [{ path }], env: ['TOLD=1'] } },
    ];
    const envOf = (path: string): readonly string[] => {
      writeFileSync(
        vendorSpec,
        JSON.stringify({ cdiVersion: '0.6.0', kind: nvidia.cdiKind, devices: told(path) }),
      );
      new Pages(all, { ...nvidia, deviceNodes }).ensure(slot, twoDevices());
      return specAt(spec).devices[0].containerEdits.env;
    };
    expect(envOf('/dev/nul0')).toContain('TOLD=1');
    expect(envOf('/dev/nul1')).not.toContain('TOLD=1');
  });
});

describe('the files of a slot whose vendor nothing of ours holds', () => {
  it('are its CDI spec alone: device nodes and env, no library, no page and no region', () => {
    const { all, slot, spec, own } = someFolders();
    const pages = new Pages(all, { ...amd, deviceNodes: { each: '/dev/nul{minor}', common: ['/dev/null'] } });
    pages.clearRegion(slot.slot);
    pages.ensure(slot, twoDevices());
    expect(specAt(spec).devices[0].containerEdits).toEqual({
      deviceNodes: [{ path: '/dev/null' }],
      env: [`AMD_VISIBLE_DEVICES=${GPU_A}`, `KERF_SLOT=${slot.slot}`],
    });
    expect(existsSync(own) ? readdirSync(own) : []).toEqual([]);
  });
});
