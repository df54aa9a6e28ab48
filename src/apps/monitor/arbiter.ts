// SPDX-License-Identifier: Apache-2.0
// The node's arbiter: looks every 10 ms who waits for device time, and says on each page what its container may use now.
//
//   regions ── pread: granted, demand ──▶ core/arbiter ──▶ pwrite: rate, beat ──▶ limits pages
//            ── pread: used, refusals ──▶ core/elastic ──▶ pwrite: memory now ──▶      (every 250 ms)
//
// When it is gone its beat grows old, and libkerf goes back to the static shares (LIMITS.beatFreshNs). Where growth ends
// stays as it was last said. Devices whose slices are all hard and fit are left alone: there is nothing to decide.
import { needsArbiter, ratesOf, type Sharer, usedOf } from '../../core/arbiter.js';
import { isNear } from '../../core/elastic.js';
import { type MiB, type MilliCores, milliCores, NO_CORES, WHOLE_DEVICE } from '../../core/units.js';
import { divideAmong, type Lendable } from '../../adapters/region/divide.js';
import { LiveSlot, type Look } from '../../adapters/region/live-slot.js';
import type { DeviceLimit } from '../../wire/limits.js';

/** Of LIMITS.beatFreshNs it is a tenth: a few beats may be late. */
const BEAT_NS = 300_000_000;
/** A waiting thread says so every 10 ms at least: two looks, and one that was late. */
const DEMAND_NS = 30_000_000;
/** After a refusal somebody wants more for so long. */
const WANT_NS = 2_000_000_000;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** One slice of one device, as it was last seen. */
interface Member {
  readonly slot: LiveSlot;
  readonly index: number;
  readonly look: Look;
  readonly sharer: Mutable<Sharer>;
  limit: DeviceLimit;
  grantedNs: number;
  /** As it stands on the page. */
  rate: number;
  refusals: number;
  wantedNs: number;
}

/** MiB that all slices of a device may hold together; null: nobody knows, growth ends where it ended. */
export type Lendings = (uuid: string, heldMiB: number) => MiB | null;

export interface ArbitratedSlot {
  /** Holds limits and region. */
  readonly folder: string;
  /** Whether its memory may pass the guaranteed part, by the policy. */
  readonly mayBorrow: boolean;
}

/** null: not the arbiter's to say. */
export interface Word {
  readonly folder: string;
  readonly deviceId: string;
  readonly cores: MilliCores | null;
  readonly memory: MiB | null;
}

export class Arbiter {
  private readonly slots = new Map<string, LiveSlot>();
  private readonly members = new Map<LiveSlot, readonly Member[]>();
  private readonly clamped = new Set<string>();
  private borrowers: ReadonlySet<string> = new Set();
  private devices: readonly (readonly Member[])[] = [];
  /** Of each device with something to decide, the slices that have a share. */
  private shared: readonly (readonly Member[])[] = [];
  private sharing: readonly LiveSlot[] = [];
  private lastNs = 0;
  private beatNs = 0;

  /** Opens what came, closes what left, and reads again what pages say. */
  refresh(slots: readonly ArbitratedSlot[]): void {
    const there = new Set(slots.map(({ folder }) => folder));
    this.borrowers = new Set(slots.filter(({ mayBorrow }) => mayBorrow).map(({ folder }) => folder));
    for (const [folder, slot] of this.slots)
      if (!there.has(folder) || slot.isReplaced() || !slot.reread()) this.drop(folder, slot);
    for (const folder of there) {
      const slot = this.slots.get(folder) ?? LiveSlot.open(folder);
      if (slot !== null) this.slots.set(folder, slot);
    }
    this.group();
  }

  private drop(folder: string, slot: LiveSlot): void {
    slot.close();
    this.slots.delete(folder);
    this.members.delete(slot);
  }

  private group(): void {
    const devices = new Map<string, Member[]>();
    for (const slot of this.slots.values())
      for (const member of this.membersOf(slot)) {
        const { uuid } = member.limit;
        devices.set(uuid, [...(devices.get(uuid) ?? []), member]);
      }
    const before = this.shared.flat();
    this.devices = [...devices.values()];
    this.shared = this.devices
      .map((members) => members.filter(({ limit }) => isLimited(limit)))
      .filter((members) => needsArbiter(members.map(({ sharer }) => sharer)));
    const now = new Set(this.shared.flat());
    this.sharing = [...new Set([...now].map(({ slot }) => slot))];
    for (const member of before)
      if (!now.has(member) && this.members.has(member.slot)) setRate(member, NO_CORES);
  }

  private membersOf(slot: LiveSlot): readonly Member[] {
    const isClamped = this.clamped.has(slot.folder);
    let members = this.members.get(slot);
    if (members?.length !== slot.devices.length) {
      slot.look();
      members = slot.looks.map((look, index) => firstSeen(slot, index, look));
      this.members.set(slot, members);
    }
    for (const [index, limit] of slot.devices.entries()) {
      const member = members[index] as Member;
      member.limit = limit;
      Object.assign(member.sharer, grantOf(limit), { isClamped });
    }
    return members;
  }

  /** One look and its answer. `nowNs`: CLOCK_MONOTONIC. */
  tick(nowNs: number): void {
    const elapsedNs = Math.max(1, nowNs - this.lastNs);
    this.lastNs = nowNs;
    const isBeat = nowNs - this.beatNs >= BEAT_NS;
    if (isBeat) this.beatNs = nowNs;
    for (const slot of this.sharing) {
      slot.look();
      if (isBeat) slot.storeBeat(nowNs);
    }
    for (const members of this.shared) {
      for (const member of members) see(member, nowNs, elapsedNs);
      const rates = ratesOf(members.map(({ sharer }) => sharer));
      for (const [at, member] of members.entries()) setRate(member, rates[at] ?? NO_CORES);
    }
  }

  /** Says anew where each slice's growth ends, between its guaranteed part and its ceiling. */
  divide(nowNs: number, lendings: Lendings): void {
    for (const members of this.devices) {
      for (const member of members) if (this.clamped.has(member.slot.folder)) holdMemory(member);
      if (!members.some(({ limit }) => isElastic(limit))) continue;
      const slices = members.map((member) => this.lendable(member, nowNs));
      const held = slices.reduce((sum, { used }) => sum + used(), 0);
      const memory = lendings(members[0]?.limit.uuid ?? '', held);
      if (memory !== null) divideAmong(memory, slices);
    }
  }

  private lendable(member: Member, nowNs: number): Lendable {
    const { slot, index, limit, look } = member;
    const used = (): MiB => (slot.look() ? look.usedMiB : limit.memory);
    const now = (): MiB => slot.memoryNow(index) ?? limit.memory;
    const held = used();
    if (look.refusals > member.refusals) member.wantedNs = nowNs;
    member.refusals = look.refusals;
    const isWanting = nowNs - member.wantedNs < WANT_NS || isNear(held, now());
    const setNow = (memory: MiB): void => slot.storeMemoryNow(index, memory);
    return { ...this.boundsOf(member, held), isWanting, used, now, setNow };
  }

  /** Who must not borrow any more keeps what he has until he gives it back. */
  private boundsOf({ slot, limit }: Member, held: MiB): Pick<Lendable, 'ceiling' | 'guaranteed'> {
    if (this.clamped.has(slot.folder)) return { ceiling: atLeastOne(held), guaranteed: atLeastOne(held) };
    const { memory, guaranteed = memory } = limit;
    if (this.borrowers.has(slot.folder)) return { ceiling: memory, guaranteed };
    return { ceiling: Math.max(guaranteed, Math.min(held, memory)) as MiB, guaranteed };
  }

  /** Whether somebody may borrow memory: else nobody need ask the driver. */
  get isLending(): boolean {
    return this.devices.some((members) => members.some(({ limit }) => isElastic(limit)));
  }

  /** Holds a slot to almost no compute and to the memory it has, until `release`. */
  clamp(folder: string): void {
    this.clamped.add(folder);
    this.group();
  }

  release(folder: string): void {
    if (!this.clamped.delete(folder)) return;
    this.group();
    const slot = this.slots.get(folder);
    for (const { limit, index } of (slot === undefined ? undefined : this.members.get(slot)) ?? [])
      slot?.storeMemoryNow(index, limit.guaranteed ?? limit.memory);
  }

  /** What each slice may use at this moment, where it has a share, or a ceiling above its guaranteed part. */
  words(): readonly Word[] {
    return this.devices.flat().map(({ slot, index, limit, rate }) => ({
      ...{ folder: slot.folder, deviceId: limit.uuid },
      cores: isLimited(limit) ? milliCores(rate === 0 ? limit.cores : rate) : null,
      memory: isElastic(limit) ? (slot.memoryNow(index) ?? limit.memory) : null,
    }));
  }

  close(): void {
    for (const [folder, slot] of [...this.slots]) this.drop(folder, slot);
    this.group();
  }
}

/** Others take what they can get: nobody counts their time. */
const isLimited = ({ cores }: DeviceLimit): boolean => cores > 0 && cores < WHOLE_DEVICE;
/** Or was: what its page says of now must not outlive its ceiling. */
const isElastic = ({ memory, guaranteed, memoryNow }: DeviceLimit): boolean =>
  (guaranteed ?? memory) < memory || memoryNow !== undefined;

function grantOf({ cores, weight, isSoft, isHigh }: DeviceLimit): Omit<Sharer, 'isWaiting' | 'used'> {
  return { share: cores, weight: weight ?? 1, isSoft: isSoft === true, isHigh: isHigh === true };
}

function firstSeen(slot: LiveSlot, index: number, look: Look): Member {
  const limit = slot.devices[index] as DeviceLimit;
  const sharer = { ...grantOf(limit), isWaiting: false, used: NO_CORES };
  const { grantedNs, refusals } = look;
  return { slot, index, look, sharer, limit, grantedNs, refusals, rate: limit.rate ?? 0, wantedNs: -WANT_NS };
}

function see(member: Member, nowNs: number, elapsedNs: number): void {
  const { look, sharer } = member;
  const part = ((look.grantedNs - member.grantedNs) / elapsedNs) * WHOLE_DEVICE;
  member.grantedNs = look.grantedNs;
  sharer.isWaiting = nowNs - look.demandNs < DEMAND_NS;
  sharer.used = usedOf(sharer.used, part);
}

/** 0: the page's own share holds. */
function setRate(member: Member, rate: number): void {
  if (member.rate === rate) return;
  member.rate = rate;
  member.slot.storeRate(member.index, milliCores(rate));
}

/** On a page 0 is no word at all. */
const atLeastOne = (memory: MiB): MiB => Math.max(1, memory) as MiB;

function holdMemory({ slot, index, look }: Member): void {
  if (slot.look()) slot.storeMemoryNow(index, atLeastOne(look.usedMiB));
}
