// SPDX-License-Identifier: Apache-2.0
// Whoever is measured: something that runs loads under a limit of the GPU, on a machine of its own.
import { type Got, type Load, limitedSlice, runLoads } from '../../test/native/compute-stage.js';
import { Machine } from '../../test/native/slice.js';

export interface Limiter {
  readonly name: string;
  /** 0 is no limit. */
  run(permille: number, loads: readonly Load[]): Promise<readonly Got[]>;
}

/** Each load in a container of its own, so that none pays what another owed. */
export const KERF: Limiter = {
  name: 'kerf',
  async run(permille, loads) {
    const machine = new Machine('A100-40G');
    try {
      const got: Got[] = [];
      for (const load of loads)
        got.push(...(await runLoads(limitedSlice(machine, permille), [load], 'real')));
      return got;
    } finally {
      machine.end();
    }
  },
};
