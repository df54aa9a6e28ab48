// SPDX-License-Identifier: Apache-2.0
// Fragmentation of a room as of "Beware of Fragmentation" (USENIX ATC'23), §4: GPU that the next pod, drawn from the mix,
// could not use.
import type { Mix, MixRow } from './mix.js';
import { allows, freeMilli, type Room } from './shape.js';

/** Expected milli of the free GPU that the next pod cannot use, 0..all free. */
export function fragmentationOf(room: Room, mix: Mix): number {
  const free = freeMilli(room.gpuMilli);
  let sum = 0;
  for (let m = 0; m < mix.length; m++) {
    const row = mix[m] as MixRow;
    sum += row.share * unusable(room, row, free);
  }
  return sum;
}

function unusable(room: Room, row: MixRow, free: number): number {
  if (row.gpus === 0 || room.cpuMilli < row.cpuMilli || !allows(row, room.kind)) return free;
  let fitting = 0;
  let small = 0;
  for (let i = 0; i < room.gpuMilli.length; i++) {
    const milli = room.gpuMilli[i] ?? 0;
    if (milli >= row.gpuMilli) fitting++;
    else small += milli;
  }
  return fitting < row.gpus ? free : small;
}
