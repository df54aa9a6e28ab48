// SPDX-License-Identifier: Apache-2.0
// Pods that are our business (they ask for devices or carry a placement), as the watch shows them.
// A mirror, no judgement: what they hold stands in the ledger.
import type { PodView } from '../wire/pod-view.js';

export class PodMirror {
  private byUid = new Map<string, PodView>();
  private readonly uidOf = new Map<string, string>();

  get(uid: string): PodView | undefined {
    return this.byUid.get(uid);
  }

  named(namespace: string, name: string): PodView | undefined {
    return this.byUid.get(this.uidOf.get(`${namespace}/${name}`) ?? '');
  }

  all(): Iterable<PodView> {
    return this.byUid.values();
  }

  set(pod: PodView): void {
    if (!pod.asksForDevices && pod.placement === null) {
      this.delete(pod);
      return;
    }
    this.byUid.set(pod.uid, pod);
    this.uidOf.set(`${pod.namespace}/${pod.name}`, pod.uid);
  }

  delete(pod: PodView): void {
    this.byUid.delete(pod.uid);
    const key = `${pod.namespace}/${pod.name}`;
    if (this.uidOf.get(key) === pod.uid) this.uidOf.delete(key);
  }

  replace(pods: readonly PodView[]): void {
    this.byUid = new Map();
    this.uidOf.clear();
    for (const pod of pods) this.set(pod);
  }
}
