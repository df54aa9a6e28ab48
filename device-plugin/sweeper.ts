// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../src/adapters/clock.js';
import type { PodResources } from '../src/adapters/kubelet/pod-resources.js';
import type { Pages } from './pages.js';
import type { Pods } from './pods.js';
import { isBound, type Slot } from './slot.js';
import type { SlotStore } from './slots.js';
import { gone, idsByPod, ORPHAN_MS } from './sweep.js';

export interface SweeperParts {
  readonly resource: string;
  readonly store: SlotStore;
  readonly pods: Pick<Pods, 'readAll' | 'lastSeen' | 'listen' | 'isSynced'>;
  readonly shown: { list(): Promise<readonly PodResources[]> };
  readonly pages: Pick<Pages, 'removeSpec' | 'dropRegion'>;
  readonly clock: Clock;
  readonly onGone: (slot: Slot) => void;
  readonly onFault: (fault: unknown) => void;
}

const API_MS = 5_000;
/** After a pod ended or is gone from the API server: the kubelet is about to let go too. */
const SETTLE_MS = 1_000;
const AGAIN_MS = 30_000;

/** Sweeps when a pod ended, and looks every half minute; asks nobody as long as nothing seems gone. */
export class Sweeper {
  private running: Promise<void> | null = null;
  private cancel: () => void = () => {};
  private forget: () => void = () => {};
  private dueAt = Number.POSITIVE_INFINITY;

  constructor(private readonly parts: SweeperParts) {}

  start(): void {
    this.forget = this.parts.pods.listen((podUid, pod) => {
      const hasEnded = pod === null || pod.isOver;
      if (hasEnded && this.parts.store.ofPod(podUid).length > 0) this.plan(SETTLE_MS);
    });
    this.plan(SETTLE_MS);
  }

  stop(): void {
    this.cancel();
    this.forget();
  }

  /** One at a time: who comes meanwhile waits for the running one. Throws nothing. */
  sweep(): Promise<void> {
    this.running ??= this.once()
      .catch((fault) => this.parts.onFault(fault))
      .finally(() => {
        this.running = null;
      });
    return this.running;
  }

  /** An earlier turn stands: pods that end one after the other must not put it off for ever. */
  private plan(ms: number): void {
    const { clock } = this.parts;
    if (this.dueAt <= clock.now() + ms) return;
    this.cancel();
    this.dueAt = clock.now() + ms;
    this.cancel = clock.after(ms, () => {
      this.dueAt = Number.POSITIVE_INFINITY;
      this.plan(AGAIN_MS);
      if (this.isSomethingGone()) void this.sweep();
    });
  }

  private isSomethingGone(): boolean {
    const { store, pods, clock } = this.parts;
    if (!pods.isSynced) return false;
    return store
      .all()
      .some((slot) =>
        isBound(slot)
          ? pods.lastSeen(slot.owner.podUid)?.isOver !== false
          : clock.now() - slot.allocatedAtMs > ORPHAN_MS,
      );
  }

  private async once(): Promise<void> {
    const { store, pods, shown, pages, clock, resource, onGone } = this.parts;
    // An empty list costs no turn: the common case asks at once.
    if (store.unreadable().length > 0) await store.recheck();
    const slots = store.all();
    const [living, listed] = await Promise.all([pods.readAll(API_MS), shown.list()]);
    const nowMs = clock.now();
    for (const slot of gone({ slots, pods: living, shown: idsByPod(listed, resource), nowMs })) {
      // Bound while we asked: then it is somebody's.
      if (store.get(slot.slot) !== slot) continue;
      pages.removeSpec(slot.slot);
      pages.dropRegion(slot.slot);
      await store.remove(slot.slot);
      onGone(slot);
    }
  }
}
