// SPDX-License-Identifier: Apache-2.0
// How much `topology` likes a node: by the set it would give, or by what one device would break.
import { withNumbers } from './alike.js';
import { misfitAlone } from './alone.js';
import type { DeviceState } from './node.js';
import type { NodeSight } from './sight.js';
import { bestMean, linkAt, meanLinks, squash } from './topology.js';

let free = new Uint8Array(32);

/** Of a node that has room for the pod. Allocates nothing once `free` is large enough. */
export function likeOfLinks(sight: NodeSight): number {
  const { devices, pairs } = sight.view;
  if (devices.length > free.length) free = new Uint8Array(2 * devices.length);
  const list = withNumbers(devices);
  const { widest } = sight;
  for (let at = 0; at < devices.length; at++) free[at] = misfitAlone(list, at, widest) === null ? 1 : 0;
  const { count } = widest.slice;
  return count > 1 ? squash(bestMean(pairs, free, count)) : likeOfOne(sight);
}

/**
 * Of the device that would be given, the worst connected: its own links, and those to untouched devices that it would
 * break; a device in use breaks none. The fewer of both, the better.
 */
function likeOfOne({ view: { devices, pairs } }: NodeSight): number {
  const means = meanLinks(pairs);
  let worst = -1;
  for (let at = 0; at < devices.length; at++)
    if (free[at] === 1 && (worst < 0 || (means[at] as number) < (means[worst] as number))) worst = at;
  if (worst < 0) return 0;
  let broken = 0;
  if (isUntouched(devices[worst]))
    for (let at = 0; at < devices.length; at++)
      if (isUntouched(devices[at])) broken += linkAt(pairs, worst, at);
  const mean = devices.length > 1 ? broken / (devices.length - 1) : 0;
  return 1 - (squash(means[worst] as number) + squash(mean)) / 2;
}

const isUntouched = (state: DeviceState | undefined): boolean => state?.hold.slices === 0;
