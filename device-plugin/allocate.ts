// SPDX-License-Identifier: Apache-2.0
// What a slot means, written out: placement + devices + the vendor's edits → limits page, preload list, CDI spec.
// Pure: nothing is written here.

import type { Slice } from '../src/core/placement.js';
import { err, ok, type Result } from '../src/core/result.js';
import { WHOLE_DEVICE } from '../src/core/units.js';
import type { Vendor } from '../src/vendors/index.js';
import { type DeviceLimit, LIMITS, type LimitsPage } from '../src/wire/limits.js';
import { SLOT_KIND } from '../src/wire/names.js';
import { type CdiSpec, type ContainerEdits, lowestVersion, mergeEdits } from './cdi.js';
import { coverDriver } from './cover.js';
import type { NodeDevice, NodeDevices } from './node-device.js';
import { type BoundSlot, type Owner, slicesOf } from './slot.js';
import type { VendorEdits } from './vendor-edits.js';

/** In the container. */
const CONTAINER_FOLDER = '/usr/local/kerf';
const PRELOAD = '/etc/ld.so.preload';
/** Tells a process which slot it runs in; carries no limit, a tenant may change it. */
export const SLOT_ENV = 'KERF_SLOT';

/** Folder of the monitor's socket, in the state folder and in the container. */
export const ANNOUNCE = 'announce';

/** The interposer, and the shim that stands for the vendor's library where a program loads it by name. */
export const LIBRARIES = ['libkerf.so', 'libkerf-nvml.so'] as const;

/** How a container comes to its library: named in the loader's list, or mounted over the driver's files (cover.ts). */
export type LibraryMode = 'preload' | 'cover';

export interface Places {
  /** On the node: holds LIBRARIES. */
  readonly libraryFolder: string;
  /** On the node: this slot's limits and preload. */
  readonly slotFolder: string;
  /** On the node. */
  readonly region: string;
  /** On the node: where the monitor listens for who uses a slice. */
  readonly announceFolder: string;
}

/** Whether a library of ours goes into the container; without it a slice is placed and accounted, and no more. */
export const isHeld = (vendor: Vendor): boolean => vendor.enforcement !== 'off';

export interface Allocation {
  /** What the container may use: a page, 0444. */
  readonly limits: LimitsPage;
  /** 0444: what the loader loads first. */
  readonly preload: string;
  readonly spec: CdiSpec;
}

/** The devices of the owner's slices, in the placement's order; an error is one sentence. */
export function devicesOf(owner: Owner, devices: NodeDevices): Result<readonly NodeDevice[], string> {
  const found: NodeDevice[] = [];
  for (const { deviceId } of slicesOf(owner)) {
    const device = devices.get(deviceId);
    if (device === undefined) return err(`device ${deviceId} of the placement is not on this node`);
    if (found.includes(device))
      return err(`the placement gives container ${owner.container} ${deviceId} twice`);
    found.push(device);
  }
  if (found.length <= LIMITS.devicesMax) return ok(found);
  return err(
    `container ${owner.container} has ${found.length} devices, at most ${LIMITS.devicesMax} are served`,
  );
}

export interface AllocationQuestion {
  readonly slot: BoundSlot;
  readonly vendor: Vendor;
  readonly vendorEdits: VendorEdits;
  readonly places: Places;
  /** Of the slot's slices. */
  readonly devices?: readonly NodeDevice[];
  /** Where the vendor's edits do not mount the driver file by file, nothing can be covered: then it is preloaded. */
  readonly libraryMode?: LibraryMode;
}

export function allocate(question: AllocationQuestion): Allocation {
  const { slot, vendor, vendorEdits, places, libraryMode } = question;
  const ids = slicesOf(slot.owner).map(({ deviceId }) => deviceId);
  const covered =
    libraryMode === 'cover' && isHeld(vendor)
      ? coverDriver({ edits: vendorEdits.edits, vendor, libraryFolder: places.libraryFolder })
      : null;
  const edits = mergeEdits([
    withoutEnv(covered ?? vendorEdits.edits, vendor.visibleDevicesEnv),
    {
      env: [`${vendor.visibleDevicesEnv}=${ids.join(',')}`, `${SLOT_ENV}=${slot.slot}`],
      ...(isHeld(vendor) && { mounts: mountsOf(places, covered === null ? 'preload' : 'cover') }),
    },
  ]);
  return {
    limits: limitsOf(slot, question.devices ?? []),
    preload: LIBRARIES.map((name) => `${CONTAINER_FOLDER}/${name}\n`).join(''),
    spec: {
      cdiVersion: lowestVersion(edits, vendorEdits.declaredVersion ?? '0.5.0'),
      kind: SLOT_KIND,
      devices: [{ name: slot.slot, containerEdits: edits }],
    },
  };
}

/** An instance is held by the hardware to its part of the compute: a share of that share is not meant. */
function limitsOf({ owner }: BoundSlot, devices: readonly NodeDevice[]): LimitsPage {
  const isInstance = (id: string): boolean =>
    devices.some((device) => device.id === id && device.instance !== undefined);
  return {
    epoch: 1,
    podUid: owner.podUid,
    namespace: owner.namespace,
    pod: owner.pod,
    container: owner.container,
    devices: slicesOf(owner).map((slice) =>
      limitOf(isInstance(slice.deviceId) ? { ...slice, cores: WHOLE_DEVICE } : slice),
    ),
  };
}

function limitOf({ deviceId, memory, cores, isHigh, isSoft, weight, ceiling }: Slice): DeviceLimit {
  return {
    uuid: deviceId,
    memory: ceiling ?? memory,
    cores,
    ...(ceiling !== undefined && { guaranteed: memory }),
    ...(isSoft === true && { isSoft }),
    ...(weight !== undefined && { weight }),
    ...(isHigh && { isHigh: true as const }),
  };
}

/** The vendor's own spec may hide all devices from the classic runtime hook; the slot's list stands. */
function withoutEnv(edits: ContainerEdits, name: string): ContainerEdits {
  if (edits.env === undefined) return edits;
  return { ...edits, env: edits.env.filter((entry) => !entry.startsWith(`${name}=`)) };
}

function mountsOf({ libraryFolder, slotFolder, region, announceFolder }: Places, mode: LibraryMode) {
  const libraries = LIBRARIES.map((name) =>
    mount(`${libraryFolder}/${name}`, `${CONTAINER_FOLDER}/${name}`, 'ro'),
  );
  return [
    ...libraries,
    mount(`${slotFolder}/limits`, `${CONTAINER_FOLDER}/limits`, 'ro'),
    mount(region, `${CONTAINER_FOLDER}/region`, 'rw'),
    // Never both ways: it would be two of ours in one process.
    ...(mode === 'preload' ? [mount(`${slotFolder}/preload`, PRELOAD, 'ro')] : []),
    // The folder, not the socket: a monitor that starts anew makes a new one.
    mount(announceFolder, `${CONTAINER_FOLDER}/${ANNOUNCE}`, 'ro'),
  ];
}

/** Short: containerd parses every spec of the folder again for each one that comes. */
function mount(hostPath: string, containerPath: string, access: 'ro' | 'rw') {
  const options = access === 'ro' ? ['bind', 'ro'] : ['bind', 'rw', 'nosuid', 'nodev'];
  return { hostPath, containerPath, options };
}
