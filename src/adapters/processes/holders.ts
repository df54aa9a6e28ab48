// SPDX-License-Identifier: Apache-2.0
// Who holds memory of devices: the driver's list, with what the kernel says of each process. What does not change in
// the life of a process is read once.
import type { Holder } from '../../observing/escape.js';
import type { DeviceReading } from '../../observing/usage.js';
import type { Proc, ProcessSight } from './proc.js';

interface Known extends ProcessSight {
  hasLibrary: boolean;
}

export class Holders {
  private known = new Map<number, Known>();

  /** `hasAnnounced`: the library in that process said so itself. */
  constructor(
    private readonly proc: Proc,
    private readonly hasAnnounced: (pid: number, startTicks: number) => boolean,
  ) {}

  of(devices: readonly DeviceReading[]): readonly Holder[] {
    const before = this.known;
    this.known = new Map();
    return devices.flatMap(({ id, processes }) =>
      processes
        .filter(({ usedBytes }) => usedBytes > 0)
        .flatMap(({ pid, usedBytes }) => {
          const known = this.known.get(pid) ?? this.look(pid, before.get(pid));
          if (known === null) return [];
          this.known.set(pid, known);
          return [{ deviceId: id, pid, usedBytes, ...known }];
        }),
    );
  }

  /** null: it has ended since. */
  private look(pid: number, before: Known | undefined): Known | null {
    const startTicks = this.proc.startTicks(pid);
    if (startTicks === 0) return null;
    const sight = before?.startTicks === startTicks ? before : this.proc.sight(pid);
    const isSure = before?.startTicks === startTicks && before.hasLibrary;
    const hasLibrary = isSure || this.hasAnnounced(pid, startTicks) || this.proc.hasLibrary(pid);
    return { ...sight, hasLibrary };
  }
}
