// SPDX-License-Identifier: Apache-2.0
// Writes what a slot means: its limits page, region and preload under the state folder, then the CDI spec.
// The spec comes last: a container can only start once all it mounts is there.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dropBox, makeBox, regionIn } from '../src/adapters/region/box.js';
import { changeLimits } from '../src/adapters/region/limits-file.js';
import type { Vendor } from '../src/vendors/index.js';
import { encodeLimits, type LimitsPage } from '../src/wire/limits.js';
import { emptyRegion } from '../src/wire/region.js';
import { type Allocation, ANNOUNCE, allocate, devicesOf, isHeld, type LibraryMode } from './allocate.js';
import type { NodeDevices } from './node-device.js';
import { type FileContent, makeFolder, readIfThere, replaceFile, sweepTemps } from './files.js';
import type { BoundSlot } from './slot.js';
import { VendorSpecs } from './vendor-edits.js';

export interface PageFolders {
  /** Holds <slot>/{limits,box/region,preload}. */
  readonly slots: string;
  readonly cdi: string;
  readonly vendorCdi: readonly string[];
  /** The node's /proc; /proc by default. */
  readonly proc?: string;
  readonly library: string;
  /** Where regions lie: in memory each has storage of fixed size, on disk a tenant can fill the node's. */
  readonly regions: 'memory' | 'disk';
  /** Absent: preload. */
  readonly libraryMode?: LibraryMode;
}

const SPEC_PREFIX = 'kerf-slot-';

/** Made once: it is as long as 73 pages. */
const FRESH_REGION = emptyRegion();

export class Pages {
  private readonly specs: VendorSpecs;

  constructor(
    private readonly folders: PageFolders,
    private readonly vendor: Vendor,
  ) {
    this.specs = new VendorSpecs(vendor, folders.vendorCdi, folders.proc);
  }

  /**
   * Makes sure the slot's files say what they must; what does already is left alone, for a running container has
   * it mounted. Throws where a device is gone and no spec stands.
   */
  ensure(slot: BoundSlot, devices: NodeDevices): void {
    const found = devicesOf(slot.owner, devices);
    if (!found.ok) {
      // The device fell off the bus: what was written when it was there still holds.
      if (readIfThere(this.specPath(slot.slot)) !== null) return;
      throw new Error(found.error);
    }
    const slotFolder = join(this.folders.slots, slot.slot);
    const vendorEdits = this.specs.editsFor(found.value);
    // The region first: where it lies stands in the spec. One that a running container has mounted stays where it is.
    makeFolder(slotFolder);
    if (isHeld(this.vendor) && !existsSync(regionIn(slotFolder))) this.clearRegion(slot.slot);
    const announceFolder = join(this.folders.slots, '..', ANNOUNCE);
    makeFolder(announceFolder);
    const region = regionIn(slotFolder);
    const places = { libraryFolder: this.folders.library, slotFolder, region, announceFolder };
    const { libraryMode = 'preload' } = this.folders;
    this.write(
      slot.slot,
      allocate({ slot, vendor: this.vendor, devices: found.value, vendorEdits, places, libraryMode }),
    );
  }

  /** As ensure for many, after a start; one that fails does not keep the others from their files. */
  restore(slots: readonly BoundSlot[], devices: NodeDevices, onFault: (fault: unknown) => void): void {
    makeFolder(this.folders.cdi);
    sweepTemps(this.folders.cdi, (name) => name.includes(SPEC_PREFIX));
    for (const slot of slots) {
      try {
        this.ensure(slot, devices);
      } catch (fault) {
        onFault(fault);
      }
    }
  }

  private write(slot: string, { limits, preload, spec }: Allocation): void {
    const folder = join(this.folders.slots, slot);
    if (isHeld(this.vendor)) {
      settleLimits(join(folder, 'limits'), limits);
      settle({ path: join(folder, 'preload'), content: preload, mode: 0o444 });
    }
    makeFolder(this.folders.cdi);
    settle({
      path: this.specPath(slot),
      content: `${JSON.stringify(spec)}\n`,
      mode: 0o644,
      isMarkedUnread: true,
    });
  }

  /** A container that starts finds nothing charged: whoever ran in this slot before has ended. */
  clearRegion(slot: string): void {
    if (!isHeld(this.vendor)) return;
    const folder = join(this.folders.slots, slot);
    const onDisk = join(folder, 'region');
    makeFolder(folder);
    // A new file, never the old one emptied: some process may still have that one mapped.
    dropBox(folder);
    if (this.folders.regions === 'disk')
      return replaceFile({ path: onDisk, content: FRESH_REGION, mode: 0o666 });
    rmSync(onDisk, { force: true });
    makeBox(folder);
  }

  /** Before the slot's folder can be removed. */
  dropRegion(slot: string): void {
    dropBox(join(this.folders.slots, slot));
  }

  /** The spec only: without it no container starts with this slot again. */
  removeSpec(slot: string): void {
    rmSync(this.specPath(slot), { force: true });
  }

  /** Of the slot's CDI spec. */
  specPath(slot: string): string {
    return join(this.folders.cdi, `${SPEC_PREFIX}${slot}.json`);
  }
}

/** In place where it is this container's page already: what runs has it mapped. Its version and epoch stay its own. */
function settleLimits(path: string, limits: LimitsPage): void {
  if (changeLimits(path, limits, 'grant')) return;
  replaceFile({ path, content: encodeLimits(unlent(limits)), mode: 0o444 });
}

/** Nothing is lent before the arbiter has said so. */
function unlent(limits: LimitsPage): LimitsPage {
  const devices = limits.devices.map((device) => {
    const { guaranteed: memoryNow } = device;
    return memoryNow === undefined ? device : { ...device, memoryNow };
  });
  return { ...limits, devices };
}

function settle(file: FileContent): void {
  const there = readIfThere(file.path);
  if (there !== null && Buffer.compare(there, Buffer.from(file.content)) === 0) return;
  replaceFile(file);
}
