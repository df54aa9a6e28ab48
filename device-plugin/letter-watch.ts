// SPDX-License-Identifier: Apache-2.0
import type { Placement } from '../src/core/placement.js';
import type { PodView } from './pod-view.js';
import { hasChanged } from './pre-start.js';

/** Sees when a placement is changed after it was honoured; each pod is told once. */
export class LetterWatch {
  /** Letters as last seen: one that is not new is not read again with every event of the pod. */
  private readonly seen = new Map<string, string | null>();
  private readonly told = new Set<string>();

  constructor(private readonly onChanged: (pod: PodView) => void) {}

  look(pod: PodView, honoured: Placement): void {
    if (this.seen.get(pod.uid) === pod.placement) return;
    this.seen.set(pod.uid, pod.placement);
    if (!pod.isOver && hasChanged(pod, honoured)) this.tell(pod);
  }

  tell(pod: PodView): void {
    if (this.told.has(pod.uid)) return;
    this.told.add(pod.uid);
    this.onChanged(pod);
  }

  forget(podUid: string): void {
    this.seen.delete(podUid);
    this.told.delete(podUid);
  }
}
