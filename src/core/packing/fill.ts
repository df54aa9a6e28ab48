// SPDX-License-Identifier: Apache-2.0
// What stays free when one shape alone fills the room: sees CPU run out before it has.
import type { Mix, MixRow } from './mix.js';
import { allows, askedMilli, freeMilli, type Room } from './shape.js';

/** Expected milli of the free GPU that is left when a shape drawn from the mix fills the room, 0..all free. */
export function unfilledOf(room: Room, mix: Mix): number {
  let filled = 0;
  for (let m = 0; m < mix.length; m++) {
    const row = mix[m] as MixRow;
    if (row.gpus > 0) filled += row.share * askedMilli(row) * timesIn(room, row);
  }
  return freeMilli(room.gpuMilli) - filled;
}

function timesIn(room: Room, row: MixRow): number {
  if (room.cpuMilli < row.cpuMilli || !allows(row, room.kind)) return 0;
  let slots = 0;
  for (let i = 0; i < room.gpuMilli.length; i++) slots += Math.floor((room.gpuMilli[i] ?? 0) / row.gpuMilli);
  const byGpu = row.gpus === 1 ? slots : Math.floor(slots / row.gpus);
  return row.cpuMilli === 0 ? byGpu : Math.min(byGpu, Math.floor(room.cpuMilli / row.cpuMilli));
}
