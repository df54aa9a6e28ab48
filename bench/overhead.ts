// SPDX-License-Identifier: Apache-2.0
// What a slice costs the program in it, on the fake driver: a launch, an allocation, the start of a process, of many.
//   npm run bench -- overhead [--quick] [--peer DIR] [--json]
import { allocationRows, batchRows, FULL, launchRows, QUICK, startRows } from './overhead/cases.js';
import { Stage } from './overhead/stage.js';
import { peerOf } from './peer/hami-core.js';
import type { Row } from './report.js';

export const about =
  'what a slice adds to a launch, an allocation, the start of processes; --peer DIR: beside HAMi-core';

export function run(args: readonly string[]): Promise<readonly Row[]> {
  const size = args.includes('--quick') ? QUICK : FULL;
  const peer = peerOf(args);
  const stage = new Stage(peer);
  try {
    const cases = [launchRows, allocationRows, startRows, batchRows];
    return Promise.resolve(cases.flatMap((rows) => rows(stage, size)));
  } finally {
    stage.end();
    peer?.end();
  }
}
