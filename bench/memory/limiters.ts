// SPDX-License-Identifier: Apache-2.0
// Who may be asked to hold a memory limit. A peer is one more of these.
import type { ChildProcess, SpawnSyncReturns } from 'node:child_process';
import type { Machine } from '../../test/native/slice.js';
import type { Peer } from '../peer/hami-core.js';

/** A container with one device and a limit. */
export interface Held {
  run(command: readonly string[]): SpawnSyncReturns<string>;
  start(command: readonly string[]): ChildProcess;
  /** The most that was ever charged, by its own books; null where it keeps none that can be read. */
  trackedPeakBytes(): number | null;
}

export interface Limiter {
  readonly name: string;
  hold(machine: Machine, gpu: number, mib: number): Held;
}

export const KERF: Limiter = {
  name: 'kerf',
  hold(machine, gpu, mib) {
    const slice = machine.slice({ gpu: machine.gpu(gpu), mib });
    return {
      run: (command) => slice.run(command),
      start: (command) => slice.start(command),
      trackedPeakBytes: () => slice.region().devices[0]?.peakBytes ?? null,
    };
  },
};

/** Another's library before the bare driver. It keeps no books that we could read. */
export function peerLimiter(peer: Peer): Limiter {
  return {
    name: peer.name,
    hold(machine, gpu, mib) {
      const bare = machine.slice({ gpu: machine.gpu(gpu), mib });
      for (const part of ['preload', 'limits', 'region']) bare.remove(part);
      const variables = Object.entries(peer.env({ mib, percent: 0 })).map(
        ([name, value]) => `${name}=${value}`,
      );
      return {
        run: (command) => bare.run(['env', ...variables, ...command]),
        start: (command) => bare.start(['env', ...variables, ...command]),
        trackedPeakBytes: () => null,
      };
    },
  };
}
