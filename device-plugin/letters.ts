// SPDX-License-Identifier: Apache-2.0
// Placements that change after they were honoured: other amounts are followed, all else is reported and not obeyed.
import type { Logger } from 'pino';
import type { PluginMetrics } from './metrics.js';
import type { PodView } from './pod-view.js';
import { hasChanged } from './pre-start.js';
import { Resizes, type ResizesParts } from './resize.js';

export interface LettersParts extends Omit<ResizesParts, 'onMoved' | 'onRefused'> {
  readonly metrics: Pick<PluginMetrics, 'resizes' | 'changedPlacements'>;
  readonly log: Logger;
}

export class Letters {
  /** As last seen: one that is not new is not read again with every event of the pod. */
  private readonly seen = new Map<string, string | null>();
  private readonly reported = new Set<string>();
  private readonly resizes: Resizes;

  constructor(private readonly parts: LettersParts) {
    const { metrics, log } = parts;
    this.resizes = new Resizes({
      ...parts,
      onMoved({ namespace, name, uid }, placement) {
        metrics.resizes.inc({ result: 'moved' });
        log.info({ pod: `${namespace}/${name}`, uid, placement }, 'resized');
      },
      onRefused({ namespace, name, uid }, refusal) {
        metrics.resizes.inc({ result: 'refused' });
        log.warn({ pod: `${namespace}/${name}`, uid, refusal }, 'resize has no room here yet');
      },
    });
  }

  /** The watch tells of a pod; null: it is gone. */
  heard(podUid: string, pod: PodView | null): void {
    if (pod === null) this.forget(podUid);
    else this.look(pod);
    if (this.resizes.isWaiting(podUid)) void this.resizes.follow(podUid);
    if (pod?.isOver !== false) this.roomMade();
  }

  /** The letter may have changed between PreStart's look at the pod and the slot's record. */
  started(podUid: string): void {
    void this.resizes.follow(podUid);
  }

  /** A resize is followed when the watch shows it: PreStart's read may be ahead of that. */
  readAhead(pod: PodView): void {
    if (!this.resizes.isResize(pod)) this.report(pod);
  }

  /** A slot went, or devices are known that were not. */
  roomMade(): void {
    void this.resizes.roomMade();
  }

  private look(pod: PodView): void {
    const slots = this.parts.store.ofPod(pod.uid);
    if (slots.length === 0 || this.seen.get(pod.uid) === pod.placement) return;
    this.seen.set(pod.uid, pod.placement);
    if (pod.isOver || !slots.some(({ owner }) => hasChanged(pod, owner.placement))) return;
    if (this.resizes.isResize(pod)) void this.resizes.follow(pod.uid);
    else this.report(pod);
  }

  /** Once a pod. */
  private report({ namespace, name, uid, placement: letter }: PodView): void {
    if (this.reported.has(uid)) return;
    this.reported.add(uid);
    this.parts.metrics.changedPlacements.inc();
    this.parts.log.warn({ pod: `${namespace}/${name}`, uid, letter }, 'changed placement is not obeyed');
  }

  private forget(podUid: string): void {
    this.seen.delete(podUid);
    this.reported.delete(podUid);
    this.resizes.forget(podUid);
  }
}
