// SPDX-License-Identifier: Apache-2.0
// The page and the region of one slot kept open, for whoever looks often: a look is one pread of the devices' counters,
// a word to the container one aligned pwrite. The tenant's file is never mapped and never believed, only counted with.
//
// What is stored here are the arbiter's own fields: they change without the page's epoch, for two would raise it then.
import { closeSync, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BYTES_PER_MIB, type MiB, mib, type MilliCores } from '../../core/units.js';
import { viewOf } from '../../wire/bytes.js';
import { decodeLimits, type DeviceLimit, LIMITS, LIMITS_AT, LIMITS_DEVICE_AT } from '../../wire/limits.js';
import { REGION, REGION_AT, REGION_DEVICE_AT } from '../../wire/region-layout.js';
import { regionIn } from './box.js';
import { REGION_FLAGS } from './region-file.js';

/** What a region says of one device at this moment; the same object is filled again and again. */
export interface Look {
  grantedNs: number;
  demandNs: number;
  busyNs: number;
  launches: number;
  refusals: number;
  usedMiB: MiB;
}

/** Rates and beats are a new page's: whoever reads version 1 does not know them. */
const VERSION_WITH_RATES = 2;
const WORD = 2 ** 32;
const USED_HIGH_MASK = 0xffff;

export class LiveSlot {
  /** As the page says, in its order. */
  devices: readonly DeviceLimit[] = [];
  looks: readonly Look[] = [];
  private epoch = -1;
  private bytes = new Uint8Array(0);
  private view = viewOf(this.bytes);
  private readonly stored = new Uint8Array(8);
  private readonly storedView = viewOf(this.stored);

  private constructor(
    readonly folder: string,
    private readonly page: number,
    /** -1: there is no region that could be read. */
    private readonly region: number,
  ) {}

  /** null: there is no page that an arbiter could write to. */
  static open(folder: string): LiveSlot | null {
    const page = openOrNot(join(folder, 'limits'), 'r+');
    if (page < 0) return null;
    const slot = new LiveSlot(folder, page, openRegion(regionIn(folder)));
    if (slot.reread() && slot.devices.length > 0) return slot;
    slot.close();
    return null;
  }

  /** The page's grant may have been changed in place. False: it is no page of ours any more. */
  reread(): boolean {
    const bytes = new Uint8Array(LIMITS.bytes);
    if (readSync(this.page, bytes, 0, 24, 0) !== 24) return false;
    const epoch = viewOf(bytes).getUint32(LIMITS_AT.epoch, true);
    if (epoch === this.epoch) return true;
    if (readSync(this.page, bytes, 0, LIMITS.bytes, 0) !== LIMITS.bytes) return false;
    const page = decodeLimits(bytes);
    if (!page.ok || viewOf(bytes).getUint32(LIMITS_AT.version, true) < VERSION_WITH_RATES) return false;
    this.epoch = epoch;
    this.devices = page.value.devices;
    if (this.looks.length !== this.devices.length) this.makeRoom();
    return true;
  }

  private makeRoom(): void {
    this.bytes = new Uint8Array(this.devices.length * REGION.deviceBytes);
    this.view = viewOf(this.bytes);
    const nothing = { grantedNs: 0, demandNs: 0, busyNs: 0, launches: 0, refusals: 0, usedMiB: mib(0) };
    this.looks = this.devices.map(() => ({ ...nothing }));
  }

  /** Fills `looks`. False: the region cannot be read, they are as they were. */
  look(): boolean {
    if (!this.read()) return false;
    for (const [index, look] of this.looks.entries()) this.fill(look, index * REGION.deviceBytes);
    return true;
  }

  /** It is the tenant's file: whatever he made of it, others are looked at. */
  private read(): boolean {
    const length = this.bytes.byteLength;
    try {
      return this.region >= 0 && readSync(this.region, this.bytes, 0, length, REGION_AT.devices) === length;
    } catch {
      return false;
    }
  }

  private fill(look: Look, at: number): void {
    look.grantedNs = this.number(at + REGION_DEVICE_AT.granted_ns);
    look.demandNs = this.number(at + REGION_DEVICE_AT.demand_ns);
    look.busyNs = this.number(at + REGION_DEVICE_AT.busy_ns);
    look.launches = this.number(at + REGION_DEVICE_AT.launches);
    look.refusals = this.number(at + REGION_DEVICE_AT.refusals);
    const high = this.view.getUint32(at + REGION_DEVICE_AT.used_word + 4, true) & USED_HIGH_MASK;
    const low = this.view.getUint32(at + REGION_DEVICE_AT.used_word, true);
    look.usedMiB = Math.ceil((high * WORD + low) / BYTES_PER_MIB) as MiB;
  }

  /** Digits that a double cannot hold are given up: what is compared are differences. */
  private number(at: number): number {
    return this.view.getUint32(at + 4, true) * WORD + this.view.getUint32(at, true);
  }

  storeRate(index: number, rate: MilliCores): void {
    this.storedView.setUint32(0, rate, true);
    this.store(this.fieldAt(index, 'rate_permille'), 4);
  }

  storeMemoryNow(index: number, memory: MiB): void {
    this.storeNumber(this.fieldAt(index, 'memory_now_bytes'), memory * BYTES_PER_MIB);
  }

  storeBeat(nowNs: number): void {
    this.storeNumber(LIMITS_AT.arbiter_beat_ns, nowNs);
  }

  /** As it stands on the page; null: nobody has said anything, growth ends at the ceiling. */
  memoryNow(index: number): MiB | null {
    if (readSync(this.page, this.stored, 0, 8, this.fieldAt(index, 'memory_now_bytes')) !== 8) return null;
    const bytes = this.storedView.getUint32(4, true) * WORD + this.storedView.getUint32(0, true);
    return bytes === 0 ? null : mib(Math.floor(bytes / BYTES_PER_MIB));
  }

  private fieldAt(index: number, field: keyof typeof LIMITS_DEVICE_AT): number {
    return LIMITS_AT.devices + index * LIMITS.deviceBytes + LIMITS_DEVICE_AT[field];
  }

  private storeNumber(at: number, value: number): void {
    this.storedView.setUint32(0, value % WORD, true);
    this.storedView.setUint32(4, Math.floor(value / WORD), true);
    this.store(at, 8);
  }

  /** One aligned write of a register's width: the kernel copies it into the page that others have mapped by one move. */
  private store(at: number, size: number): void {
    const written = writeSync(this.page, this.stored, 0, size, at);
    if (written !== size) throw new Error(`limits page in ${this.folder} took ${written} of ${size} bytes`);
  }

  /** Whether other files lie there by now, as for a container that started anew. */
  isReplaced(): boolean {
    const isRegionGone = this.region < 0 || isOther(this.region, regionIn(this.folder));
    return isRegionGone || isOther(this.page, join(this.folder, 'limits'));
  }

  close(): void {
    closeSync(this.page);
    if (this.region >= 0) closeSync(this.region);
  }
}

function openRegion(path: string): number {
  const region = openOrNot(path, REGION_FLAGS);
  if (region < 0) return region;
  const stat = fstatSync(region);
  if (stat.isFile() && stat.size === REGION.bytes) return region;
  closeSync(region);
  return -1;
}

function openOrNot(path: string, flags: string | number): number {
  try {
    return openSync(path, flags);
  } catch {
    return -1;
  }
}

function isOther(descriptor: number, path: string): boolean {
  const open = fstatSync(descriptor);
  const there = statSync(path, { throwIfNoEntry: false });
  return there?.ino !== open.ino || there.dev !== open.dev;
}
