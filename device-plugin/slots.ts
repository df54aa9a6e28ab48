// SPDX-License-Identifier: Apache-2.0
// The slots of this node, in memory and on disk: one record a file, <folder>/<slot>.json.
// A record is on the disk before its slot is answered to the kubelet; what lies beside it in <folder>/<slot>/
// (limits, region, preload) can be made again from it.
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, readIfThere, replaceDurably, sweepTemps } from './files.js';
import { type BoundSlot, decodeSlot, encodeSlot, isBound, type Slot, sameIds, sortedIds } from './slot.js';

const RECORD = /^([0-9a-f]{32})\.json$/;

export interface UnreadableSlot {
  readonly slot: string;
  readonly path: string;
  readonly reason: string;
}

export class SlotStore {
  private readonly slots = new Map<string, Slot>();
  private readonly broken = new Map<string, UnreadableSlot>();

  private constructor(
    readonly folder: string,
    private readonly resource: string,
  ) {}

  /** Reads what the last run left; sweeps files that a kill left half-written. */
  static async open(folder: string, resource: string): Promise<SlotStore> {
    const store = new SlotStore(folder, resource);
    makeFolder(folder);
    sweepTemps(folder);
    await store.reload();
    return store;
  }

  /** Takes in records that another instance wrote (a surge upgrade runs two for a moment). */
  async reload(): Promise<void> {
    for (const name of await readdir(this.folder)) {
      const slot = RECORD.exec(name)?.[1];
      if (slot !== undefined && !this.slots.has(slot)) await this.read(slot);
    }
  }

  /** Looks again at records that could not be read: somebody may have mended or removed them. */
  async recheck(): Promise<void> {
    for (const { slot, path } of this.unreadable())
      if (readIfThere(path) === null) this.broken.delete(slot);
      else await this.read(slot);
  }

  private async read(slot: string): Promise<void> {
    const path = this.pathOf(slot);
    const record = decodeSlot(await readFile(path, 'utf8'));
    this.broken.delete(slot);
    if (!record.ok) this.broken.set(slot, { slot, path, reason: record.error });
    else if (record.value.resource === this.resource) this.slots.set(slot, record.value);
  }

  /** By order of allocation, oldest first. */
  all(): readonly Slot[] {
    return [...this.slots.values()].sort((a, b) => a.seq - b.seq);
  }

  bound(): readonly BoundSlot[] {
    return this.all().filter(isBound);
  }

  /** Records that cannot be read hold an unknown part of the node. */
  unreadable(): readonly UnreadableSlot[] {
    return [...this.broken.values()];
  }

  get(slot: string): Slot | undefined {
    return this.slots.get(slot);
  }

  /** The last slot that was given out for exactly these ids. */
  latest(ids: readonly string[]): Slot | undefined {
    const wanted = sortedIds(ids);
    return this.all().findLast((slot) => sameIds(slot.ids, wanted));
  }

  ofPod(podUid: string): readonly BoundSlot[] {
    return this.bound().filter((slot) => slot.owner.podUid === podUid);
  }

  /** Above all seqs known here, and above those another instance gave before `nowMs`. */
  nextSeq(nowMs: number): number {
    let last = 0;
    for (const slot of this.slots.values()) last = Math.max(last, slot.seq);
    return Math.max(last + 1, nowMs * 1000);
  }

  /** In memory at once, so that nobody decides on the old state meanwhile; on disk when this resolves. */
  async put(slots: readonly Slot[]): Promise<void> {
    const before = slots.map(({ slot }) => [slot, this.slots.get(slot)] as const);
    for (const slot of slots) this.slots.set(slot.slot, slot);
    try {
      const files = slots.map((slot) => ({
        path: this.pathOf(slot.slot),
        content: encodeSlot(slot),
        mode: 0o600,
      }));
      await replaceDurably(this.folder, files);
    } catch (cause) {
      for (const [slot, old] of before) this.restore(slot, old);
      throw cause;
    }
  }

  private restore(slot: string, old: Slot | undefined): void {
    if (old === undefined) this.slots.delete(slot);
    else this.slots.set(slot, old);
  }

  /** The record last: a kill in the middle, or a power loss soon after, leaves what is removed again later. */
  async remove(slot: string): Promise<void> {
    await rm(join(this.folder, slot), { recursive: true, force: true });
    await rm(this.pathOf(slot), { force: true });
    this.slots.delete(slot);
  }

  private pathOf(slot: string): string {
    return join(this.folder, `${slot}.json`);
  }
}
