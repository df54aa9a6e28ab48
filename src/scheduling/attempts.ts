// SPDX-License-Identifier: Apache-2.0
// How often binding a pod is tried again: of each pod that kube-scheduler wanted bound and that is not bound yet.

/** Pods remembered; the oldest is forgotten first, and its next try counts as a first one. */
const MOST_REMEMBERED = 10_000;

export class Attempts {
  private readonly tried = new Set<string>();

  /** A bind is asked; true when one was asked before for this pod (UID), and did not bind it. */
  begin(uid: string): boolean {
    const isRetry = this.tried.delete(uid);
    this.tried.add(uid);
    const [oldest] = this.tried;
    if (this.tried.size > MOST_REMEMBERED && oldest !== undefined) this.tried.delete(oldest);
    return isRetry;
  }

  /** It is bound. */
  done(uid: string): void {
    this.tried.delete(uid);
  }
}
