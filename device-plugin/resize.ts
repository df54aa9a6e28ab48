// SPDX-License-Identifier: Apache-2.0
// A placement that changed in its amounts alone is a resize: the slots' records and pages follow it under the running
// container. Devices, containers and priorities stay as they were first honoured.
//
//   letter ─▶ only amounts? ─▶ more: fence ─▶ records ─▶ pages in place     (each step may be done again: a kill between
//              no: not obeyed   no room: waits until somebody here gives up     two is mended by the next look)
//
// Only what the watch shows is followed: a fresh read may be ahead of it, and would be taken back by the next event.
import type { Placement } from '../src/core/placement.js';
import { grows, isResizeOf } from '../src/core/resize.js';
import { decodePlacement } from '../src/wire/placement.js';
import { fence } from './fence.js';
import { holdersOf } from './holders.js';
import type { NodeDevices } from './node-device.js';
import type { Pages } from './pages.js';
import type { PodView } from './pod-view.js';
import type { Pods } from './pods.js';
import { hasChanged } from './pre-start.js';
import type { BoundSlot } from './slot.js';
import type { SlotStore } from './slots.js';

export interface ResizesParts {
  readonly store: Pick<SlotStore, 'ofPod' | 'bound' | 'put'>;
  readonly pods: Pick<Pods, 'isOver' | 'lastSeen'>;
  readonly pages: Pick<Pages, 'ensure'>;
  readonly devices: () => NodeDevices;
  /** Where anybody may write placements, none that changed is obeyed. */
  readonly isAllowed: boolean;
  readonly onMoved: (pod: PodView, after: Placement) => void;
  /** No room here yet; told once a letter. */
  readonly onRefused: (pod: PodView, sentence: string) => void;
  readonly onFault: (fault: unknown) => void;
}

export class Resizes {
  /** Pods whose letter waits for room, with the letter told of. */
  private readonly waiting = new Map<string, string>();
  private last: Promise<void> = Promise.resolve();

  constructor(private readonly parts: ResizesParts) {}

  /** Whether the letter differs from what is honoured here in nothing but amounts. */
  isResize(pod: PodView): boolean {
    const slots = this.parts.store.ofPod(pod.uid);
    const letter = decodePlacement(pod.placement ?? '');
    if (!this.parts.isAllowed || !letter.ok) return false;
    return slots.every(({ owner }) => isResizeOf(owner.placement, letter.value));
  }

  /** One after the other; resolves when the pod's turn is over. Throws nothing. */
  follow(podUid: string): Promise<void> {
    this.last = this.last
      .then(() => this.move(podUid))
      .catch((fault: unknown) => {
        this.waiting.set(podUid, '');
        this.parts.onFault(fault);
      });
    return this.last;
  }

  isWaiting(podUid: string): boolean {
    return this.waiting.has(podUid);
  }

  /** Somebody here holds less than before, or is gone. */
  async roomMade(): Promise<void> {
    for (const podUid of [...this.waiting.keys()]) await this.follow(podUid);
  }

  forget(podUid: string): void {
    this.waiting.delete(podUid);
  }

  private async move(podUid: string): Promise<void> {
    const { store, pods, onMoved } = this.parts;
    const pod = pods.lastSeen(podUid);
    const slots = store.ofPod(podUid);
    if (pod === undefined || pod.isOver || !this.isResize(pod)) return this.forget(podUid);
    const letter = decodePlacement(pod.placement ?? '');
    if (!letter.ok || !slots.some(({ owner }) => hasChanged(pod, owner.placement)))
      return this.forget(podUid);
    const refusal = this.refusalOf(slots, letter.value);
    if (refusal !== null) return this.wait(pod, refusal);
    this.forget(podUid);
    const before = slots.map(({ owner }) => owner.placement);
    await this.write(slots, letter.value);
    onMoved(pod, letter.value);
    if (before.some((was) => grows(letter.value, was))) void this.roomMade();
  }

  /** Who gives up may always, whatever the others hold. */
  private refusalOf(slots: readonly BoundSlot[], after: Placement): string | null {
    const { store, pods, devices } = this.parts;
    if (!slots.some(({ owner }) => grows(owner.placement, after))) return null;
    const [{ owner }] = slots as readonly [BoundSlot];
    const fits = fence(devices(), holdersOf(store.bound(), pods), { ...owner, placement: after });
    return fits.ok ? null : fits.error;
  }

  /** Records first: the fence counts by them, and a start finds the page by them. */
  private async write(slots: readonly BoundSlot[], placement: Placement): Promise<void> {
    const { store, pages, devices } = this.parts;
    const moved = slots.map((slot) => ({ ...slot, owner: { ...slot.owner, placement } }));
    await store.put(moved);
    for (const slot of moved) pages.ensure(slot, devices());
  }

  private wait(pod: PodView, refusal: string): void {
    const letter = pod.placement ?? '';
    if (this.waiting.get(pod.uid) !== letter) this.parts.onRefused(pod, refusal);
    this.waiting.set(pod.uid, letter);
  }
}
