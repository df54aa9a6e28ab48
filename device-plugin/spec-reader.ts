// SPDX-License-Identifier: Apache-2.0
// Waits until the runtime has read a slot's CDI spec.
//
// containerd 2.4 (container-device-interface 1.1.1) does not look into its CDI folders when a container is created:
// it reads them again when an inotify event has told it to. PreStart answers within a millisecond of the rename, so
// in a burst CreateContainer can come first: "unresolvable CDI devices", and the kubelet tries again seconds later
// (seen: 1 of 60 containers, the last one to run). A spec is written with an access time of zero (files.ts); the
// first read moves it, also on file systems mounted relatime, and the runtime holds its cache's lock from that read
// until the new devices are in it.
import { statSync } from 'node:fs';
import type { Clock } from '../src/adapters/clock.js';

export interface SpecReaderParts {
  readonly clock: Clock;
  /** Access time of a file in ms; null when it is not there. The disk's when absent. */
  readonly accessedAtMs?: (path: string) => number | null;
  /** Nobody read the spec in time: the container is let go all the same, and the kubelet tries again if need be. */
  readonly onUnread: (path: string) => void;
}

const STEP_MS = 3;
const PATIENCE_MS = 1_000;
/** Where nothing ever moves an access time (noatime), or a runtime that only reads when it must. */
const BLIND_MS = 30;
const BLIND_AFTER = 2;

export class SpecReader {
  private hasSeenOne = false;
  private unread = 0;

  constructor(private readonly parts: SpecReaderParts) {}

  async awaitRead(path: string): Promise<void> {
    const { clock, onUnread } = this.parts;
    const accessed = this.parts.accessedAtMs ?? accessedAtMs;
    const isBlind = !this.hasSeenOne && this.unread >= BLIND_AFTER;
    const endsAt = clock.now() + (isBlind ? BLIND_MS : PATIENCE_MS);
    while (accessed(path) === 0) {
      if (clock.now() >= endsAt) {
        this.unread += 1;
        if (!isBlind) onUnread(path);
        return;
      }
      await new Promise<void>((resolve) => clock.after(STEP_MS, resolve));
    }
    this.hasSeenOne = true;
  }
}

export function accessedAtMs(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.atimeMs ?? null;
}
