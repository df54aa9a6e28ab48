// SPDX-License-Identifier: Apache-2.0
// Processes by their host pid, as /proc of the node shows them. A process may end at any moment: what cannot be read
// reads as empty.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { containerIn, innerPidIn, podUidIn, slotIn, startTicksIn } from '../../wire/process-sight.js';

export interface ProcessSight {
  readonly startTicks: number;
  readonly podUid: string;
  readonly containerId: string;
  readonly slot: string;
  readonly innerPid: number;
}

/** The interposer as containers see it, whose name stands in every process it was loaded into. */
const LIBRARY = '/libkerf.so';
/** Where ours covers the driver's file it bears that one's name, and the covered one lies here. */
const COVERED_DRIVER = '/usr/local/kerf/driver/';

export class Proc {
  constructor(private readonly folder: string) {}

  /** 0: there is no such process. */
  startTicks(pid: number): number {
    return startTicksIn(this.text(pid, 'stat'));
  }

  sight(pid: number): ProcessSight {
    const cgroup = this.text(pid, 'cgroup');
    return {
      startTicks: this.startTicks(pid),
      podUid: podUidIn(cgroup),
      containerId: containerIn(cgroup),
      slot: slotIn(this.text(pid, 'mountinfo')),
      innerPid: innerPidIn(this.text(pid, 'status')),
    };
  }

  /** Megabytes of text for a large process: not to be asked often. */
  hasLibrary(pid: number): boolean {
    const maps = this.text(pid, 'maps');
    return maps.includes(LIBRARY) || maps.includes(COVERED_DRIVER);
  }

  /**
   * Ends the process if it still is the one that was seen, in the same container. Node has no pidfd: between the look and the signal a pid
   * would have to end, be reaped and be given anew, all within microseconds.
   */
  kill(pid: number, seen: Pick<ProcessSight, 'startTicks' | 'containerId'>): boolean {
    const isSame = this.startTicks(pid) === seen.startTicks && seen.startTicks > 0;
    const { containerId } = seen;
    if (!isSame || containerId === '' || containerIn(this.text(pid, 'cgroup')) !== containerId) return false;
    try {
      return process.kill(pid, 'SIGKILL');
    } catch {
      return false;
    }
  }

  private text(pid: number, file: string): string {
    try {
      return readFileSync(join(this.folder, String(pid), file), 'utf8');
    } catch {
      return '';
    }
  }
}
